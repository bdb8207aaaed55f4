"""The benchmark as a Markdown page: every row, every comparison, nothing that is not in the results."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.methods import Row
from benchmarks.mosi.tables import GRCF, MAIN_BASELINE
from pipeline.pages.numbers import interval, signed

_METRICS = {
    "mae": "MAE ↓",
    "pearson": "Pearson r ↑",
    "ordered_pair_accuracy": "ordered pairs ↑",
    "acc7": "acc7 ↑",
    "acc2_negative_positive": "acc2 ↑",
}
_DIFFERENCES = ("mae", "pearson", "ordered_pair_accuracy")


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
            *_table(
                ("minus", *(_METRICS[name] for name in _DIFFERENCES)),
                (
                    (pair.removeprefix(f"{GRCF} - "), *_differences(found["test"]["both"]))
                    for pair, found in result["comparisons"].items()
                ),
            ),
            "",
            "## The same by what is resampled, against " + MAIN_BASELINE,
            "",
            *_table(
                ("over", *(_METRICS[name] for name in _DIFFERENCES)),
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
    return _table(
        ("row", "what it is", *_METRICS.values()),
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
    return _table(
        ("where", *(_METRICS[name] for name in _DIFFERENCES)),
        (
            (name, *_differences(found["test"]["both"]))
            for name, found in (standard | splits | share | noise).items()
        ),
    )


def _order_table(result: Mapping[str, Any]) -> list[str]:
    def written(found: Mapping[str, float]) -> str:
        return " → ".join(f"{value:.3f}" for value in found.values())

    return _table(
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


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]
