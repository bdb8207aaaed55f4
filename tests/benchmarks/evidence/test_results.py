"""What a run leaves of the results of earlier runs."""

from benchmarks.evidence.results import merged


def row(
    method: str, *, mean: float = 0.8, seeds: str = "1-10", condition: str = "clean", setup: str = "plain"
) -> dict:
    where = {"corpus": "mosi", "split": "standard", "condition": condition, "setup": setup, "metric": "mae"}
    return {**where, "method": method, "mean": mean, "n": 10, "seeds": seeds, "draws": "0"}


def comparison(a: str, b: str, *, difference: float = 0.0, seeds: str = "1-10", setup: str = "plain") -> dict:
    where = {"corpus": "mosi", "split": "standard", "condition": "clean", "setup": setup, "metric": "mae"}
    return {**where, "a": a, "b": b, "difference": difference, "seeds": seeds, "draws": "0"}


EARLIER = merged(
    {},
    [row("mae"), row("grcf_all"), row("grcf_within"), row("mae", condition="replaced_40")],
    [comparison("grcf_all", "mae"), comparison("grcf_within", "mae")],
)


def means(result) -> dict:
    return {(found["condition"], found["method"]): found["mean"] for found in result["rows"]}


def pairs(result) -> dict:
    return {(found["a"], found["b"]): found["difference"] for found in result["comparisons"]}


def test_a_run_of_one_method_leaves_the_others():
    found = merged(EARLIER, [row("ranknet", mean=0.9)], [])
    assert means(found) == {**means(EARLIER), ("clean", "ranknet"): 0.9}
    assert pairs(found) == pairs(EARLIER)


def test_the_same_cell_is_replaced():
    new = comparison("grcf_all", "mae", difference=0.1)
    found = merged(EARLIER, [row("mae", mean=0.7), row("grcf_all")], [new])
    assert means(found) == {**means(EARLIER), ("clean", "mae"): 0.7}
    assert pairs(found) == {("grcf_all", "mae"): 0.1, ("grcf_within", "mae"): 0.0}


def test_a_comparison_goes_with_the_models_that_it_was_of():
    """After a run with other seeds, only what was compared with these seeds is left of the method."""
    new = comparison("grcf_all", "mae", difference=0.2, seeds="11-20")
    found = merged(EARLIER, [row("mae", seeds="11-20"), row("grcf_all", seeds="11-20")], [new])
    assert pairs(found) == {("grcf_all", "mae"): 0.2}
    assert len(found["rows"]) == len(EARLIER["rows"])


def test_what_is_measured_twice_is_no_change():
    assert merged(EARLIER, EARLIER["rows"], EARLIER["comparisons"]) == EARLIER


def test_what_two_set_ups_reach_stands_side_by_side():
    found = merged(
        EARLIER,
        [row("mae", mean=0.7, setup="strong"), row("grcf_all", setup="strong")],
        [comparison("grcf_all", "mae", difference=0.3, setup="strong")],
    )
    assert [
        each["mean"] for each in found["rows"] if each["method"] == "mae" and each["condition"] == "clean"
    ] == [0.7, 0.8]
    assert [each["difference"] for each in found["comparisons"] if each["a"] == "grcf_all"] == [0.3, 0.0]
