"""What a timed transcript holds, whatever its format: words with times, or longer stretches of text with times."""

import math
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from pipeline.artifacts.corpus.words import Cue, Word
from pipeline.corpus.spoken import spoken_text
from pipeline.errors import PipelineError

# What aligners and annotators write where nothing is said.
PAUSES = frozenset(("", "sp", "sil", "<sil>", "<sp>", "<eps>", "<p:>", "spn", "<unk>", "<p>"))
# An hour of speech has some 10,000 words; a file of more than this is none of a recording.
MAX_ENTRIES = 1_000_000
_ROUNDED_S = 1e-6


@dataclass(frozen=True)
class TimedTranscript:
    """The transcript of one recording, in seconds from its start and in the order of time.

    Attributes:
        words: words with times of their own, empty where the file has none.
        cues: stretches of text with times; empty where there are words.
    """

    words: tuple[Word, ...]
    cues: tuple[Cue, ...]

    def words_near(self, first_s: float, last_s: float) -> Sequence[Word]:
        """The words that may overlap a stretch of the recording: all that do, and a few more."""
        return self.words[self._word_starts.between(first_s, last_s)]

    def cues_near(self, first_s: float, last_s: float) -> Sequence[Cue]:
        """Likewise the cues."""
        return self.cues[self._cue_starts.between(first_s, last_s)]

    # A recording with thousands of segments has tens of thousands of words, which are not looked through for each of them.
    @cached_property
    def _word_starts(self) -> "_Starts":
        return _Starts.of(self.words)

    @cached_property
    def _cue_starts(self) -> "_Starts":
        return _Starts.of(self.cues)

    def __post_init__(self) -> None:
        if len(self.words) + len(self.cues) > MAX_ENTRIES:
            raise ValueError(f"it holds more than {MAX_ENTRIES:,} words or cues")


@dataclass(frozen=True)
class _Starts:
    """Where stretches start, in the order of time, and how long the longest is, seconds."""

    starts_s: Sequence[float]
    longest_s: float

    @classmethod
    def of(cls, stretches: Sequence[Word | Cue]) -> "_Starts":
        """Those of words or cues in the order of their starts."""
        return cls(
            [stretch.start_s for stretch in stretches],
            max((stretch.end_s - stretch.start_s for stretch in stretches), default=0.0),
        )

    def between(self, first_s: float, last_s: float) -> slice:
        """Those that start before `last_s`, from the first that may reach beyond `first_s`."""
        # A little more, for a difference is rounded.
        return slice(
            bisect_left(self.starts_s, first_s - self.longest_s - _ROUNDED_S),
            bisect_right(self.starts_s, last_s),
        )


def of_words(words: Iterable[Word]) -> TimedTranscript:
    """Words in the order of time; pauses are left out, and a word that is on two tiers is there once."""
    spoken = {word for word in words if word.text.strip().casefold() not in PAUSES}
    return TimedTranscript(tuple(sorted(spoken, key=lambda word: (word.start_s, word.end_s, word.text))), ())


def of_cues(cues: Iterable[Cue]) -> TimedTranscript:
    """Cues in the order of time; markup and annotations are left out, and so is a cue that holds nothing else."""
    cleaned = (Cue(spoken_text(" ".join(cue.text.split())).text, cue.start_s, cue.end_s) for cue in cues)
    spoken = [cue for cue in cleaned if cue.text.strip().casefold() not in PAUSES]
    return TimedTranscript((), tuple(sorted(spoken, key=lambda cue: (cue.start_s, cue.end_s))))


def spoken_word(text: str) -> str:
    """A word of a sentence without its punctuation, empty where it is an annotation or nothing else."""
    spoken = spoken_text(text.strip()).text.strip()
    first, last = 0, len(spoken)
    while first < last and _separates(spoken[first]):
        first += 1
    while last > first and _separates(spoken[last - 1]):
        last -= 1
    return spoken[first:last]


def _separates(character: str) -> bool:
    return unicodedata.category(character)[0] in "PSZ"


def check_times(start_s: float, end_s: float, place: str) -> None:
    """Refuse times that no stretch of a recording can have.

    Raises:
        PipelineError: they are not finite, before the start of the recording, or the wrong way round.
    """
    if not (math.isfinite(start_s) and math.isfinite(end_s) and 0 <= start_s <= end_s):
        raise PipelineError(
            f"{place}: lasts from {start_s:g} to {end_s:g} s; expected seconds of the recording, the end after the start"
        )
