"""`python -m pipeline report`: the figures of the report as files, for papers and slides."""

import argparse
import sys
from pathlib import Path

from pipeline.artifacts.formats.files import read_json_lines, write_bytes, write_text
from pipeline.pages.figures import from_line
from pipeline.pages.vega import file_png, file_svg

# As the stage `report` has it.
DESCRIBED, FOLDER = Path("reports/figures.jsonl"), Path("reports/figures")
# What the command drew, by which it knows its own files.
MADE = FOLDER / "drawn.txt"

DESCRIPTION = f"""\
Draw every figure of the last run's report as an SVG and a PNG file on white, into {FOLDER}. Runs no stage.

The stage `report` leaves these files out: making the PNG files takes as long as the rest of it, and few runs end up in a
paper. What it writes are the descriptions, {DESCRIBED}: Vega-Lite, a figure on a line.
"""


def _made_before() -> set[str]:
    """Names of the files that this command drew before, none of which is in another folder."""
    try:
        names = MADE.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return set()
    return {name for name in names if Path(name).name == name and Path(name).suffix in (".svg", ".png")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = DESCRIPTION
    parser.add_argument("--figures", action="store_true", required=True, help="draw the figures")


def run(args: argparse.Namespace) -> int:
    """Draw the figures, remove those of a run before, and say where they are."""
    figures = read_json_lines(DESCRIBED, from_line, stage="report")
    drawn = {FOLDER / f"{figure.name}.svg": file_svg(figure).encode() for figure in figures}
    drawn |= {FOLDER / f"{figure.name}.png": file_png(figure) for figure in figures}
    for file, content in drawn.items():
        write_bytes(file, content)
    # What else lies there is somebody's own.
    made = _made_before()
    names = sorted(file.name for file in drawn)
    write_text(MADE, "".join(f"{name}\n" for name in names))
    for name in made - set(names):
        (FOLDER / name).unlink(missing_ok=True)
    sys.stdout.write(f"{FOLDER}: {len(figures)} figures, each as SVG and PNG\n")
    return 0
