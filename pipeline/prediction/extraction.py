"""The extractors of a trained model, ready for new segments."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pipeline.artifacts.aligned.preprocessing import Preprocessing
from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.sequences import MODALITIES, FeatureSequence, Modality
from pipeline.artifacts.corpus.words import SegmentWords
from pipeline.errors import PipelineError
from pipeline.extract.cached.audio import audio_extractor
from pipeline.extract.cached.frames import CachedFrames
from pipeline.extract.cached.visual import visual_extractor
from pipeline.extract.cached.words import words_of_checked
from pipeline.extract.extractors import choose
from pipeline.extract.words.locate import WordSettings, loaded_models
from pipeline.prediction.observed import LEARNT_FROM, Observed
from pipeline.prediction.recording import cut_transcript

if TYPE_CHECKING:
    from pipeline.extract.cached.text import TextExtractor


class Extractors:
    """The extractors of the training segments, with the settings that they had.

    A modality that training took from a file of precomputed rows is absent from every new segment, for that reason. So is one that
    no segment of training had.

    Args:
        preprocessing: extractors, columns and scaler that the checkpoints carry.
        folders: folder of the encoder of a modality; an encoder that is not named is found by the name that it had.

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
        try:
            self._words = WordSettings(**preprocessing.words["settings"])
        except TypeError as error:
            raise _unknown_settings("words", error) from error
        self._loaded: dict[Modality, _Extractor] = {}
        frames: tuple[Modality, ...] = ("audio", "visual")
        for modality in frames:
            # What needs no model is made at once, so that settings of another version are found before a recording is.
            if modality not in self.precomputed and not self._is_pretrained(modality):
                self._frames(modality)

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
        """Extract one segment, as the stages would; of a transcript that nobody could say, the part that can count."""
        return self.add_text(self.observe_media(segment))

    def observe_media(self, segment: Segment) -> Observed:
        """Words with their times, sound and face of one segment: all that its file is decoded for."""
        segment, notes = cut_transcript(segment, n_words=int(self._preprocessing.align["max_words"]))
        spoken: SegmentWords = words_of_checked(self._words)(segment)
        frames: tuple[Modality, ...] = ("audio", "visual")
        sequences = {
            modality: self._absent(modality)
            if self._is_absent(modality)
            else self._frames(modality).one(segment)
            for modality in frames
        }
        return Observed(segment, spoken, sequences, notes)

    def add_text(self, observed: Observed) -> Observed:
        """The same with the rows of its text."""
        spoken = observed.spoken
        if self._is_absent("text"):  # one row per word, also where nothing is known of any
            from pipeline.extract.text.encoder import word_sequence

            absent = self._absent("text")
            vectors = np.zeros((len(spoken.words), absent.values.shape[1]), np.float32)
            text = replace(word_sequence(spoken, vectors), failure=absent.failure)
        else:
            text = self._text(spoken)
        return replace(observed, sequences={"text": text, **observed.sequences})

    def load_text(self) -> None:
        """Load what reads text, in the time that other processes need for sound and face; a reason why not comes with the words."""
        if not self._is_absent("text"):
            with suppress(PipelineError):
                self._text_extractor.one(SegmentWords("", "none", ()))

    def _text(self, spoken: SegmentWords) -> FeatureSequence:
        if not spoken.words and not self._learns:  # nothing to load an encoder for
            return FeatureSequence.empty(len(self._preprocessing.columns["text"]), None)
        return self._text_extractor.one(spoken)

    @property
    def _learns(self) -> bool:
        """Whether the text encoder learnt with the network."""
        return "found_as" in self._preprocessing.extractors["text"]["settings"]

    def _is_absent(self, modality: Modality) -> bool:
        """Whether every new segment goes without a modality."""
        return modality in self.precomputed or modality in self._preprocessing.normalisation.unlearnt

    def _absent(self, modality: Modality) -> FeatureSequence:
        if modality not in self.precomputed:
            reason = f"no segment of training had {LEARNT_FROM[modality]}, so the model never learnt from it and goes on without {modality}"
            return FeatureSequence.empty(len(self._preprocessing.columns[modality]), reason)
        reason = (
            f"the model was trained on precomputed {modality} rows ({self.precomputed[modality]}), which no new recording "
            f"has; it goes on without {modality}"
        )
        return FeatureSequence.empty(len(self._preprocessing.columns[modality]), reason)

    @property
    def _text_extractor(self) -> "TextExtractor":
        """The encoder is loaded only where there are words."""
        # Inside, because torch and transformers take seconds and nothing else here needs them.
        from pipeline.extract.cached.text import TextExtractor, text_extractor
        from pipeline.extract.text.encoder import TextSettings

        wanted = self._preprocessing.extractors["text"]["settings"]

        def make() -> TextExtractor:
            found_by = {
                "model": self._folders.get("text", wanted.get("found_as", wanted["model"])),
                "mode": "finetuned" if self._learns else "frozen",
            }
            return text_extractor(choose(TextSettings, {**wanted, **found_by}))

        found = self._load("text", make)
        assert isinstance(found, TextExtractor)
        return found

    def _frames(self, modality: Modality) -> CachedFrames:
        """An encoder is loaded only where a segment asks for it."""
        wanted = self._preprocessing.extractors[modality]["settings"]
        make = audio_extractor if modality == "audio" else visual_extractor
        found = self._load(modality, lambda: make(wanted, folder=self._folders.get(modality)))
        assert isinstance(found, CachedFrames)
        return found

    def _load(self, modality: Modality, make: Callable[[], "_Extractor"]) -> "_Extractor":
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
        if isinstance(found, CachedFrames) and (
            unknown := wanted.keys() - found.description["settings"].keys()
        ):
            raise _unknown_settings(modality, KeyError(min(unknown)))
        self._loaded[modality] = found
        return found

    def _is_pretrained(self, modality: Modality) -> bool:
        return "hidden_size" in self._preprocessing.extractors[modality]["settings"]

    def other_encoders(self) -> list[str]:
        """How each encoder, and each model of words, that was needed so far differs from that of training; nothing where they are the same."""
        there = self._preprocessing.extractors
        used: list[tuple[str, Mapping[str, Any], Mapping[str, Any]]] = [
            (f"{modality} encoder", there[modality]["settings"], found.description["settings"])
            for modality, found in self._loaded.items()
        ]
        models = self._preprocessing.words.get("models", {})
        used += [
            (f"{task} model of words", models[task], here)
            for task, here in loaded_models(self._words).items()
            if task in models
        ]
        return [found for each in used if (found := _difference(*each)) is not None]


class _Extractor(Protocol):
    """What text, audio and visual extractors have in common."""

    @property
    def columns(self) -> tuple[str, ...]: ...

    @property
    def description(self) -> Mapping[str, Any]: ...


def _difference(what: str, wanted: Mapping[str, Any], here: Mapping[str, Any]) -> str | None:
    """How a model that is here differs from that of training; None where it does not."""
    key = "revision" if "revision" in wanted else "sha256"
    if wanted.get(key) == here.get(key):
        return None
    return f"{what} {_name(wanted)} ({key} {str(wanted.get(key))[:12]}, here {str(here.get(key))[:12]})"


def _name(settings: Mapping[str, Any]) -> str:
    return str(settings["encoder"] if "encoder" in settings else settings["model"])


def _unknown_settings(kind: str, error: Exception) -> PipelineError:
    return PipelineError(
        f"the model was trained with other settings of {kind} than this version of the code knows ({error}); run "
        "`dvc repro` with this version, or predict with the version that trained it"
    )
