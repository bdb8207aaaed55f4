"""From what a corpus claims to segments that every later stage may rely on."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from pipeline.artifacts.corpus.rejections import Rejection
from pipeline.artifacts.corpus.segments import SPLITS, Segment, Split
from pipeline.artifacts.corpus.task import Task
from pipeline.artifacts.corpus.words import Cue, Word
from pipeline.corpus.candidates import Candidate
from pipeline.corpus.cells import language_of_corpus
from pipeline.corpus.facts import FACTS_FILE
from pipeline.corpus.inspection import Inspected
from pipeline.corpus.names import refuse_two_forms, refuse_unseen
from pipeline.corpus.spoken import spoken_text
from pipeline.errors import PipelineError
from pipeline.media.probe import MediaInfo

# Tables round times and containers round durations.
OVERSHOOT_S = 0.5
"""How much later than the end of its media a span may end, in seconds; it is cut to the media."""
_SHORTEST_CUE_S = 0.01
# What stands for the length of a segment of which nothing says it.
_UNKNOWN_LENGTH_S = 1.0
_NO_MEDIA = Inspected(None, None, None)


def media_files(candidates: Sequence[Candidate]) -> list[str]:
    """Each media file that is to be used, once, sorted; relative to the corpus folder."""
    return sorted(
        {
            candidate.media
            for candidate in candidates
            if candidate.media is not None and not candidate.excluded
        }
    )


def check_table(candidates: Sequence[Candidate], *, task: Task) -> None:
    """Refuse a table that nobody can have meant.

    Args:
        candidates: the rows of the corpus.
        task: what their labels have to be.

    Raises:
        PipelineError: an empty or repeated id, names that cannot be told apart, a label outside of the corpus' range, one that is no class where labels are
            classes, or two classes in place of numbers.
    """
    first: dict[str, str] = {}
    for candidate in candidates:
        if not candidate.id:
            raise PipelineError(f"{candidate.place}: the id is empty; every segment needs one of its own")
        if candidate.id in first:
            raise PipelineError(
                f"{candidate.place}: the id {candidate.id!r} was used before, at {first[candidate.id]}; "
                "every segment needs one of its own"
            )
        first[candidate.id] = candidate.place
        refuse_unseen(candidate)
        if candidate.excluded is not None:
            continue
        reason = _strange_label(candidate.label, task)
        if reason is not None:
            raise PipelineError(
                f"{candidate.place}: the label of {candidate.id!r} is {candidate.label}; {reason}"
            )
        for rater, label in candidate.ratings.items():
            if not task.label_min <= label <= task.label_max:
                raise PipelineError(
                    f"{candidate.place}: the label that {rater!r} gave {candidate.id!r} is {label}; expected a number from "
                    f"{task.label_min} to {task.label_max} (min and max of {task.label!r} in {FACTS_FILE})"
                )
    refuse_two_forms(candidates)
    if task.kind == "regression":
        refuse_classes(candidates)


def _strange_label(label: float, task: Task) -> str | None:
    """What was expected instead of a label, None where it is one of the task."""
    if task.kind == "binary":
        return None if label in (0, 1) else f"expected 0 or 1, because kind in {FACTS_FILE} is binary"
    if task.kind == "classes":
        if label.is_integer() and task.label_min <= label <= task.label_max:
            return None
        return f"expected a whole number from 0 to {task.label_max:g}, because {FACTS_FILE} names {len(task.classes)} classes"
    if task.label_min <= label <= task.label_max:
        return None
    return f"expected a number from {task.label_min} to {task.label_max} (min and max of {task.label!r} in {FACTS_FILE})"


def refuse_classes(candidates: Sequence[Candidate]) -> None:
    """Refuse labels that are two classes where numbers are to be learnt.

    Raises:
        PipelineError: every label is 0 or 1, and both occur.
    """
    if {candidate.label for candidate in candidates if candidate.excluded is None} == {0.0, 1.0}:
        raise PipelineError(
            f"{candidates[0].place.split(', ')[0]}: every label is 0 or 1, which are two classes, but kind in {FACTS_FILE} is "
            "regression; set it to binary there, without min, max, groups and protocol"
        )


def build_manifest(
    candidates: Sequence[Candidate],
    splits: Mapping[str, Split],
    *,
    folder: PurePosixPath,
    inspected: Mapping[str, Inspected],
    language: str | None,
    max_rejected_share: float,
) -> tuple[list[Segment], list[Rejection]]:
    """Segments that can be used, sorted by id, and those that cannot, each with its reason.

    Args:
        candidates: the rows of the corpus, checked by `check_table`.
        splits: split of each id that is not excluded.
        folder: the corpus folder relative to the repository root.
        inspected: findings from opening each media file, by its name relative to the corpus folder.
        language: language of segments that do not say, in whatever way `language_of_corpus` knows; None where every segment has to.
        max_rejected_share: more than this share of unusable segments is an error, not a loss.

    Raises:
        PipelineError: too many segments cannot be used, a split is left without segments, or nobody knows the language.
    """
    language = None if language is None else language_of_corpus(language, FACTS_FILE)
    segments, rejections = [], []
    for candidate in sorted(candidates, key=lambda candidate: candidate.id):
        built: Segment | str
        if candidate.excluded is not None:
            built = candidate.excluded
        else:
            built = build_segment(candidate, splits[candidate.id], folder, inspected, language)
        if isinstance(built, Segment):
            segments.append(built)
        else:
            rejections.append(Rejection(candidate.id, candidate.media or "", built))
    # What the field leaves out is no loss.
    excluded = {candidate.id for candidate in candidates if candidate.excluded is not None}
    lost = [rejection for rejection in rejections if rejection.id not in excluded]
    if len(lost) > max_rejected_share * (len(candidates) - len(excluded)):
        raise PipelineError(
            f"{folder}: {len(lost)} of {len(candidates) - len(excluded)} segments cannot be used, more than "
            f"manifest.max_rejected_share = {max_rejected_share} allows; the first: {lost[0].reason}"
        )
    for split in SPLITS:
        if not any(segment.split == split for segment in segments):
            raise PipelineError(
                f"{folder}: the split {split!r} has no usable segments; every split needs at least one"
            )
    return segments, rejections


def build_segment(
    candidate: Candidate,
    split: Split,
    folder: PurePosixPath,
    inspected: Mapping[str, Inspected],
    language: str | None,
) -> Segment | str:
    """The segment, or a sentence on why it cannot be used; arguments as those of `build_manifest`."""
    if candidate.media is None and candidate.text is None and not candidate.words:
        return f"{candidate.place}: has neither media nor a transcript"
    spoken_in = candidate.language or language
    if spoken_in is None:
        return f"{candidate.place}: names no language, and neither does {FACTS_FILE}"
    media = _NO_MEDIA if candidate.media is None else inspected[candidate.media]
    if media.reason is not None:
        return media.reason
    start_s, end_s = _span(candidate, media.info)
    reason = _unusable_span(candidate, media.info, start_s, end_s)
    if reason is not None:
        return reason
    if media.info is not None:
        end_s = min(end_s, media.info.duration_s)
    try:
        return Segment(
            id=candidate.id,
            split=split,
            label=candidate.label,
            speaker=candidate.speaker or candidate.video,
            video=candidate.video,
            language=spoken_in,
            text=None if candidate.text is None else spoken_text(candidate.text).text,
            media=str(folder / candidate.media) if candidate.media is not None else None,
            media_sha256=media.sha256,
            has_audio=bool(media.info and media.info.has_audio),
            has_video=bool(media.info and media.info.has_video),
            start_s=start_s,
            end_s=end_s,
            timed_words=_relative(candidate.words, start_s, end_s),
            other_labels=candidate.other_labels,
            label_spread=candidate.spread,
            corpus=candidate.corpus or folder.name,
            rater=candidate.rater,
            ratings=candidate.ratings,
            trusted=candidate.trusted,
            cues=_relative_cues(candidate.cues, start_s, end_s),
            has_length=bool(candidate.end_s is not None or media.info or candidate.words or candidate.cues),
        )
    except PipelineError as error:
        return f"{candidate.place}: {error}"


def _span(candidate: Candidate, info: MediaInfo | None) -> tuple[float, float]:
    """Start and end in seconds of the media, as far as anything says: the corpus, the recording, the last word or cue."""
    start_s = candidate.start_s or 0.0
    if candidate.end_s is not None:
        return start_s, candidate.end_s
    if info is not None:
        return start_s, info.duration_s
    timed: tuple[Word | Cue, ...] = (*candidate.words, *candidate.cues)
    return start_s, max((stretch.end_s for stretch in timed), default=start_s + _UNKNOWN_LENGTH_S)


def _unusable_span(candidate: Candidate, info: MediaInfo | None, start_s: float, end_s: float) -> str | None:
    if not 0 <= start_s < end_s:
        return f"{candidate.place}: the span {start_s}–{end_s} s is empty or negative"
    if info and (start_s >= info.duration_s or end_s > info.duration_s + OVERSHOOT_S):
        return (
            f"{candidate.place}: the span {start_s}–{end_s} s is outside of {candidate.media}, "
            f"which lasts {info.duration_s:.2f} s"
        )
    return None


def _relative(words: Sequence[Word], start_s: float, end_s: float) -> tuple[Word, ...]:
    """Words of the media to words of the segment, cut to its span, by time."""
    within = [
        Word(word.text, max(word.start_s - start_s, 0.0), min(word.end_s, end_s) - start_s)
        for word in words
        if word.start_s < end_s and word.end_s >= start_s
    ]
    return tuple(sorted(within, key=lambda word: word.start_s))


def _relative_cues(cues: Sequence[Cue], start_s: float, end_s: float) -> tuple[Cue, ...]:
    """Cues of the media to cues of the segment, likewise; one that is left with next to no time is none."""
    within = (Cue(cue.text, max(cue.start_s - start_s, 0.0), min(cue.end_s, end_s) - start_s) for cue in cues)
    return tuple(cue for cue in within if cue.end_s - cue.start_s >= _SHORTEST_CUE_S)


def repeated_recordings(segments: Sequence[Segment]) -> list[str]:
    """A sentence for each recording that is in two splits under two names: its bytes are the same."""
    owners: dict[str, dict[Split, Segment]] = {}
    for segment in segments:
        if segment.media_sha256 is not None:
            owners.setdefault(segment.media_sha256, {}).setdefault(segment.split, segment)
    return [
        f"{' and '.join(f'{segment.media} ({segment.id!r}, {split})' for split, segment in found.items())} are the same recording"
        for found in owners.values()
        if len({(segment.video, segment.media) for segment in found.values()}) > 1
    ]


def say_repeated_recordings(segments: Sequence[Segment]) -> None:
    """Say on standard error which recordings are in two splits under two names; see `repeated_recordings`."""
    repeated = repeated_recordings(segments)
    if repeated:
        more = f"; and {len(repeated) - 1} more" if len(repeated) > 1 else ""
        sys.stderr.write(
            f"\n{repeated[0]}{more}; a model could know from training what it is tested on: keep one of each, or put both "
            "into one split\n"
        )
