"""Stage `card`: the model card, from what was trained, measured and given."""

from pathlib import Path

from pipeline import params
from pipeline.artifacts.checkpoint import read_checkpoints
from pipeline.artifacts.extraction import read_extraction
from pipeline.artifacts.files import read_json, read_text, write_text
from pipeline.artifacts.segments import read_rejections, read_segments
from pipeline.artifacts.sequences import Modality
from pipeline.card.card import to_markdown
from pipeline.card.inputs import CardInputs
from stages.entry import run

SEGMENTS = Path("data/manifest/segments.jsonl")
REJECTED = Path("data/manifest/rejected.csv")
FEATURES: dict[Modality, Path] = {
    "text": Path("data/text/features.safetensors"),
    "audio": Path("data/audio/features.safetensors"),
    "visual": Path("data/visual/features.safetensors"),
}
RANKED, CALIBRATED = Path("data/rank"), Path("data/calibrate")
METRICS = Path("reports/metrics.json")
COMPARISONS = Path("reports/comparisons.json")
CARD = Path("reports/model_card.md")


def main() -> None:
    """Write the card."""
    readme = Path("data/raw") / params.load(params.Corpus).name / "README.md"
    inputs = CardInputs(
        segments=read_segments(SEGMENTS),
        n_rejected=len(read_rejections(REJECTED)),
        readme=read_text(readme) if readme.is_file() else None,
        extractions={modality: read_extraction(path) for modality, path in FEATURES.items()},
        metrics=read_json(METRICS),
        comparisons=read_json(COMPARISONS),
        ranked=read_checkpoints(RANKED, stage="rank"),
        grcf=read_checkpoints(CALIBRATED, stage="calibrate"),
        parameters=params.dump(params.Section.__subclasses__()),
    )
    write_text(CARD, to_markdown(inputs))


if __name__ == "__main__":
    run(main)
