"""The page of the map: what is compared with what, and what it says of a difference."""

import pytest

from benchmarks.evidence.cells import applies, cells, methods_of
from benchmarks.evidence.page import lines_of, page, verdict

WHERE = {"corpus": "rt", "split": "Some+Critic", "condition": "raters_real"}
MODELS = {"seeds": "1-5", "draws": "0", "n_draws": 1, "setup": "plain"}
ERRORS = {"grcf_within": 0.5, "mae": 0.6, "mae_standardised": 0.52, "mae_profiled": 0.55}


def result(where: dict[str, str] = WHERE) -> dict:
    return {
        "rows": [
            {**MODELS, **where, "method": method, "metric": metric, "mean": error, "sd": 0.01, "n": 5}
            for method, error in ERRORS.items()
            for metric in ("mae", "pearson")
        ],
        "comparisons": [
            {
                **MODELS,
                **where,
                "a": "grcf_within",
                "b": method,
                "metric": metric,
                "n_seeds": 5,
                "difference": 0.5 - error,
                "low": 0.47 - error,
                "low_90": 0.48 - error,
                "high": 0.53 - error,
                "high_90": 0.52 - error,
                "n_videos": 9,
            }
            for method, error in ERRORS.items()
            if method != "grcf_within"
            for metric in ("mae", "pearson")
        ],
    }


def test_a_ranking_is_held_against_the_best_method_that_was_offered_the_same():
    (line,) = lines_of(result())
    assert (line.ranking, line.plain["b"]) == ("grcf_within", "mae")
    assert line.informed is not None
    assert line.informed["b"] == "mae_standardised"


def test_the_page_shows_every_method_and_what_it_says_of_each():
    text = page(result())
    assert "| rt | Some+Critic | raters_real | grcf_within | −0.100 [−0.130, −0.070] | helps |" in text
    assert "−0.020 [−0.050, +0.010] (`mae_standardised`) | no difference seen |" in text
    for method in ERRORS:
        assert f"| rt | Some+Critic | raters_real | {method} |" in text
    missing = text.split("## Not measured yet")[1]
    assert "mosi clean" in missing
    assert "raters_real" not in missing


def test_equivalence_is_said_of_clean_labels_alone():
    clean = page(result({"corpus": "mosei", "split": "standard", "condition": "clean"}))
    table = clean.split("## Equivalence on clean labels")[1].split("\n## ")[0]
    assert "| mosei | standard | grcf_within | mae | −0.1000 | [" in table
    assert "not shown" in table
    assert "| rt |" not in page(result()).split("## Equivalence on clean labels")[1].split("\n## ")[0]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(-0.2, -0.1, "helps"), (0.1, 0.2, "hurts"), (-0.1, 0.1, "no difference seen")],
)
def test_what_a_difference_says(low, high, expected):
    assert verdict({"low": low, "high": high}) == expected


def test_real_scales_need_real_raters(tmp_path):
    assert applies("raters_real", "rt")
    assert not applies("raters_real", "mosi")
    assert applies("raters_strong", "mosi")
    assert list(cells(["mosi"], ["clean", "raters_real"], ["501", "502"], data=tmp_path)) == [
        ("mosi", "501", "clean"),
        ("mosi", "502", "clean"),
    ]
    assert "mae_profiled" in methods_of("raters_real")


def test_the_page_has_every_set_up():
    plain, strong = result(), result({**WHERE, "setup": "strong"})
    both = {key: [*strong[key], *plain[key]] for key in plain}
    assert len(list(lines_of(both))) == 2 * len(list(lines_of(plain)))
    assert page(both).count("| 5 | helps | strong |") == page(both).count("| 5 | helps | plain |") > 0


def test_what_is_pooled_over_splits_stands_under_equivalence():
    row = {
        "corpus": "mosi",
        "splits": ["standard", "501"],
        "condition": "clean",
        "setup": "strong",
        "a": "grcf_within",
        "b": "mae",
        "metric": "mae",
        "seeds": "11-15",
        "n_seeds": 5,
        "n_videos": 89,
        "difference": 0.001,
        "low": -0.004,
        "high": 0.006,
        "low_90": -0.003,
        "high_90": 0.0049,
        "low_90_of_these_splits": -0.002,
        "high_90_of_these_splits": 0.004,
    }
    cells = "| mosi | standard, 501 | grcf_within | mae | +0.0010 | [−0.0030, +0.0049] |"
    section = page({**result(), "pooled": [row]}).split("## Equivalence on clean labels")[1]
    assert f"{cells} [−0.0020, +0.0040] | 89 | 11-15 | yes | yes | strong |" in section
    wider = page({**result(), "pooled": [{**row, "high_90": 0.0051}]})
    assert "| 89 | 11-15 | not shown | not shown | strong |" in wider
    better = page({**result(), "pooled": [{**row, "low_90": -0.02}]})
    assert "| 89 | 11-15 | yes | not shown | strong |" in better
    assert "of these splits" not in page(result())
