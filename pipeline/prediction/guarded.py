"""New recordings in worker processes: one that crashes or hangs its process costs no other its answer.

Nothing here or at the top of what it imports loads a heavy library, so that a mistake is answered at once.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from pipeline.artifacts.aligned.preprocessing import Preprocessing
from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.sequences import Modality
from pipeline.errors import MachineError, PipelineError, written_out
from pipeline.execution.clips import clip_limit_s
from pipeline.execution.pool import Done, run_in_workers
from pipeline.execution.workers import worker_count
from pipeline.prediction.observed import Observed
from pipeline.prediction.recording import Recording, as_segment, cut_transcript
from pipeline.storage.checked_media import WithCheckedMedia

Item = TypeVar("Item")
Result = TypeVar("Result")

# Opening takes a moment, but all bytes are read for their digest, over a slow network maybe.
_LIMIT_S = 120.0
_SLOWEST_BYTES_PER_S = 1e6
# A worker needs some seconds to load its libraries, as long as it needs for several short clips.
_CLIPS_PER_WORKER = 8


@dataclass(frozen=True, slots=True)
class Answer(Generic[Result]):
    """What came of one recording."""

    result: Result


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one recording cannot be used: a sentence."""

    sentence: str


@dataclass(frozen=True, eq=False)
class Observation:
    """A segment as the extractors of a worker saw it, without its text, and how their encoders differ from those of training."""

    observed: Observed
    other_encoders: tuple[str, ...]


class Observer:
    """Extracts words, sound and face of segments with the extractors of training, which each process loads once.

    Text is left to the process that predicts: it is read from no file, and its libraries take as long to load as all others.

    Args:
        preprocessing: extractors, columns and scaler that the checkpoints carry.
        folders: folder of the encoder of a modality.
    """

    def __init__(self, preprocessing: Preprocessing, folders: Mapping[Modality, str]) -> None:
        self._preprocessing, self._folders = preprocessing, folders
        self._extractors: list[Any] = []  # empty where it is pickled: it is called in workers only

    def __call__(self, segment: Segment) -> Observation | Refusal:
        """Extract one segment; what cannot be used is a sentence.

        Raises:
            PipelineError: settings that this version of the code does not know, so that no segment can be extracted.
        """
        from pipeline.prediction.extraction import Extractors

        if not self._extractors:
            self._extractors.append(Extractors(self._preprocessing, folders=self._folders))
        (extractors,) = self._extractors
        outcome = _refused(extractors.observe_media, segment)
        if isinstance(outcome, Refusal):
            return outcome
        return Observation(outcome, tuple(extractors.other_encoders()))


@dataclass(frozen=True, slots=True)
class Preview:
    """A contact sheet as a file, what it shows, and sentences on what was not read."""

    heading: str
    content: bytes
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Previewer:
    """Draws the contact sheet of a segment.

    Attributes:
        words: section `words` of the parameters.
        visual: section `visual`.
        n_tiles: how many pictures to draw.
        suffix: `.html` or `.png`.
    """

    words: Mapping[str, Any]
    visual: Mapping[str, Any]
    n_tiles: int
    suffix: str

    def __call__(self, segment: Segment) -> Preview | Refusal:
        """Draw one segment; what cannot be drawn is a sentence."""
        return _refused(WithCheckedMedia(self._draw), segment)

    def _draw(self, segment: Segment) -> Preview:
        from pipeline.extract.extractors import choose
        from pipeline.extract.visual.mesh import FaceSettings
        from pipeline.extract.words.locate import WordSettings, locate_words
        from pipeline.prediction.contact_sheet import as_html, as_png, heading
        from pipeline.prediction.preview import preview

        segment, notes = cut_transcript(segment, n_words=0)
        spoken = locate_words(segment, WordSettings(**self.words))
        sheet = preview(segment, spoken, faces=choose(FaceSettings, self.visual), n_tiles=self.n_tiles)
        content = as_png(sheet) if self.suffix == ".png" else as_html(sheet).encode()
        return Preview(heading(sheet), content, notes)


def open_recordings(recordings: Sequence[Recording], *, language: str) -> list[Segment | Refusal]:
    """Each recording as a segment, opened in a worker process."""
    opened = _in_order(
        partial(_open, language=language),
        dict(enumerate(recordings)),
        n_workers=min(worker_count(), len(recordings)),
        limit_s=_opening_limit_s,
        describe=lambda recording: written_out(recording.name),
    )
    with closing(opened):
        return [outcome.result if isinstance(outcome, Answer) else outcome for outcome in opened]


def _open(recording: Recording, *, language: str) -> Segment | Refusal:
    return _refused(partial(as_segment, language=language), recording)


def _opening_limit_s(recording: Recording) -> float:
    try:
        n_bytes = 0 if recording.media is None else recording.media.stat().st_size
    except (OSError, ValueError):
        n_bytes = 0  # `as_segment` says what is wrong with it
    return _LIMIT_S + n_bytes / _SLOWEST_BYTES_PER_S


def map_segments(
    function: Callable[[Segment], Result | Refusal], opened: Sequence[Segment | Refusal]
) -> Generator[Answer[Result] | Refusal, None, None]:
    """What `function` makes of each segment, in order and as soon as it is there; a refusal stays one.

    Args:
        function: computes one segment in a worker process; picklable. What it loads, it keeps for the next segment.
        opened: segments and refusals from `open_recordings`.

    Raises:
        PipelineError: what `function` raised.
    """
    segments = {n: segment for n, segment in enumerate(opened) if isinstance(segment, Segment)}
    outcomes = _in_order(
        function,
        segments,
        n_workers=min(worker_count(), -(-len(segments) // _CLIPS_PER_WORKER)),
        limit_s=clip_limit_s,
        describe=lambda segment: written_out(segment.media or segment.id),
    )
    with closing(outcomes):
        for segment in opened:
            yield segment if isinstance(segment, Refusal) else next(outcomes)


def _in_order(
    function: Callable[[Item], Result | Refusal],
    items: Mapping[int, Item],
    *,
    n_workers: int,
    limit_s: Callable[[Item], float],
    describe: Callable[[Item], str],
) -> Generator[Answer[Result] | Refusal, None, None]:
    """Outcomes of all items in the order of their keys, those that crash or hang a worker among them."""
    if not items:
        return
    outcomes = run_in_workers(function, items, n_workers=n_workers, limit_s=limit_s, describe=describe)
    waiting, keys = dict[int, Answer[Result] | Refusal](), iter(sorted(items))
    key = next(keys)
    with closing(outcomes):
        for found, outcome in outcomes:
            if isinstance(outcome, Done):
                result = outcome.result
                waiting[found] = result if isinstance(result, Refusal) else Answer(result)
            else:
                waiting[found] = Refusal(
                    f"{describe(items[found])}: {outcome.reason}; convert it with ffmpeg or leave it out"
                )
            while key in waiting:
                yield waiting.pop(key)
                key = next(keys, -1)


def _refused(function: Callable[[Item], Result], item: Item) -> Result | Refusal:
    try:
        return function(item)
    except MachineError:  # says nothing about the recording
        raise
    except PipelineError as error:
        return Refusal(str(error))
