"""The folder: checkpoints with what recordings go through before them, model card, configuration, and a program that predicts."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.artifacts.aligned.preprocessing import preprocessing_path
from pipeline.artifacts.formats.files import read_text, sha256_of, write_json, write_text, write_whole_folder
from pipeline.artifacts.trained.checkpoint import VERSION, checkpoint_path
from pipeline.errors import PipelineError
from pipeline.execution.plugin_sources import plugin_sources
from pipeline.execution.source import import_closure
from pipeline.plugins import PACKAGE, module_of
from pipeline.prediction.model import Model, load_model, preprocessing_libraries

LIBRARY = "grcf-pipeline"
_PROGRAM = Path(__file__).with_name("predict.py")
# The hub keeps large files in LFS; `hf upload` knows that by itself, `git push` does not.
_ATTRIBUTES = "*.safetensors filter=lfs diff=lfs merge=lfs -text\n"
_START = re.compile(r"^## How to get started\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_DIGESTS = re.compile(r"^\| (\d+) \| \d+ \| \d+ \| `([0-9a-f]{64})` \|$", re.MULTILINE)
_USE = """\
## How to get started

Clone the pipeline's repository and make its environment. In its root, with this folder at `FOLDER`:

```python
from pipeline.prediction.model import Model

model = Model.load("FOLDER")
model.predict("clip.mp4", transcript="I would see it again.").mean
```

or from a shell:

```sh
python FOLDER/predict.py clip.mp4 --transcript "I would see it again."
python -m pipeline predict clip.mp4 --model FOLDER --html clip.html    # why, and safer on files that you do not trust
```

`seed_<n>.safetensors` are the networks, one per seed; `preprocessing.safetensors` is what a recording goes through before them; `config.json` repeats
their headers for people and programs. None of them is a pickle, and loading them runs no code of this folder.
"""
_PARTS = """\

The model has parts of its trainer's own: put the files of `plugins/` into `plugins/` of the repository first, and read them, for they are programs.
"""


def export_huggingface(trained: Path, card: Path, folder: Path) -> Model:
    """Write the folder, and load the model from it before it appears.

    Args:
        trained: folder of the checkpoints, as stage `calibrate` leaves it.
        card: the model card that stage `report` wrote.
        folder: the folder; it is whole or absent.

    Returns:
        the model, as it was trained.

    Raises:
        PipelineError: there is no model or no card, or the card is of another one, or the folder exists already.
    """
    model = load_model(trained)
    parts = _own_parts(model)
    text = _card(card, model, use=_USE + (_PARTS if parts else ""))

    def fill(empty: Path) -> None:
        for checkpoint in model.checkpoints:
            seed = checkpoint.seed
            shutil.copyfile(checkpoint_path(trained, seed), checkpoint_path(empty, seed))
        shutil.copyfile(preprocessing_path(trained), preprocessing_path(empty))
        for name, source in parts.items():
            (empty / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, empty / name)
        write_json(empty / "config.json", configuration(model))
        write_text(empty / "README.md", text)
        write_text(empty / ".gitattributes", _ATTRIBUTES)
        shutil.copyfile(_PROGRAM, empty / _PROGRAM.name)
        load_model(empty)

    write_whole_folder(folder, fill)
    return model


def configuration(model: Model) -> dict[str, Any]:
    """What the headers of the files say of the model, as values of JSON."""
    first, made = model.checkpoints[0], model.preprocessing
    return {
        "library_name": LIBRARY,
        "model_type": first.stage,
        "format_version": VERSION,
        "objective": first.objective,
        "seeds": [checkpoint.seed for checkpoint in model.checkpoints],
        "selected_epochs": [checkpoint.selected_epoch for checkpoint in model.checkpoints],
        "n_parameters": first.n_parameters,
        "output": {"identity": "label units", "logistic": "probability of 1", "softmax": "probabilities"}[first.link],
        "classes": list(model.classes),
        "network": dict(first.network),
        "language": made.language,
        "train": dict(made.train),
        "words": dict(made.words),
        "extractors": {modality: dict(found) for modality, found in made.extractors.items()},
        "n_columns": {modality: len(names) for modality, names in made.columns.items()},
        "align": dict(made.align),
        "environment": dict(first.environment),
        "libraries": preprocessing_libraries(made),
    }  # fmt: skip


def _card(card: Path, model: Model, *, use: str) -> str:
    """The card, for readers who have this folder and not the run.

    Raises:
        PipelineError: there is none, or it is of other checkpoints, or of no layout that is known.
    """
    if not card.is_file():
        raise PipelineError(f"{card}: not found; run `dvc repro` to write the model card")
    text = read_text(card)
    described = {int(seed): digest for seed, digest in _DIGESTS.findall(text)}
    seeds = [checkpoint.seed for checkpoint in model.checkpoints]
    if described != {seed: sha256_of(checkpoint_path(model.folder, seed)) for seed in seeds}:
        raise PipelineError(
            f"{card}: is of other checkpoints than those in {model.folder}; run `dvc repro report` to write it again"
        )
    if len(_START.findall(text)) != 1:
        raise PipelineError(
            f"{card}: has no section on how to get started; run `dvc repro report` to write it again"
        )
    text = text.replace("`data/calibrate/seed_", "`seed_")
    return _START.sub(lambda _: f"{use}\n", text)


def _own_parts(model: Model) -> Mapping[str, Path]:
    """Files of `plugins/` that the model is loaded with, by their place in the folder.

    Raises:
        PipelineError: one is not here.
    """
    settings = [dict(checkpoint.network) for checkpoint in model.checkpoints]
    parts: dict[str, Path] = {}
    for reference in plugin_sources([*settings, dict(model.preprocessing.extractors)]):
        module = module_of(reference)
        if not module.startswith(f"{PACKAGE}."):
            continue
        try:
            closure = import_closure(module)
        except ModuleNotFoundError as error:
            raise PipelineError(
                f"{model.folder}: was trained with {reference!r}, which is not in {PACKAGE}/ ({error}); put its files back"
            ) from error
        parts |= {
            f"{name.replace('.', '/')}.py": source
            for name, source in closure.items()
            if name.startswith(f"{PACKAGE}.") and source.name != "__init__.py"
        }
    return parts
