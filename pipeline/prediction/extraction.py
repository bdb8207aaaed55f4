"""The extractors of a trained model, ready for new segments."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipeline.artifacts.preprocessing import Preprocessing
from pipeline.artifacts.segments import Segment
from pipeline.artifacts.sequences import MODALITIES, FeatureSequence, Modality
from pipeline.artifacts.words import SegmentWords
from pipeline.errors import PipelineError
from pipeline.execution.device import best_device
from pipeline.extract.cached.audio import audio_entries
from pipeline.extract.cached.frames import FrameEntries
from pipeline.extract.cached.visual import visual_entries
from pipeline.extract.text.encoder import TextEncoder, token_sequence, word_sequence
from pipeline.extract.words.locate import locate_words


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
        folders: where the encoder of a modality lies; one that is not named is found by the name that it had.

    Raises:
        PipelineError: settings that this version of the code does not know.
    """

    def __init__(
        self, preprocessing: Preprocessing, *, folders: Mapping[Modality, str] | None = None
    ) -> None:
        self._preprocessing, self._folders = preprocessing, dict(folders or {})
        if len(self.precomputed) == len(MODALITIES):
            raise PipelineError(
                f"the model was trained on features made elsewhere ({', '.join(sorted(set(self.precomputed.values())))}), and "
                "nothing here can make them of a new recording; train one on extracted features to predict"
            )
        self._words: Mapping[str, Any] = preprocessing.words["settings"]
        try:
            inspect.signature(locate_words).bind(None, **self._words)
        except TypeError as error:
            raise _unknown_settings("words", error) from error
        self._loaded: dict[Modality, TextEncoder | FrameEntries] = {}
        frames: tuple[Modality, ...] = ("audio", "visual")
        for modality in frames:
            # What needs no model is made at once, so that settings of another version are found before a recording is.
            if modality not in self.precomputed and not self._is_pretrained(modality):
                self._entries(modality)

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
        spoken: SegmentWords = locate_words(segment, **self._words)
        return Observed(
            segment, spoken, {modality: self._sequence(modality, segment, spoken) for modality in MODALITIES}
        )

    def _sequence(self, modality: Modality, segment: Segment, spoken: SegmentWords) -> FeatureSequence:
        if modality in self.precomputed:
            absent = self._absent(modality)
            if modality == "text":  # a row a word, also where nothing is known of any
                vectors = np.zeros((len(spoken.words), absent.values.shape[1]), np.float32)
                return replace(word_sequence(spoken, vectors), failure=absent.failure)
            return absent
        return self._text(spoken) if modality == "text" else self._entries(modality).one(segment)

    def _text(self, spoken: SegmentWords) -> FeatureSequence:
        sentence = [word.text for word in spoken.words]
        if "found_as" in self._preprocessing.extractors["text"]["settings"]:  # an encoder that learnt
            (tokens,) = self._encoder.tokenise([sentence])
            return token_sequence(spoken, tokens)
        if not sentence:
            return FeatureSequence.empty(len(self._preprocessing.columns["text"]), None)
        (vectors,) = self._encoder.encode([sentence])
        return word_sequence(spoken, vectors)

    def _absent(self, modality: Modality) -> FeatureSequence:
        reason = (
            f"the model was trained on precomputed {modality} rows ({self.precomputed[modality]}), which no new recording "
            f"has; it goes on without {modality}"
        )
        return FeatureSequence.empty(len(self._preprocessing.columns[modality]), reason)

    @property
    def _encoder(self) -> TextEncoder:
        """Loaded only where there are words."""
        wanted = self._preprocessing.extractors["text"]["settings"]
        found = self._load(
            "text",
            lambda: TextEncoder(
                self._folders.get("text", wanted.get("found_as", wanted["model"])),
                revision=wanted.get("revision", "main"),
                layer=wanted["layer"],
                n_layers=wanted["n_layers"],
                precision=wanted["precision"],
                device=best_device(mps=True),
            ),
        )
        assert isinstance(found, TextEncoder)
        return found

    def _entries(self, modality: Modality) -> FrameEntries:
        """An encoder is loaded only where a segment asks for it."""
        wanted = self._preprocessing.extractors[modality]["settings"]
        kinds: Mapping[str, Callable[..., FrameEntries]] = {"audio": audio_entries, "visual": visual_entries}
        found = self._load(modality, lambda: kinds[modality](folder=self._folders.get(modality), **wanted))
        assert isinstance(found, FrameEntries)
        return found

    def _load(
        self, modality: Modality, make: Callable[[], TextEncoder | FrameEntries]
    ) -> TextEncoder | FrameEntries:
        if modality in self._loaded:
            return self._loaded[modality]
        try:
            found = make()
        except (KeyError, TypeError) as error:
            raise _unknown_settings(modality, error) from error
        except PipelineError as error:
            raise PipelineError(
                f"{str(error).rstrip('.')}; where the model was trained with an encoder from a folder, name it with "
                f"--{modality}-model"
            ) from error
        wanted = self._preprocessing.extractors[modality]["settings"]
        n_wanted, n_found = len(self._preprocessing.columns[modality]), len(found.columns)
        if "hidden_size" in wanted and n_wanted != n_found:
            raise PipelineError(
                f"{self._folders.get(modality, _name(wanted))}: gives {n_found} dimensions, but the model was trained on "
                f"{n_wanted}; name the encoder of training with --{modality}-model"
            )
        if isinstance(found, FrameEntries) and (
            unknown := wanted.keys() - found.description["settings"].keys()
        ):
            raise _unknown_settings(modality, KeyError(min(unknown)))
        self._loaded[modality] = found
        return found

    def _is_pretrained(self, modality: Modality) -> bool:
        return "hidden_size" in self._preprocessing.extractors[modality]["settings"]

    def other_encoders(self) -> list[str]:
        """What tells each encoder that was needed so far from that of training; nothing where they are the same."""
        told = []
        for modality, found in self._loaded.items():
            wanted = self._preprocessing.extractors[modality]["settings"]
            here = found.spec if isinstance(found, TextEncoder) else found.description["settings"]
            key = "revision" if "revision" in wanted else "sha256"
            if wanted.get(key) != here.get(key):
                told.append(
                    f"{modality} encoder {_name(wanted)} ({key} {str(wanted.get(key))[:12]}, here {str(here.get(key))[:12]})"
                )
        return told


def _name(settings: Mapping[str, Any]) -> str:
    return str(settings["model"] if "model" in settings else settings["encoder"])


def _unknown_settings(kind: str, error: Exception) -> PipelineError:
    return PipelineError(
        f"the model was trained with other settings of {kind} than this version of the code knows ({error}); run "
        "`dvc repro` with this version, or predict with the version that trained it"
    )
