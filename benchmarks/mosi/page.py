"""The benchmark as a Markdown page: every row, every comparison, nothing that is not in the results."""

from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.markdown import headings_of, table
from benchmarks.methods import Row
from benchmarks.mosi.tables import GRCF, MAIN_BASELINE
from pipeline.evaluation.protocols import MOSI
from pipeline.pages.numbers import interval, signed

_DIFFERENCES = ("mae", "pearson", "ordered_pair_accuracy")
_METRICS = (*_DIFFERENCES, "acc7", "acc2_negative_positive")


def page(result: Mapping[str, Any], rows: Mapping[str, Row]) -> str:
    """The whole page."""
    n_seeds = len(result["seeds"])
    return "\n".join(
        [
            "# CMU-MOSI: GRCF and related methods",
            "",
            "Frozen MiniLM words and precomputed HuBERT rows, no video. Written by `make mosi`; what each row is and what was tuned "
            "for it is in `benchmarks/mosi/methods.yaml`, the settings that were tried in `mosi_tuning.json`.",
            "",
            f"## Standard split, test, mean ± standard deviation over {n_seeds} seeds",
            "",
            *standard_table(result, rows),
            "",
            "## GRCF minus each other row, test",
            "",
            "95 % intervals over seeds and segments together (bootstrap of both); an interval that excludes zero is bold.",
            "",
            *table(
                ("minus", *headings_of(_DIFFERENCES, MOSI)),
                (
                    (pair.removeprefix(f"{GRCF} - "), *_differences(found["test"]["both"]))
                    for pair, found in result["comparisons"].items()
                ),
            ),
            "",
            "## The same by what is resampled, against " + MAIN_BASELINE,
            "",
            *table(
                ("over", *headings_of(_DIFFERENCES, MOSI)),
                (
                    (over, *_differences(found))
                    for over, found in result["comparisons"][f"{GRCF} - {MAIN_BASELINE}"]["test"].items()
                ),
            ),
            "",
            f"## Other splits, less data, replaced labels: {GRCF} minus {MAIN_BASELINE}, test",
            "",
            *elsewhere_table(result),
            "",
            "## Where the order is learnt and lost: mean ordered-pair accuracy after each stage",
            "",
            *_order_table(result),
            "",
        ]
    )


def standard_table(result: Mapping[str, Any], rows: Mapping[str, Row]) -> list[str]:
    """A row a method, on the test part of the standard split."""
    return table(
        ("row", "what it is", *headings_of(_METRICS, MOSI)),
        (
            (name, rows[name].what, *(_summary(found["test"][metric]) for metric in _METRICS))
            for name, found in result["standard"].items()
        ),
    )


def elsewhere_table(result: Mapping[str, Any]) -> list[str]:
    """The main comparison wherever it was made."""
    standard = {"standard split": result["comparisons"][f"{GRCF} - {MAIN_BASELINE}"]}
    splits = {f"split {seed}": found["comparison"] for seed, found in result["splits"].items()}
    share = {f"{float(part):.0%} of train": found["comparison"] for part, found in result["share"].items()}
    noise = {
        f"{float(part):.0%} of the labels of train and valid replaced": found["comparison"]
        for part, found in result["noise"].items()
    }
    return table(
        ("where", *headings_of(_DIFFERENCES, MOSI)),
        (
            (name, *_differences(found["test"]["both"]))
            for name, found in (standard | splits | share | noise).items()
        ),
    )


def _order_table(result: Mapping[str, Any]) -> list[str]:
    def written(found: Mapping[str, float]) -> str:
        return " → ".join(f"{value:.3f}" for value in found.values())

    return table(
        ("row", "train", "valid", "test"),
        (
            (name, *(written(found[split]) for split in ("train", "valid", "test")))
            for name, found in result["order_by_stage"].items()
        ),
    )


def _summary(found: Mapping[str, Any]) -> str:
    return f"{found['mean']:.3f} ± {found['sd']:.3f}"


def _differences(found: Mapping[str, Any]) -> Iterable[str]:
    for name in _DIFFERENCES:
        difference = found[name]
        low, high = difference["ci_low"], difference["ci_high"]
        text = f"{signed(difference['mean'], 3)} {interval(low, high, 3)}"
        yield f"**{text}**" if low > 0 or high < 0 else text
