"""`python -m pipeline report`: the figures of the report as files, for papers and slides."""

import argparse
import sys
from pathlib import Path

from pipeline.artifacts.files import read_json_lines, write_bytes
from pipeline.pages.figures import from_line
from pipeline.pages.vega import file_png, file_svg

# As the stage `report` has it.
DESCRIBED, FOLDER = Path("reports/figures.jsonl"), Path("reports/figures")

DESCRIPTION = f"""\
Draw every figure of the last run's report as an SVG and a PNG file on white, into {FOLDER}. Runs no stage.

The stage `report` leaves these files out: making the PNG files takes as long as the rest of it, and few runs end up in a
paper. What it writes are the descriptions, {DESCRIBED}: Vega-Lite, a figure on a line.
"""


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
    for file in {*FOLDER.glob("*.svg"), *FOLDER.glob("*.png")} - drawn.keys():
        file.unlink()
    sys.stdout.write(f"{FOLDER}: {len(figures)} figures, each as SVG and PNG\n")
    return 0
