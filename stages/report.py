"""Stage `report`: what the run found, for people."""

import hashlib
import io
import json
from pathlib import Path

import pandas as pd

from pipeline import params
from pipeline.artifacts.curves import read_curves
from pipeline.artifacts.files import read_json, read_text, sha256_of, write_text
from pipeline.artifacts.predictions import predictions_from_csv
from pipeline.artifacts.segments import read_segments
from pipeline.reporting.html import to_html
from pipeline.reporting.inputs import ReportInputs
from pipeline.reporting.markdown import to_markdown
from pipeline.reporting.report import build_report
from stages.entry import run

METRICS = Path("reports/metrics.json")
COMPARISONS = Path("reports/comparisons.json")
PREDICTIONS = Path("reports/predictions.csv")
COVERAGE = Path("reports/coverage.json")
CURVES = {
    "rank": Path("reports/curves/rank.csv"),
    "calibrate": Path("reports/curves/calibrate.csv"),
    "pointwise": Path("reports/curves/pointwise.csv"),
}
GROUP_PAIRS = Path("reports/group_pairs.csv")
SEGMENTS = Path("data/manifest/segments.jsonl")
MARKDOWN = Path("reports/report.md")
HTML = Path("reports/report.html")

READ = (METRICS, COMPARISONS, PREDICTIONS, COVERAGE, *CURVES.values(), GROUP_PAIRS, SEGMENTS)


def read_inputs() -> ReportInputs:
    """Everything that the report is made from."""
    parameters = params.dump(params.Section.__subclasses__())
    # Of the values, as DVC sees them: a new comment in params.yaml makes no new report.
    values = json.dumps(parameters, sort_keys=True, ensure_ascii=False).encode()
    return ReportInputs(
        metrics=read_json(METRICS),
        comparisons=read_json(COMPARISONS),
        predictions=predictions_from_csv(read_text(PREDICTIONS), source=str(PREDICTIONS)),
        coverage=read_json(COVERAGE),
        curves={stage: read_curves(path) for stage, path in CURVES.items()},
        group_pairs=pd.read_csv(io.StringIO(read_text(GROUP_PAIRS))),
        segments=read_segments(SEGMENTS),
        parameters=parameters,
        digests={path.as_posix(): sha256_of(path) for path in READ}
        | {"params.yaml (values)": hashlib.sha256(values).hexdigest()},
    )


def main() -> None:
    """Render what the stages before left."""
    report = build_report(read_inputs())
    write_text(MARKDOWN, to_markdown(report))
    write_text(HTML, to_html(report))


if __name__ == "__main__":
    run(main)
