"""The facts of a corpus that a benchmark writes, found as `python -m pipeline import` finds them."""

from pathlib import Path

from pipeline.artifacts.formats.files import write_text
from pipeline.corpus.facts import FACTS_FILE, facts_to_yaml
from pipeline.corpus.layouts import LAYOUTS
from pipeline.intake.facts import find_facts


def write_facts(folder: Path) -> None:
    """Write `corpus.yaml` beside the table of a corpus of layout `folder`, in place of one that is there."""
    (folder / FACTS_FILE).unlink(missing_ok=True)
    known = find_facts("folder", LAYOUTS["folder"].read(folder), folder)
    write_text(folder / FACTS_FILE, facts_to_yaml(known.facts, remarks=known.remarks))
