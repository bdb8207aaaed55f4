"""The extractors of a trained model, ready for new segments."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pipeline.artifacts.preprocessing import Preprocessing
from pipeline.artifacts.segments import Segment
from pipeline.artifacts.sequences import MODALITIES, FeatureSequence, Modality
from pipeline.artifacts.words import SegmentWords
from pipeline.errors import PipelineError
from pipeline.execution.device import best_device
from pipeline.extract.audio import extract_audio
from pipeline.extract.text import TextEncoder, word_sequence
from pipeline.extract.visual import extract_visual
from pipeline.extract.words import locate_words


@dataclass(frozen=True, eq=False)
class Observed:
    """One segment as the extractors saw it: its words, and the rows of each modality with a reason where there are none."""

    segment: Segment
    spoken: SegmentWords
    sequences: Mapping[Modality, FeatureSequence]


class Extractors:
    """What found the words, text, sound and face of the training segments, with its own settings.

    A modality that training took from a file of precomputed rows is absent from every new segment, for that reason.

    Args:
        preprocessing: what the checkpoints carry.
        text_model: where the text encoder lies, None to find it by the name that it had.

    Raises:
        PipelineError: settings that this version of the code does not know.
    """

    def __init__(self, preprocessing: Preprocessing, *, text_model: str | None = None) -> None:
        self._preprocessing, self._text_model = preprocessing, text_model
        kinds: dict[str, tuple[Callable[..., Any], Mapping[str, Any]]] = {
            "words": (locate_words, preprocessing.words["settings"])
        }
        frame_extractors: dict[Modality, Callable[..., FeatureSequence]] = {
            "audio": extract_audio,
            "visual": extract_visual,
        }
        for modality, function in frame_extractors.items():
            described = preprocessing.extractors[modality]
            if "precomputed" not in described:
                kinds[modality] = (function, described["settings"])
        for kind, (function, settings) in kinds.items():
            _check_settings(kind, function, settings)
        self._kinds = kinds

    @property
    def precomputed(self) -> dict[Modality, str]:
        """The modalities that training took from a file, and which."""
        extractors = self._preprocessing.extractors
        return {
            modality: extractors[modality]["precomputed"]
            for modality in MODALITIES
            if "precomputed" in extractors[modality]
        }

    def observe(self, segment: Segment) -> Observed:
        """Extract one segment, as the stages would."""
        function, settings = self._kinds["words"]
        spoken: SegmentWords = function(segment, **settings)
        return Observed(
            segment, spoken, {modality: self._sequence(modality, segment, spoken) for modality in MODALITIES}
        )

    def _sequence(self, modality: Modality, segment: Segment, spoken: SegmentWords) -> FeatureSequence:
        if modality in self.precomputed:
            return self._absent(modality)
        if modality == "text":
            if not spoken.words:
                return FeatureSequence.empty(len(self._preprocessing.columns["text"]), None)
            (vectors,) = self._encoder.encode([[word.text for word in spoken.words]])
            return word_sequence(spoken, vectors)
        function, settings = self._kinds[modality]
        sequence: FeatureSequence = function(segment, **settings)
        return sequence

    def _absent(self, modality: Modality) -> FeatureSequence:
        reason = (
            f"the model was trained on precomputed {modality} rows ({self.precomputed[modality]}), which no new recording "
            f"has; it goes on without {modality}"
        )
        return FeatureSequence.empty(len(self._preprocessing.columns[modality]), reason)

    @cached_property
    def _encoder(self) -> TextEncoder:
        """Loaded only where there are words."""
        wanted = self._preprocessing.extractors["text"]["settings"]
        try:
            encoder = TextEncoder(
                self._text_model or wanted["model"],
                revision=wanted.get("revision", "main"),
                layer=wanted["layer"],
                n_layers=wanted["n_layers"],
                precision=wanted["precision"],
                device=best_device(mps=True),
            )
        except PipelineError as error:
            raise PipelineError(
                f"{str(error).rstrip('.')}; where the model was trained with an encoder from a folder, name it with --text-model"
            ) from error
        if len(encoder.columns) != wanted["hidden_size"]:
            raise PipelineError(
                f"{self._text_model or wanted['model']}: gives {len(encoder.columns)} dimensions, but the model was trained "
                f"on {wanted['hidden_size']}; name the encoder of training with --text-model"
            )
        return encoder

    def other_encoder(self) -> str | None:
        """What tells the text encoder here from that of training; None where it is the same or was not needed."""
        if "_encoder" not in self.__dict__:
            return None
        wanted, found = self._preprocessing.extractors["text"]["settings"], self._encoder.spec
        key = "revision" if "revision" in wanted else "sha256"
        if wanted.get(key) == found.get(key):
            return None
        return f"text encoder {wanted['model']} ({key} {str(wanted.get(key))[:12]}, here {str(found.get(key))[:12]})"


def _check_settings(kind: str, function: Callable[..., Any], settings: Mapping[str, Any]) -> None:
    try:
        inspect.signature(function).bind(None, **settings)
    except TypeError as error:
        raise PipelineError(
            f"the model was trained with other settings of {kind} than this version of the code knows ({error}); run "
            "`dvc repro` with this version, or predict with the version that trained it"
        ) from error
