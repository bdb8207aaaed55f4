"""Stage `inspect`: the pairs and segments that the model gets wrong, to look at and listen to."""

from pathlib import Path

from pipeline import params
from pipeline.artifacts.files import write_text
from pipeline.inspector.html import to_html
from pipeline.inspector.inputs import InspectorFiles, read_inputs
from pipeline.inspector.page import build_page
from stages.entry import run

FILES = InspectorFiles(
    segments=Path("data/manifest/segments.jsonl"),
    words=Path("data/words/words.jsonl"),
    features={
        "text": Path("data/text/features.safetensors"),
        "audio": Path("data/audio/features.safetensors"),
        "visual": Path("data/visual/features.safetensors"),
    },
    predictions=Path("reports/predictions.csv"),
    heaviest=Path("data/weights/heaviest.json"),
)
HTML = Path("reports/inspector.html")

SECTIONS = (params.Corpus, params.Task, params.Margin, params.Advantage, params.Report)


def main() -> None:
    """Write the page."""
    inputs = read_inputs(FILES, parameters=params.dump(SECTIONS))
    with_text = params.load(params.Report).transcripts
    write_text(HTML, to_html(build_page(inputs, with_text=with_text, root="..")))


if __name__ == "__main__":
    run(main)
