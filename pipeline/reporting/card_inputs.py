"""What a model card is made from: the inputs of the report, and what made the model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.artifacts.corpus.sequences import Modality
from pipeline.artifacts.features.extraction import Extraction
from pipeline.artifacts.trained.checkpoint import Checkpoint
from pipeline.errors import PipelineError
from pipeline.reporting.inputs import ReportInputs


@dataclass(frozen=True, eq=False, kw_only=True)
class CardInputs:
    """The content of every file that the card reads.

    Attributes:
        report: inputs of the report of the same run.
        n_rejected: number of segments of the corpus that could not be used.
        readme: the corpus's own README.md; None where it has none.
        extractions: extractors that made the features, by modality.
        ranked: checkpoints of stage 1, one per seed.
        grcf: checkpoints that the card is about, one per seed.
        digests: SHA-256 of the file of each of these, in hexadecimal.

    Raises:
        PipelineError: the checkpoints are of other seeds than the report.
    """

    report: ReportInputs
    n_rejected: int
    readme: str | None
    extractions: Mapping[Modality, Extraction]
    ranked: Sequence[Checkpoint]
    grcf: Sequence[Checkpoint]
    digests: Sequence[str]

    def __post_init__(self) -> None:
        found = [checkpoint.seed for checkpoint in self.grcf]
        wanted = list(self.report.parameters["training.seeds"])
        if found != sorted(wanted):
            raise PipelineError(
                f"data/calibrate holds the seeds {found}, training.seeds are {wanted}; run `dvc repro` to train them"
            )
