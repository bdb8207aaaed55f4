"""What the inspector is made from, as the stages before it left it."""

from collections import Counter
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.artifacts.corpus.segments import Segment, Split, iterate_segments
from pipeline.artifacts.corpus.sequences import Modality
from pipeline.artifacts.corpus.words import AlignMethod, iterate_words
from pipeline.artifacts.evaluated.evaluation import EVALUATED
from pipeline.artifacts.evaluated.predictions import SplitPredictions, read_predictions
from pipeline.artifacts.evaluated.representations import Representations, read_representations
from pipeline.artifacts.features.extraction import Extraction, read_extractions
from pipeline.artifacts.trained.hardest_pairs import HardestPairs, read_hardest_pairs
from pipeline.errors import PipelineError
from pipeline.evaluation.groups import group_of
from pipeline.pages.numbers import group_names


@dataclass(frozen=True, kw_only=True)
class InspectorFiles:
    """Where the inputs are."""

    segments: Path
    words: Path
    features: Mapping[Modality, Path]
    predictions: Path
    hardest: Path
    representations: Path


@dataclass(frozen=True, slots=True)
class ShownSegment:
    """A segment of the page.

    Attributes:
        segment: its row of the manifest.
        align_method: where its word times come from.
    """

    segment: Segment
    align_method: AlignMethod


@dataclass(frozen=True, eq=False, kw_only=True)
class InspectorInputs:
    """The content of every file that the inspector reads, but for what the manifest and the words say of single segments.

    Of a segment in valid and test, `read_shown` reads that when it is known which of them the page shows. `weighed` holds the
    segments of train that stage 1 weighed. `parameters` holds every parameter that the page needs by its full name, such as
    `margin.groups`.

    Raises:
        PipelineError: representations of a segment that was not predicted.
    """

    files: InspectorFiles
    weighed: Mapping[str, Segment]
    extractions: Mapping[Modality, Extraction]
    predictions: Sequence[SplitPredictions]
    hardest: HardestPairs
    representations: Sequence[Representations]
    parameters: Mapping[str, Any]

    def __post_init__(self) -> None:
        predicted_ids = {predicted.split: predicted.ids for predicted in self.predictions}
        for found in self.representations:
            if set(found.ids).difference(predicted_ids.get(found.split, ())):
                raise PipelineError(
                    f"data/representations/{found.split}.safetensors has segments that reports/predictions.csv lacks; run "
                    "`dvc repro evaluate` to bring both to one run"
                )

    def read_shown(self, ids: Container[str]) -> dict[str, ShownSegment]:
        """What the manifest and the words say of some segments, by id."""
        segments = {
            segment.id: segment for segment in iterate_segments(self.files.segments) if segment.id in ids
        }
        methods = {
            words.id: words.align_method for words in iterate_words(self.files.words) if words.id in segments
        }
        return {id_: ShownSegment(segment, methods.get(id_, "none")) for id_, segment in segments.items()}

    def read_predicted(self, predicted: SplitPredictions) -> list[Segment]:
        """The segments that were predicted, in the order of their predictions, without what was said in them."""
        found = {
            segment.id: replace(segment, timed_words=(), cues=(), text=None)
            for segment in iterate_segments(self.files.segments)
            if segment.split == predicted.split
        }
        return [found[id_] for id_ in predicted.ids]

    def group_of(self, label: float) -> int:
        """Number of the sentiment group of a label, as `margin.groups` has it."""
        return int(group_of(np.array([label]), groups=self.parameters["margin.groups"])[0])

    def group_name(self, group: int) -> str:
        """Name of a sentiment group, or of a class, which is a group of its own."""
        if self.parameters["task.kind"] == "classes":
            return str(self.parameters["task.classes"][group])
        return group_names(
            [group],
            groups=self.parameters["margin.groups"],
            binary=self.parameters["task.kind"] == "binary",
        )[0]


def read_inputs(files: InspectorFiles, *, parameters: Mapping[str, Any]) -> InspectorInputs:
    """Read every input; the features themselves stay on disk, and so does what the page does not show.

    Raises:
        PipelineError: a segment that was predicted or weighed is not in the manifest, or one of the manifest was not predicted.
    """
    hardest, predictions = read_hardest_pairs(files.hardest), read_predictions(files.predictions)
    weighed = {segment.id for segment in hardest.segments}
    weighed.update(id_ for pair in hardest.pairs for id_ in (pair.above, pair.below))
    found: dict[str, Segment] = {}
    unknown = weighed.union(*(predicted.ids for predicted in predictions))
    n_segments: Counter[Split] = Counter()
    for segment in iterate_segments(files.segments):
        unknown.discard(segment.id)
        n_segments[segment.split] += 1
        if segment.id in weighed:
            found[segment.id] = segment
    _require_one_corpus(predictions, n_segments, unknown)
    return InspectorInputs(
        files=files,
        weighed=found,
        extractions=read_extractions(files.features),
        predictions=predictions,
        hardest=hardest,
        representations=[read_representations(files.representations, split) for split in EVALUATED],
        parameters=parameters,
    )


def _require_one_corpus(
    predictions: Sequence[SplitPredictions], n_segments: Mapping[Split, int], unknown: Collection[str]
) -> None:
    if unknown:
        raise PipelineError(
            f"segment {min(unknown)}: predicted or weighed, but not in the manifest; run `dvc repro` to bring both to one corpus"
        )
    for predicted in predictions:
        if len(predicted.ids) != n_segments[predicted.split]:
            raise PipelineError(
                f"reports/predictions.csv has {len(predicted.ids)} rows of {predicted.split}, but the manifest has "
                f"{n_segments[predicted.split]} segments of it; run `dvc repro evaluate` to predict again"
            )
