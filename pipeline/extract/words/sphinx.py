"""English words in a sound by pocketsphinx: where the words of a transcript are, or roughly which words there are.

One decoder of each kind lives as long as its process. Nothing that an earlier sound leaves in it may change a later one:
the pronunciation added for a word is a function of the word alone, the mean of the cepstra is taken over the whole
utterance, and its estimate of the noise starts anew.
"""

import math
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float32
from pocketsphinx import Decoder

from pipeline.artifacts.corpus.words import Word
from pipeline.extract.words.pronunciation import folded, pronounce
from pipeline.extract.words.voiced import voiced_bounds_s

SAMPLE_RATE_HZ = 16_000

_FRAME_S = 0.01  # pocketsphinx reads 100 frames per second
# Speech cut at its edges leaves the alignment no frame of silence to start and end in.
_PADDING_S = 0.1
# Long silences shift the mean that the cepstra are normalised by. Measured on 32 synthetic sentences: with 4 s of silence
# around them 19 could not be aligned, none of them failed once it was cut off.
_MARGIN_S = 0.5
_PEAK = 0.5
# The logarithm of digital zeros stops the alignment. Noise 64 dB below the peak still lost 2 of 480 synthetic sentences
# between zeros; 54 dB below lost none, with onsets as exact. Recognition takes less of it well: in one real speech 5 of 22
# words were wrong at 64 dB, 15 at 54 dB.
_DITHER_TO_ALIGN, _DITHER_TO_RECOGNISE = 1e-3, 2e-4
# The narrow beam loses right transcripts in noise: half of 24 synthetic sentences in noise as loud as the speech, of which the wide one
# found all. In clear speech the wide one finds wrong transcripts too, which their score then gives away, and no right one that
# the narrow one lost; it is asked only where that found nothing.
_BEAMS = (1e-64, 1e-150)
_NOT_WORDS = "<[("  # silence, noise and empty transitions: <sil>, [NOISE], (NULL)
# How much less likely the sounds of a transcript may be than the likeliest in each frame, natural logarithm per frame. Measured
# (docs/howto/words.md): -1.1 to -3.5 for right transcripts of clear speech, down to -4.3 in noise as loud as the speech; a wrong one that
# was squeezed into clear speech had less than this in nine of ten cases.
_LEAST_FIT = -3.8
# Recognised words count where the decoder expects this part of them to be right. Measured (docs/howto/words.md): 0.38 to 0.69 for
# English speech of which most words were right, at most 0.29 for other languages, music and speech played backwards.
_LEAST_PROBABILITY = 0.35
# The library keeps acoustic scores at a 1024th of their size.
_SCORE_SCALE = 1024
# A phone model has three states of at least one frame.
_SHORTEST_PHONE_S = 3 * _FRAME_S


@dataclass(frozen=True)
class _Piece:
    """A word, or a pause, as the decoder found it; `score` is relative to the likeliest sound of each frame."""

    word: Word
    is_word: bool
    n_frames: int
    score: float
    probability: float


def align(
    samples: Float32[np.ndarray, "sample"], tokens: Sequence[str]
) -> tuple[tuple[Word, ...], float] | None:
    """Find each word of an English transcript in its sound.

    Args:
        samples: mono sound at 16 kHz in [-1, 1], not silent.
        tokens: words of the transcript, at least one, as `tokenise` gives them.

    Returns:
        one word per token, texts as given, times in seconds from the first sample (possibly a little before it or past
        the last); and how likely its sounds are against the likeliest ones, the geometric mean over the frames. None where the
        transcript does not fit the sound, or most of it cannot be read as English.
    """
    return next(filter(None, (_align(samples, tokens, beam) for beam in _BEAMS)), None)


def _align(
    samples: Float32[np.ndarray, "sample"], tokens: Sequence[str], beam: float
) -> tuple[tuple[Word, ...], float] | None:
    decoder = _aligner(beam)
    entries = [_entry(decoder, token) for token in tokens]
    n_readable = sum(bool(re.search("[a-z0-9]", entry)) for entry in entries)
    n_phones = sum(len(decoder.lookup_word(entry).split()) for entry in entries)
    too_fast = n_phones * _SHORTEST_PHONE_S > len(samples) / SAMPLE_RATE_HZ + 2 * _PADDING_S
    if 2 * n_readable < len(entries) or too_fast:
        return None
    decoder.set_align_text(" ".join(entries))
    pieces = _decode(decoder, samples, _DITHER_TO_ALIGN)
    positions = [position for position, piece in enumerate(pieces) if piece.is_word]
    found = [pieces[position].word for position in positions]
    if [word.text for word in found] != entries:
        return None
    within = pieces[positions[0] : positions[-1] + 1]
    fit = sum(piece.score for piece in within) / sum(piece.n_frames for piece in within)
    if fit < _LEAST_FIT:
        return None
    words = tuple(Word(token, word.start_s, word.end_s) for token, word in zip(tokens, found, strict=True))
    return words, math.exp(fit)


def recognise(samples: Float32[np.ndarray, "sample"]) -> tuple[tuple[Word, ...], float]:
    """Guess the English words of a sound, as a rough last resort: about one word in four is wrong in clean speech.

    Args:
        samples: mono sound at 16 kHz in [-1, 1], not silent.

    Returns:
        the words in lower case with times as `align` gives them, and the part of them that the decoder expects to be right.
        No words where none was heard, or so few are expected to be right that it is music, noise or another language.
    """
    pieces = [piece for piece in _decode(_recogniser(), samples, _DITHER_TO_RECOGNISE) if piece.is_word]
    probability = float(np.mean([piece.probability for piece in pieces])) if pieces else 0.0
    return (tuple(piece.word for piece in pieces) if probability >= _LEAST_PROBABILITY else ()), probability


@lru_cache(maxsize=2)
def _aligner(beam: float) -> Decoder:
    return Decoder(
        samprate=SAMPLE_RATE_HZ,
        lm=None,
        cmn="batch",
        beam=beam,
        pbeam=beam,
        wbeam=beam,
        bestpath=False,
        loglevel="FATAL",
    )


@lru_cache(maxsize=1)
def _recogniser() -> Decoder:
    return Decoder(samprate=SAMPLE_RATE_HZ, cmn="batch", loglevel="FATAL")


def _entry(decoder: Decoder, token: str) -> str:
    """The name of a word in the decoder's dictionary, to which it is added if need be."""
    name = folded(token)
    if decoder.lookup_word(name) is not None:
        return name
    # No spelling has a plus sign, so what was added for one transcript is never found as a word of another.
    entry = f"{name}+"
    if decoder.lookup_word(entry) is None:
        # A word without an English sound still needs a place in the sentence, hence the shortest vowel.
        decoder.add_word(entry, pronounce(name, look_up=decoder.lookup_word) or "AH", False)
    return entry


def _decode(decoder: Decoder, samples: Float32[np.ndarray, "sample"], dither: float) -> list[_Piece]:
    start_s, end_s = voiced_bounds_s(samples, sample_rate_hz=SAMPLE_RATE_HZ)
    first = max(round((start_s - _MARGIN_S) * SAMPLE_RATE_HZ), 0)
    speech = samples[first : round((end_s + _MARGIN_S) * SAMPLE_RATE_HZ)]
    # Else the noise that was estimated in the sound before is taken out of this one: 13 of 24 alignments changed.
    decoder.reinit_feat()
    decoder.start_utt()
    decoder.process_raw(_pcm(speech, dither), full_utt=True)
    decoder.end_utt()
    offset_s = first / SAMPLE_RATE_HZ - _PADDING_S
    return [
        _Piece(
            Word(
                piece.word.partition("(")[0],
                offset_s + piece.start_frame * _FRAME_S,
                offset_s + (piece.end_frame + 1) * _FRAME_S,
            ),
            piece.word[0] not in _NOT_WORDS,
            piece.end_frame + 1 - piece.start_frame,
            _SCORE_SCALE * math.log(max(piece.ascore, sys.float_info.min)),
            piece.prob,
        )
        for piece in decoder.seg() or ()
    ]


def _pcm(samples: Float32[np.ndarray, "sample"], dither: float) -> bytes:
    """16-bit samples of one loudness, framed by silence, under a little noise."""
    scaled = samples * (_PEAK / np.abs(samples).max())
    padded = np.pad(scaled, round(_PADDING_S * SAMPLE_RATE_HZ))
    noise = dither * np.random.default_rng(0).standard_normal(len(padded))
    return np.round((padded + noise) * 32767).astype("<i2").tobytes()
