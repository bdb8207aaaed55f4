"""When each word of a segment was spoken, by the best means that the segment allows."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from jaxtyping import Float32

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.words import SegmentWords, Word
from pipeline.execution.device import best_device
from pipeline.extract.tokens import tokenise
from pipeline.extract.words import sphinx
from pipeline.extract.words.proportional import spread_over
from pipeline.extract.words.speech import Speech
from pipeline.extract.words.sphinx import SAMPLE_RATE_HZ
from pipeline.extract.words.voiced import is_silent, voiced_bounds_s
from pipeline.media.audio import read_audio
from pipeline.media.container import MediaError

if TYPE_CHECKING:
    from pipeline.extract.words.ctc_aligner import CtcAligner
    from pipeline.extract.words.whisper import WhisperRecogniser

Aligner = Literal["pocketsphinx", "ctc", "proportional"]
Recogniser = Literal["pocketsphinx", "whisper", "none"]

_Audible: TypeAlias = Float32[np.ndarray, "sample"] | None
"""Sound of a segment at 16 kHz; None where it has none or all of it is silent."""

# Word times are multiples of 10 ms at best; more digits would only lengthen the file.
_DIGITS = 4
_SHORTEST_WORD_S = 0.01
# Less speech than this is a shout in music, of which recognisers make words that nobody said.
_LEAST_SPEECH_S = 0.25


@dataclass(frozen=True, kw_only=True)
class WordSettings:
    """What finds words and their times.

    Attributes:
        aligner: `pocketsphinx` aligns English transcripts by force, `ctc` those that the model can spell; `proportional`
            spreads every transcript.
        ctc_model: model of the aligner `ctc`: a folder or a Hugging Face name; None with other aligners.
        ctc_revision: branch, tag or commit of a Hugging Face name.
        recogniser: recogniser of speech without a transcript: `pocketsphinx`, rough and English alone; `whisper`, in the
            languages of its model; with `none`, such a segment has no words.
        whisper_model: model of the recogniser `whisper`: a folder or a Hugging Face name; None with other recognisers.
        whisper_revision: branch, tag or commit of a Hugging Face name.
    """

    aligner: Aligner
    ctc_model: str | None
    ctc_revision: str
    recogniser: Recogniser
    whisper_model: str | None
    whisper_revision: str


def locate_words(segment: Segment, settings: WordSettings) -> SegmentWords:
    """Find the words of one segment and their times.

    The corpus's own times are taken as they are; where it has cues, the words of each are looked for within it; else a transcript is aligned with its sound, or, where that cannot be
    done or the two do not fit, spread over the speech in proportion to the length of its words; else the sound is
    recognised.

    Args:
        segment: transcript and sound.
        settings: aligner, recogniser and their models.

    Returns:
        the words in order with times in [0, duration_s], as many as `tokenise` finds in a transcript, and how they
        were found. A pure function of the segment, its media and the models, whatever the process did before.

    Raises:
        PipelineError: the corpus's own word times are no numbers, or a model cannot be found or loaded.
    """

    if segment.timed_words:
        return SegmentWords(segment.id, "given", _clipped(segment.timed_words, segment.duration_s))
    if segment.cues:
        return _within_cues(segment, settings)
    samples = _samples_of(segment)
    audible = None if is_silent(samples) else samples
    for locate in (_aligned, _spread, _recognised):
        located = locate(segment, audible, settings)
        if located is not None:
            return located
    return SegmentWords(segment.id, "none", ())


def _within_cues(segment: Segment, settings: WordSettings) -> SegmentWords:
    """The words of each cue, found in the stretch of the recording that it covers."""
    words: list[Word] = []
    methods, confidences = set[str](), list[float]()
    for cue in segment.cues:
        start_s = segment.start_s + cue.start_s
        part = replace(
            segment,
            text=cue.text,
            start_s=start_s,
            end_s=segment.start_s + cue.end_s,
            cues=(),
            timed_words=(),
        )
        located = locate_words(part, settings)
        methods.add(located.align_method)
        confidences += [] if located.confidence is None else [located.confidence] * len(located.words)
        words += [Word(w.text, cue.start_s + w.start_s, cue.start_s + w.end_s) for w in located.words]
    if not words:
        return SegmentWords(segment.id, "none", ())
    fitted = _fitted(sorted(words, key=lambda word: word.start_s), segment.duration_s)
    if methods <= {"forced", "none"}:
        return SegmentWords(segment.id, "forced", fitted, round(float(np.mean(confidences)), _DIGITS))
    return SegmentWords(segment.id, "proportional", fitted)


def _aligned(segment: Segment, samples: _Audible, settings: WordSettings) -> SegmentWords | None:
    """A transcript aligned with its sound by force; None where that cannot be done or the two do not fit."""
    tokens = tokenise(segment.text or "")
    if not tokens or samples is None:
        return None
    aligned = None
    if settings.aligner == "ctc":
        assert settings.ctc_model is not None
        model = ctc_aligner(settings.ctc_model, settings.ctc_revision)
        aligned = model.align(samples, tokens, language=segment.language)
    elif settings.aligner == "pocketsphinx" and _is_english(segment.language):
        aligned = sphinx.align(samples, tokens)
    return None if aligned is None else _located(segment, "forced", *aligned)


def _spread(segment: Segment, samples: _Audible, settings: WordSettings) -> SegmentWords | None:
    """A transcript spread over the speech; None without a word in it."""
    tokens = tokenise(segment.text or "")
    if not tokens:
        return None
    words = spread_over(tokens, spans_s=_speech(samples, segment.duration_s))
    return SegmentWords(segment.id, "proportional", _fitted(words, segment.duration_s))


def _recognised(segment: Segment, samples: _Audible, settings: WordSettings) -> SegmentWords | None:
    """Words recognised in the sound of a segment without a transcript; None where nobody speaks or no word is found."""
    knows_language = settings.recogniser == "whisper" or (
        settings.recogniser == "pocketsphinx" and _is_english(segment.language)
    )
    if segment.text is not None or samples is None or not knows_language:
        return None
    speech = Speech.of(samples)
    if speech.total_s < _LEAST_SPEECH_S:
        return None
    if settings.recogniser == "whisper":
        assert settings.whisper_model is not None
        model = whisper_recogniser(settings.whisper_model, settings.whisper_revision)
        words, confidence = model.recognise(samples, speech, language=segment.language)
    else:
        words, confidence = sphinx.recognise(samples)
    spoken = speech.spoken_only(words)
    return _located(segment, "recognised", spoken, confidence) if spoken else None


def _located(
    segment: Segment, method: Literal["forced", "recognised"], words: Sequence[Word], confidence: float
) -> SegmentWords:
    return SegmentWords(segment.id, method, _fitted(words, segment.duration_s), round(confidence, _DIGITS))


def _speech(samples: _Audible, duration_s: float) -> list[tuple[float, float]]:
    """The stretches of a segment in which somebody speaks.

    Where the detector finds none, from the first to the last moment that is loud; the whole segment where there is no sound.
    """
    if samples is None:
        return [(0.0, duration_s)]
    spans = Speech.of(samples).spans_s or (voiced_bounds_s(samples, sample_rate_hz=SAMPLE_RATE_HZ),)
    inside = [(start_s, min(end_s, duration_s)) for start_s, end_s in spans if start_s < duration_s]
    return inside or [(0.0, duration_s)]


def needs_model(segment: Segment, settings: WordSettings) -> bool:
    """Whether the words of a segment may take a network to find, which is loaded once and not in every worker."""
    if segment.timed_words or segment.media is None or not segment.has_audio:
        return False
    has_transcript = segment.text is not None
    return settings.aligner == "ctc" if has_transcript else settings.recogniser == "whisper"


# By task, name and revision: what each model is that this process has loaded.
_identities: dict[tuple[str, str, str], Mapping[str, str]] = {}


def loaded_models(settings: WordSettings) -> dict[str, Mapping[str, str]]:
    """The models of these settings that this process has loaded so far, by task (`ctc`, `whisper`): name, and commit or digest."""
    named = {
        "ctc": (settings.ctc_model, settings.ctc_revision),
        "whisper": (settings.whisper_model, settings.whisper_revision),
    }
    return {
        task: _identities[task, model, revision]
        for task, (model, revision) in named.items()
        if model is not None and (task, model, revision) in _identities
    }


@lru_cache(maxsize=1)
def ctc_aligner(model: str, revision: str) -> "CtcAligner":
    """The aligner of this process on its best device."""
    # torch and transformers, which nothing else here needs
    from pipeline.extract.words.ctc_aligner import CtcAligner

    aligner = CtcAligner(model, revision=revision, device=best_device())
    _identities["ctc", model, revision] = aligner.identity
    return aligner


@lru_cache(maxsize=1)
def whisper_recogniser(model: str, revision: str) -> "WhisperRecogniser":
    """The recogniser of this process on its best device."""
    from pipeline.extract.words.whisper import WhisperRecogniser  # likewise

    recogniser = WhisperRecogniser(model, revision=revision, device=best_device())
    _identities["whisper", model, revision] = recogniser.identity
    return recogniser


def _is_english(language: str) -> bool:
    return re.split("[-_]", language.lower())[0] in ("en", "eng")


def _samples_of(segment: Segment) -> Float32[np.ndarray, "sample"]:
    """The sound of a segment at 16 kHz; no samples where it has none that can be read."""
    if segment.media is None or not segment.has_audio:
        return np.zeros(0, np.float32)
    try:
        sound = read_audio(
            Path(segment.media), start_s=segment.start_s, end_s=segment.end_s, sample_rate_hz=SAMPLE_RATE_HZ
        )
    except MediaError:  # the audio stage reports it; the words of a transcript are still words
        return np.zeros(0, np.float32)
    return sound.samples


def _clipped(words: Sequence[Word], duration_s: float) -> tuple[Word, ...]:
    """Given words in the order of their starts, cut where they reach out of the segment."""

    def inside(time_s: float) -> float:
        return min(max(time_s, 0.0), duration_s)

    in_order = sorted(words, key=lambda word: word.start_s)
    return tuple(Word(word.text, inside(word.start_s), inside(word.end_s)) for word in in_order)


def _fitted(words: Sequence[Word], duration_s: float) -> tuple[Word, ...]:
    """Found words moved as little as needed to lie in the segment, in order, apart, and none of them empty.

    A segment cut in the middle of a word leaves its rest in the padding, outside the segment.
    """
    if not words:
        return ()
    shortest_s = min(_SHORTEST_WORD_S, duration_s / len(words))
    starts_s = np.array([word.start_s for word in words])
    ends_s = np.array([word.end_s for word in words])
    room_s = shortest_s * np.arange(len(words))
    # In coordinates where the words need no room, order is a running maximum and the end a plain bound.
    starts_s = (
        np.maximum.accumulate(np.clip(starts_s - room_s, 0, duration_s - shortest_s * len(words))) + room_s
    )
    nexts_s = np.append(starts_s[1:], duration_s)
    ends_s = np.clip(ends_s, starts_s + shortest_s, nexts_s)
    return tuple(
        Word(word.text, _rounded(start, duration_s), _rounded(end, duration_s))
        for word, start, end in zip(words, starts_s, ends_s, strict=True)
    )


def _rounded(time_s: float, duration_s: float) -> float:
    return min(round(float(time_s), _DIGITS), duration_s)
