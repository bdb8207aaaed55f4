"""A folder of checkpoints with the preprocessing that it carries, and whether this environment is the one that made it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.artifacts.aligned.preprocessing import Preprocessing, preprocessing_path, read_preprocessing
from pipeline.artifacts.formats.foreign import unreadable
from pipeline.artifacts.trained.checkpoint import Checkpoint, read_checkpoint
from pipeline.errors import PipelineError
from pipeline.prediction.trained import TrainedModel

if TYPE_CHECKING:
    from pipeline.prediction.predicting import Prediction


@dataclass(frozen=True, eq=False)
class Model(TrainedModel):
    """A trained model that predicts, in one object for a notebook."""

    @classmethod
    def load(cls, folder: str | Path) -> "Model":
        """The model in a folder such as `data/calibrate`; see `load_model`."""
        return load_model(Path(folder))

    def predict(
        self,
        media: str | Path | None = None,
        *,
        transcript: str | None = None,
        language: str | None = None,
        start_s: float | None = None,
        end_s: float | None = None,
    ) -> "Prediction":
        """What the model says of a recording, of a transcript, or of both.

        Everything happens in this process, for use in a notebook. A damaged file may crash a decoder, and the process with it; the
        command `predict` extracts in workers that may.

        Args:
            media: a video or sound file; None where there is a transcript alone.
            transcript: what is said; recognised where it is None.
            language: code or name of the language; None for that of training.
            start_s: start of the stretch to look at, seconds from the start of the file; None for the start.
            end_s: its end; None for the end.

        Raises:
            PipelineError: neither a recording nor a transcript, or one that cannot be used.
        """
        from pipeline.prediction.predicting import predict_observed
        from pipeline.prediction.recording import Recording, as_segment

        if media is None and not (transcript or "").strip():
            raise PipelineError("there is nothing to look at; give a recording, or a transcript")
        recording = Recording(
            media=None if media is None else Path(media),
            transcript=transcript,
            language=language,
            start_s=start_s,
            end_s=end_s,
        )
        segment = as_segment(recording, language=self.preprocessing.language)
        return predict_observed(self, self.extractors.observe(segment))


def load_model(folder: Path, *, text_model: str | None = None) -> Model:
    """Read what stage `calibrate` or `pointwise` left; a copy of its folder elsewhere is enough.

    Args:
        folder: folder of the checkpoints.
        text_model: folder of the text encoder that the checkpoints learnt from; None for the one that was named in training.

    Raises:
        PipelineError: no such folder, one that cannot be read, no checkpoint in it, checkpoints of stage `rank` or of several stages, one of another
            version, or preprocessing that does not fit them.
    """
    try:
        files = [path for path in folder.iterdir() if path.match("seed_*.safetensors")]
    except (FileNotFoundError, NotADirectoryError):
        if folder.exists():
            raise PipelineError(
                f"{folder}: is no folder; expected the folder of one or more seed_*.safetensors, such as data/calibrate"
            ) from None
        raise PipelineError(
            f"{folder}: no such folder; run `dvc repro` to train a model, or name a folder of checkpoints with --model"
        ) from None
    except OSError as error:
        raise unreadable(folder, error) from error
    found = [read_checkpoint(path) for path in files]
    if not found:
        raise PipelineError(
            f"{folder}: no checkpoint found; expected seed_*.safetensors as `dvc repro` leaves them in data/calibrate"
        )
    stages = sorted({checkpoint.stage for checkpoint in found})
    if len(stages) > 1 or stages[0] == "rank":
        raise PipelineError(
            f"{folder}: holds checkpoints of {' and '.join(stages)}; expected those of calibrate or of pointwise, "
            "because the scores of stage 1 have an order but no magnitude"
        )
    preprocessing = read_preprocessing(preprocessing_path(folder))
    if any(dict(checkpoint.columns) != dict(preprocessing.columns) for checkpoint in found):
        raise PipelineError(
            f"{folder}: its checkpoints and {preprocessing_path(folder).name} are of different features; copy the "
            "whole folder of one run, or run `dvc repro`"
        )
    for checkpoint in found:
        n_classes = len(preprocessing.train.get("classes", ()))
        if (checkpoint.link == "softmax") != (n_classes > 0) or checkpoint.network.get("n_outputs", 1) != max(
            n_classes, 1
        ):
            raise PipelineError(
                f"{folder}: its checkpoints and {preprocessing_path(folder).name} are of different classes; copy the whole folder "
                "of one run, or run `dvc repro`"
            )
    found.sort(key=lambda checkpoint: checkpoint.seed)
    if text_model is not None:
        found = [_with_encoder_at(text_model, checkpoint) for checkpoint in found]
    return Model(folder, tuple(found), preprocessing)


def _with_encoder_at(text_model: str, checkpoint: Checkpoint) -> Checkpoint:
    described = checkpoint.network.get("encoder")
    if described is None:
        return checkpoint
    moved = {**described, "encoder": {**described["encoder"], "found_as": text_model}}
    return replace(checkpoint, network={**checkpoint.network, "encoder": moved})


def differing_libraries(model: Model) -> dict[str, tuple[str, str]]:
    """Libraries whose version here is not the one that made the model: name to (there, here), sorted by name.

    Builds of one version for different devices are taken for the same.
    """
    made = preprocessing_libraries(model.preprocessing)
    for checkpoint in model.checkpoints:
        made |= {name: found for name, found in checkpoint.environment.items() if name != "device"}
    here = {name: _installed(name) for name in made}
    return {
        name: (made[name], here[name])
        for name in sorted(made)
        if made[name].partition("+")[0] != here[name].partition("+")[0]
    }


def preprocessing_libraries(preprocessing: Preprocessing) -> dict[str, str]:
    """Versions of all libraries that extracted the features of training."""
    described: list[Mapping[str, Any]] = [preprocessing.words, *preprocessing.extractors.values()]
    return {name: found for made in described for name, found in made.get("libraries", {}).items()}


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def environment_warning(model: Model, other_encoders: Sequence[str]) -> str | None:
    """One sentence where the model was made by other versions or another encoder; None where it was not.

    Args:
        model: model that predicts.
        other_encoders: how encoders differ from those of training, see `Extractors.other_encoders`.
    """
    parts = [f"{name} {there} (here {here})" for name, (there, here) in differing_libraries(model).items()]
    parts += other_encoders
    if not parts:
        return None
    return f"{model.folder} was made with {', '.join(parts)}; predictions may differ from those of training."
