"""What the inspector is made from, as the stages before it left it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.artifacts.evaluation import EVALUATED
from pipeline.artifacts.extraction import Extraction, read_extraction
from pipeline.artifacts.hardest_pairs import HardestPairs, read_hardest_pairs
from pipeline.artifacts.predictions import SplitPredictions, read_predictions
from pipeline.artifacts.representations import Representations, read_representations
from pipeline.artifacts.segments import Segment, iterate_segments
from pipeline.artifacts.sequences import Modality
from pipeline.artifacts.words import AlignMethod, iterate_words
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


@dataclass(frozen=True, eq=False, kw_only=True)
class InspectorInputs:
    """The content of every file that the inspector reads.

    `segments` holds those that the page may show: all of valid and test, and those of train that were weighed.
    `align_methods` says by the id of such a segment where its word times come from. `parameters` holds every parameter that the page
    needs by its full name, such as `margin.groups`.

    Raises:
        PipelineError: a segment that was predicted, weighed or extracted is not in the manifest.
    """

    segments: Mapping[str, Segment]
    align_methods: Mapping[str, AlignMethod]
    extractions: Mapping[Modality, Extraction]
    predictions: Sequence[SplitPredictions]
    hardest: HardestPairs
    representations: Sequence[Representations]
    parameters: Mapping[str, Any]

    def __post_init__(self) -> None:
        named = [id_ for predicted in self.predictions for id_ in predicted.ids]
        named += [segment.id for segment in self.hardest.segments]
        unknown = next((id_ for id_ in named if id_ not in self.segments), None)
        if unknown is not None:
            raise PipelineError(
                f"segment {unknown}: predicted or weighed, but not in the manifest; run `dvc repro` to bring both to one corpus"
            )

        for predicted in self.predictions:
            n_segments = sum(segment.split == predicted.split for segment in self.segments.values())
            if len(predicted.ids) != n_segments:
                raise PipelineError(
                    f"reports/predictions.csv has {len(predicted.ids)} rows of {predicted.split}, but the manifest has {n_segments} "
                    "segments of it; run `dvc repro evaluate` to predict again"
                )
        predicted_ids = {predicted.split: predicted.ids for predicted in self.predictions}
        for found in self.representations:
            if set(found.ids).difference(predicted_ids.get(found.split, ())):
                raise PipelineError(
                    f"data/representations/{found.split}.safetensors has segments that reports/predictions.csv lacks; run "
                    "`dvc repro evaluate` to bring both to one run"
                )

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
    """Read every input; the features themselves stay on disk, and of train what the page does not show."""
    hardest = read_hardest_pairs(files.hardest)
    weighed = {segment.id for segment in hardest.segments}
    weighed.update(id_ for pair in hardest.pairs for id_ in (pair.above, pair.below))
    segments = {
        segment.id: segment
        for segment in iterate_segments(files.segments)
        if segment.split in EVALUATED or segment.id in weighed
    }
    return InspectorInputs(
        segments=segments,
        align_methods={row.id: row.align_method for row in iterate_words(files.words) if row.id in segments},
        extractions={modality: read_extraction(path) for modality, path in files.features.items()},
        predictions=read_predictions(files.predictions),
        hardest=hardest,
        representations=[read_representations(files.representations, split) for split in EVALUATED],
        parameters=parameters,
    )
