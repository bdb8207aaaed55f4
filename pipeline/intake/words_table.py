"""Timed words of whole recordings, such as the CMU SDK's, as words of the segments that were cut out of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.artifacts.corpus.words import Word
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
    of which segments are parts. Of a video, a segment has the words whose middle lies in it: without an end up to the next segment's
    start, without a start from the end of the one before, and without either all of them, if it is the only segment of the video;
    else it has none. Pauses (`sp`, `sil`) are no words.

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
    untold: list[str] = []
    if {span.id for span in spans} & by_owner.keys():
        found = [(span.id, word) for span in spans for word in by_owner.get(span.id, ())]
    else:
        found, untold = _of_videos(spans, by_owner)
    if untold:
        whose = (
            f"{untold[0]!r} has"
            if len(untold) == 1
            else f"{len(untold)} segments, such as {untold[0]!r}, have"
        )
        reason = f"{whose} neither start nor end in a recording of several segments, so that nothing tells which words to take"
    if not found and untold:
        raise PipelineError(
            f"{table}: no segment has a word of it: {reason}; give their times in the table of segments, or their ids in the column "
            f"{owner} of this one"
        )
    if not found:
        raise PipelineError(
            f"{table}: has words of {len(by_owner)} recordings, such as {next(iter(by_owner), '')!r}, and none of a segment; write "
            "them as the ids or videos of the table of segments"
        )
    n_with = len({id_ for id_, _ in found})
    sentence = f"{len(found)} words with times, of {n_with} of {len(spans)} segments"
    return found, f"{sentence}; {reason}" if untold else sentence


def _of_videos(
    spans: Sequence[Span], by_video: Mapping[str, Sequence[Word]]
) -> tuple[list[tuple[str, Word]], list[str]]:
    """The words of each segment, in the order of the segments, and the ids of those whose words cannot be told."""
    middles_s = {
        video: np.array([(word.start_s + word.end_s) / 2 for word in words])
        for video, words in by_video.items()
    }
    of_video: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        of_video[span.video].append(span)
    found, untold = [], []
    for span in spans:
        if span.video not in middles_s:
            continue
        bounds_s = _bounds_s(span, of_video[span.video])
        if bounds_s is None:
            untold.append(span.id)
            continue
        middle_s = middles_s[span.video]
        inside = ((middle_s >= bounds_s[0]) & (middle_s < bounds_s[1])).nonzero()[0]
        found += [(span.id, by_video[span.video][position]) for position in inside.tolist()]
    return found, untold


def _bounds_s(span: Span, of_video: Sequence[Span]) -> tuple[float, float] | None:
    """Where the words of a segment lie among those of its recording; None where nothing says.

    Args:
        span: the segment.
        of_video: all segments of its recording.
    """
    if span.start_s is None and span.end_s is None:
        return (0.0, np.inf) if len(of_video) == 1 else None
    start_s, end_s = span.start_s, span.end_s
    if end_s is None:
        assert start_s is not None
        starts_s = (other.start_s for other in of_video if other.start_s is not None)
        end_s = min((other_s for other_s in starts_s if other_s > start_s), default=np.inf)
    if start_s is None:
        others_s = (other.end_s for other in of_video if other.end_s is not None)
        start_s = max((other_s for other_s in others_s if other_s < end_s), default=0.0)
    return start_s, end_s
