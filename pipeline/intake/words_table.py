"""Timed words of whole recordings, such as the CMU SDK's, as words of the segments that were cut out of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.artifacts.words import Word
from pipeline.corpus.cells import number
from pipeline.corpus.tables import read_rows
from pipeline.errors import PipelineError

_OWNERS = ("id", "segment_id", "utterance_id", "video", "video_id", "recording")
# What aligners write between words: silence and noise.
_PAUSES = frozenset(("sp", "sil", "spn", "<eps>", ""))


@dataclass(frozen=True)
class Span:
    """A segment: its id, the recording that it is part of, and where; seconds, None for its beginning or end."""

    id: str
    video: str
    start_s: float | None
    end_s: float | None


def words_of_segments(table: Path, spans: Sequence[Span]) -> tuple[list[tuple[str, Word]], str]:
    """The words of each segment, by id, and a sentence on how many there are.

    The table has the columns `word`, `start_s`, `end_s`, and one that says whose a word is: the id of its segment, or the video
    of which segments are parts. Of a video, a segment has the words whose middle lies in it. Pauses (`sp`, `sil`) are no words.

    Raises:
        PipelineError: the table has none of these columns, a time is no number, or it has no word of any segment.
    """
    rows = list(read_rows(table, required=("word", "start_s", "end_s"), named=_OWNERS))
    columns = rows[0][1] if rows else {}
    owner = next((name for name in _OWNERS if name in columns), None)
    if owner is None:
        raise PipelineError(
            f"{table}: {'has no rows' if not rows else 'does not say whose a word is'}; expected a column id with the segment or "
            "video with the recording of each word"
        )
    by_owner: dict[str, list[Word]] = defaultdict(list)
    for place, row in rows:
        if row["word"].casefold() not in _PAUSES:
            start_s, end_s = (number(row[name], place, name) for name in ("start_s", "end_s"))
            by_owner[row[owner]].append(Word(row["word"], start_s, end_s))
    if {span.id for span in spans} & by_owner.keys():
        found = [(span.id, word) for span in spans for word in by_owner.get(span.id, ())]
    else:
        found = _of_videos(spans, by_owner)
    if not found:
        raise PipelineError(
            f"{table}: has words of {len(by_owner)} recordings, such as {next(iter(by_owner), '')!r}, and none of a segment; write "
            "them as the ids or videos of the table of segments"
        )
    n_with = len({id_ for id_, _ in found})
    return found, f"{len(found)} words with times, of {n_with} of {len(spans)} segments"


def _of_videos(spans: Sequence[Span], by_video: Mapping[str, Sequence[Word]]) -> list[tuple[str, Word]]:
    middles_s = {
        video: np.array([(word.start_s + word.end_s) / 2 for word in words])
        for video, words in by_video.items()
    }
    found = []
    for span in spans:
        if span.video in middles_s:
            middle_s = middles_s[span.video]
            end_s = np.inf if span.end_s is None else span.end_s
            inside = ((middle_s >= (span.start_s or 0.0)) & (middle_s < end_s)).nonzero()[0]
            found += [(span.id, by_video[span.video][position]) for position in inside.tolist()]
    return found
