"""When each word of a segment was spoken, by the best means that the segment allows."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float32

from pipeline.artifacts.segments import Segment
from pipeline.artifacts.words import AlignMethod, SegmentWords, Word
from pipeline.extract import forced_alignment
from pipeline.extract.forced_alignment import SAMPLE_RATE_HZ
from pipeline.extract.tokens import tokenise
from pipeline.extract.voiced import is_silent, voiced_bounds_s
from pipeline.media.audio import read_audio
from pipeline.media.container import MediaError

Aligner = Literal["pocketsphinx", "proportional"]

# Word times are multiples of 10 ms at best; more digits would only lengthen the file.
_DIGITS = 4
_SHORTEST_WORD_S = 0.01


def locate_words(segment: Segment, *, aligner: Aligner, recognise: bool) -> SegmentWords:
    """Find the words of one segment and their times.

    The corpus's own times are taken as they are; else a transcript is aligned with its sound, or, where that cannot be
    done, spread over the voiced part in proportion to the length of its words; else the sound is recognised.

    Args:
        segment: what is said, and where its sound is.
        aligner: `pocketsphinx` aligns English transcripts by force; `proportional` spreads every transcript.
        recognise: whether English without a transcript is recognised; without, such a segment has no words.

    Returns:
        The words in order with times in [0, duration_s], as many as `tokenise` finds in a transcript, and how they
        were found. A pure function of the segment and its media, whatever the process did before.

    Raises:
        PipelineError: the corpus's own word times are no numbers.
    """
    method, words = _located(segment, aligner, recognise)
    return SegmentWords(segment.id, method, words)


def _located(segment: Segment, aligner: Aligner, recognise: bool) -> tuple[AlignMethod, tuple[Word, ...]]:
    if segment.timed_words:
        return "given", _clipped(segment.timed_words, segment.duration_s)
    transcript = (segment.text or "").strip()
    tokens = tokenise(transcript)
    samples = _samples_of(segment)
    heard = not is_silent(samples)
    by_pocketsphinx = heard and _is_english(segment.language)
    if tokens:
        if by_pocketsphinx and aligner == "pocketsphinx":
            aligned = forced_alignment.align(samples, tokens)
            if aligned is not None:
                return "forced", _fitted(aligned, segment.duration_s)
        start_s, end_s = voiced_bounds_s(samples, sample_rate_hz=SAMPLE_RATE_HZ) if heard else (0.0, math.inf)
        spread = spread_over(tokens, start_s=start_s, end_s=min(end_s, segment.duration_s))
        return "proportional", _fitted(spread, segment.duration_s)
    if by_pocketsphinx and recognise and not transcript:
        recognised = _fitted(forced_alignment.recognise(samples), segment.duration_s)
        return ("recognised" if recognised else "none"), recognised
    return "none", ()


def spread_over(tokens: Sequence[str], *, start_s: float, end_s: float) -> tuple[Word, ...]:
    """Lay words end to end from `start_s` to `end_s`, each as long as its share of all characters."""
    shares = np.cumsum([0, *map(len, tokens)]) / sum(map(len, tokens))
    bounds_s = start_s + (end_s - start_s) * shares
    return tuple(
        Word(token, float(start), float(end))
        for token, start, end in zip(tokens, bounds_s[:-1], bounds_s[1:], strict=True)
    )


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
