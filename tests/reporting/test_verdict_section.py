"""The first screen answers in a sentence and a figure, and says what could have been seen."""

import pytest

from pipeline.evaluation.power import detectable_by_interval
from pipeline.pages.blocks import Grid, Paragraph
from pipeline.reporting.verdict_section import verdict_section


def paragraphs(run):
    return [block for block in verdict_section(run).blocks if isinstance(block, Paragraph)]


def figures(run):
    """The rows of each figure by its name, differences and bands."""
    (grid,) = [block for block in verdict_section(run).blocks if isinstance(block, Grid)]
    found = {}
    for figure in grid.blocks:
        own = [each["data"]["values"] for each in figure.spec["layer"] if "data" in each]
        (bands,) = [rows for rows in own if "from" in rows[0]]
        found[figure.name] = (figure.spec["data"]["values"], bands)
    return found


@pytest.mark.parametrize(("grcf_sd", "words"), [(0.2, "smaller"), (2.0, "larger")])
def test_the_verdict_follows_the_error(read_run, grcf_sd, words):
    run = read_run(grcf_sd=grcf_sd, pointwise_sd=0.8)
    lead, details, *_ = (block.text for block in paragraphs(run))
    assert lead.startswith(f"On both splits GRCF has a {words} error than point-wise regression")
    for split in ("valid", "test"):
        mean = run.evaluation.metrics[split]["grcf"]["mae"].mean
        assert f"On {split}, the MAE of GRCF is {mean:.3f}" in details


def test_what_could_have_been_seen_is_told_and_drawn(read_run):
    run = read_run()
    lead = paragraphs(run)[0].text
    rows, bands = figures(run)["verdict-mae"]
    assert [row["metric"] for row in rows] == [row["metric"] for row in bands] == [
        "valid", "test", "valid, mean of seeds", "test, mean of seeds",
    ]  # fmt: skip
    for split, band in zip(("valid", "test"), bands, strict=False):
        found = run.comparisons(split).differences["pointwise"]["mae"]
        size = detectable_by_interval(found.ci_low, found.ci_high, confidence=0.95)
        assert size > (found.ci_high - found.ci_low) / 2
        assert band["to"] == -band["from"] == pytest.approx(size, rel=1e-4)
        assert f"{size:.3f} on {split}" in lead


def test_a_smaller_error_is_drawn_to_the_right(read_run):
    run = read_run(grcf_sd=0.2, pointwise_sd=0.8)
    for rows, _ in figures(run).values():
        assert all(row["side"] == "GRCF" and row["mean"] > 0 for row in rows)
    means = {row["metric"]: row["mean"] for row in figures(run)["verdict-mae"][0]}
    assert means["valid"] == pytest.approx(
        -run.comparisons("valid").differences["pointwise"]["mae"].mean, rel=1e-4
    )
    assert means["test, mean of seeds"] == pytest.approx(
        -run.comparisons("test").ensembles["mae"].mean, rel=1e-4
    )


def test_one_seed_has_intervals_over_segments_and_no_conclusion(read_run):
    run = read_run(seeds=(4,), grcf_sd=0.1)
    lead, details, *_ = (block.text for block in paragraphs(run))
    assert lead.startswith("This is one seed, and these intervals are over segments alone")
    assert details.count("95 % interval") == 1
    assert "over segments)" in details
    assert "seeds and segments" not in details
    assert "On both splits" not in lead
    assert [row["metric"] for row in figures(run)["verdict-mae"][0]] == ["valid", "test"]


def test_an_unfair_budget_is_a_warning_beside_the_verdict(read_run):
    tuned = read_run(params={"calibrate.scope": "all"})
    assert "warning" in [block.kind for block in paragraphs(tuned)]


def test_a_fair_budget_is_none(inputs):
    assert "warning" not in [block.kind for block in paragraphs(inputs)]


def test_a_split_of_a_few_segments_is_a_warning_beside_the_verdict(read_run):
    tiny = read_run(n_segments={"train": 60, "valid": 3, "test": 50})
    (warning,) = (block.text for block in paragraphs(tiny) if block.kind == "warning")
    assert warning.startswith("A split is too small to say anything: valid has 3 segments.")
