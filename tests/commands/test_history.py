"""`history` over commits as pipelines leave them."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.__main__ import main
from pipeline.artifacts.evaluated.predictions import predictions_to_csv
from pipeline.artifacts.evaluated.run_record import RunRecord, write_run_record
from pipeline.artifacts.formats.files import write_text
from pipeline.evaluation.protocols import BINARY
from tests import tasks
from tests.comparison.repositories import split_predictions


@pytest.fixture
def commit(repository):
    """Commit a run whose training has noise of its own; its hash."""

    def commit(number, *, noise=0.5, message="run", base="0.2", seeds=(1, 2, 3), n_segments=40):
        repository.write_run(noise=noise, base=base)
        rng = np.random.default_rng(number)
        splits = [
            split_predictions(split, noise=noise, seeds=seeds, n_segments=n_segments)
            for split in ("valid", "test")
        ]
        splits = [
            replace(
                split,
                models=split.models
                | {"grcf": split.models["grcf"] + 0.1 * rng.normal(size=split.models["grcf"].shape)},
            )
            for split in splits
        ]
        write_text(repository.root / "reports/predictions.csv", predictions_to_csv(splits))
        return repository.commit(message)

    return commit


@pytest.fixture
def history(repository, capsys):
    """Run the command; what it printed, or its one sentence where it has to fail."""

    def run(*arguments, status=0):
        capsys.readouterr()
        ended = main(["history", *arguments])
        printed = capsys.readouterr()
        assert ended == status, printed.err
        if status == 1:
            assert printed.out == ""
            assert printed.err.count("\n") == 1
            return printed.err
        return printed.out

    return run


def of(history, *arguments, **options):
    return json.loads(history("--json", *arguments, **options))


@pytest.fixture
def stepped(commit):
    """Six runs, the fourth of which doubles the error with another margin; their hashes."""
    return [
        commit(number, noise=0.5 if number < 3 else 1.0, base="0.2" if number < 3 else "0.5")
        for number in range(6)
    ]


def test_what_the_base_got_after_a_branch_left_it_is_no_run_of_the_branch(repository, commit, history):
    start = commit(0)
    trunk = repository.git("branch", "--show-current")
    repository.git("checkout", "--quiet", "-b", "feature")
    first, second = commit(1), commit(2)
    repository.git("checkout", "--quiet", trunk)
    commit(3, noise=0.2, base="0.5")
    repository.git("checkout", "--quiet", "feature")
    (part,) = of(history, "--since", trunk)["parts"]
    assert [run["commit"] for run in part["runs"]] == [start, first, second]


def test_a_step_is_found_at_its_commit_with_what_changed(stepped, history):
    (part,) = of(history)["parts"]
    (step,) = part["steps"]
    assert step["commit"] == stepped[3]
    assert (step["verdict"], step["at"]) == ("worse", 3)
    assert step["ci_low"] < step["difference"] < step["ci_high"]
    assert step["changed"] == ["margin.base 0.2 → 0.5"]
    assert [run["commit"] for run in part["runs"]] == stepped
    printed = history()
    assert re.search(r"^[▁-█]{3}│[▁-█]{3}  0\.\d+ to 0\.\d+, lower is better$", printed, re.MULTILINE)
    assert "1 step beyond noise. The last is at " + stepped[3][:7] in printed


def test_values_are_those_that_compare_shows(stepped, history, capsys):
    (part,) = of(history, "--metric", "pearson")["parts"]
    main(["compare", stepped[0], stepped[5], "--json"])
    metrics = json.loads(capsys.readouterr().out)["experiments"][0]["models"][0]["metrics"]["pearson"]
    assert (part["runs"][0]["value"], part["runs"][5]["value"]) == (metrics["base"], metrics["experiment"])


def test_runs_of_one_quality_have_no_step_and_say_what_could_have_been_seen(commit, history):
    for number in range(6):
        commit(number)
    printed = history("--fail-on-step")
    assert "No step: nothing changed by more than noise. Could have seen: a step from 0.0" in printed


@pytest.mark.parametrize(
    ("noises", "any_step", "worse"), [((0.5, 1.0), 3, 3), ((1.0, 0.5), 3, 0), ((0.5, 0.5), 0, 0)]
)
def test_a_step_fails_where_that_is_asked_for(commit, history, noises, any_step, worse):
    for number in range(6):
        commit(number, noise=noises[number > 2])
    history()
    history("--fail-on-step", status=any_step)
    history("--fail-on-worse", status=worse)


def test_since_begins_with_the_run_in_force(repository, stepped, history):
    write_text(repository.root / "notes.md", "no run")
    between = repository.commit("no run")
    (part,) = of(history, "--since", stepped[2])["parts"]
    assert [run["commit"] for run in part["runs"]] == stepped[2:]
    (part,) = of(history, "--since", between)["parts"]
    assert [run["commit"] for run in part["runs"]] == stepped[5:]
    assert "a single run has nothing to be compared with" in history("--since", between)


def test_the_runs_of_a_merged_branch_count_as_its_merge(repository, commit, history):
    first = commit(0)
    repository.git("checkout", "--quiet", "-b", "side")
    commit(1, noise=3.0)
    commit(2, noise=0.6)
    repository.git("checkout", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-ff", "-m", "merged", "side")
    (part,) = of(history)["parts"]
    assert [run["commit"] for run in part["runs"]] == [first, repository.git("rev-parse", "HEAD")]


def test_other_data_begins_a_new_part(commit, history):
    for number in range(4):
        commit(number, n_segments=40 if number < 2 else 41)
    parts = of(history)["parts"]
    assert [len(part["runs"]) for part in parts] == [2, 2]
    assert re.search(
        r"the data changed: 1 segment only in \w{7} \(such as valid_040\)", parts[1]["begins_because"]
    )
    assert history().index("Part 2 of 2") < history().index("Part 1 of 2")


def test_other_labels_and_corpora_begin_a_new_part(repository, commit, history):
    for number, (corpus, task) in enumerate(
        [("one", tasks.MOSI), ("two", tasks.MOSI), ("two", replace(tasks.MOSI, label="arousal"))]
    ):
        record = RunRecord(corpus, task, ({"device": "cpu", "torch": "2"},), "cpu")
        write_run_record(repository.root / "reports/run.json", record)
        commit(number)
    assert [part["begins_because"] for part in of(history)["parts"]] == [
        None,
        "the corpus is one in the one and two in the other",
        "the label is label in the one and arousal in the other",
    ]


def test_a_metric_of_another_protocol_leaves_its_runs_out(repository, commit, history):
    repository.write_run(protocol=BINARY)
    write_run_record(
        repository.root / "reports/run.json",
        RunRecord("one", tasks.BINARY, ({"device": "cpu", "torch": "2"},), "cpu"),
    )
    first = repository.commit()
    (repository.root / "reports/run.json").unlink()
    commit(1)
    found = of(history)
    assert [len(part["runs"]) for part in found["parts"]] == [1]
    assert found["skipped"] == [
        f"{first[:7]}: the run is of the kind binary, but evaluate.protocol in params.yaml is mosi; leave it empty to measure each run "
        "by its own"
    ]


def test_commits_without_a_whole_run_are_left_out_with_a_sentence(repository, commit, history):
    commit(0)
    write_text(repository.root / "reports/predictions.csv", "nonsense\n1\n")
    broken = repository.commit()
    repository.git("rm", "--quiet", "reports/predictions.csv")
    gone = repository.commit()
    last = commit(3)
    found = of(history)
    assert [sentence[:7] if sentence[7] == ":" else None for sentence in found["skipped"]] == [None, None]
    assert broken[:7] in found["skipped"][0]
    assert found["skipped"][1].startswith(f"{gone[:7]} has no reports/predictions.csv")
    assert found["parts"][0]["runs"][-1]["commit"] == last
    assert history().count("Left out: ") == 2


@pytest.mark.parametrize("option", ["--fail-on-step", "--fail-on-worse"])
def test_a_newest_run_that_cannot_be_measured_fails_a_check(repository, commit, history, option):
    commit(0)
    commit(1)
    history(option)
    write_text(repository.root / "reports/predictions.csv", "nonsense\n1\n")
    repository.commit()
    history()
    history(option, status=3)
    commit(2)
    history(option)


def test_the_workspace_is_the_newest_run_where_it_holds_another(repository, commit, history):
    for number in range(3):
        commit(number)
    assert len(of(history, "workspace")["parts"][0]["runs"]) == 3
    repository.write_run(noise=3.0)
    (part,) = of(history, "workspace", "--fail-on-step", status=3)["parts"]
    assert [run["name"] for run in part["runs"]][-1] == "workspace"
    assert (part["steps"][0]["at"], part["steps"][0]["commit"]) == (3, None)


def test_what_is_left_out_stands_in_the_order_of_the_history(repository, commit, history):
    def without_a_number(number):
        commit(number)
        path = repository.root / "reports/predictions.csv"
        pd.read_csv(path).assign(grcf_seed_1=float("nan")).to_csv(path, index=False, na_rep="nan")
        return repository.commit()

    def cut_off(number):
        commit(number)
        (repository.root / "reports/predictions.csv").write_text(f"split,{number}")
        return repository.commit()

    commit(0)
    left_out = [without_a_number(1), cut_off(2), without_a_number(3), cut_off(4)]
    commit(5)
    skipped = of(history)["skipped"]
    assert [next(sha for sha in left_out if sha[:7] in sentence) for sentence in skipped] == left_out


def test_a_newest_run_of_an_unknown_protocol_is_left_out(repository, commit, history):
    commit(0)
    parameters = (repository.root / "params.yaml").read_text()
    (repository.root / "params.yaml").write_text(parameters.replace("protocol: mosi", "protocol: guess"))
    path = repository.root / "reports/predictions.csv"
    path.write_text(path.read_text().replace("0.1", "0.2"))
    newest = repository.commit()
    (repository.root / "params.yaml").write_text(parameters.replace("protocol: mosi", "protocol:"))
    write_run_record(repository.root / "reports/run.json", RunRecord("one", tasks.MOSI, (), "cpu"))
    found = of(history)
    assert [len(part["runs"]) for part in found["parts"]] == [1]
    assert found["skipped"][0].startswith(f"{newest[:7]}: ")


def test_runs_of_other_seeds_are_of_one_series(commit, history):
    for number, seeds in enumerate([(1, 2, 3), (2, 1), (4,), (1, 2, 3, 4, 5)]):
        commit(number, seeds=seeds)
    (part,) = of(history)["parts"]
    assert [len(run["by_seed"]) for run in part["runs"]] == [3, 2, 1, 5]
    assert part["remarks"] == ["Noise of 40 segments and 1 to 5 seeds a run, pooled over 4 runs."]


def test_one_seed_says_what_it_does_not_know(commit, history):
    for number in range(6):
        commit(number, seeds=(1,))
    assert "taken from the differences of neighbouring runs" in " ".join(history().split())
    assert "may be another training and nothing more" in " ".join(history("--since", "HEAD~2").split())


def test_a_message_cannot_break_page_or_terminal(commit, history, tmp_path):
    commit(0, message="<script>alert(1)</script> | \x1b[31mred")
    commit(1)
    printed = history("--html", str(tmp_path / "history.html"), "--markdown")
    page = (tmp_path / "history.html").read_text()
    assert "\x1b" not in printed + page
    assert "<script>alert" not in page
    assert "\\|" in printed
    assert r"\x1b[31mred" in page


def test_a_message_in_any_script_is_shown_as_it_is(commit, history):
    commit(0, message="実験　その一 \N{WOMAN}\N{ZERO WIDTH JOINER}\N{PERSONAL COMPUTER}")
    assert "実験　その一 \N{WOMAN}\N{ZERO WIDTH JOINER}\N{PERSONAL COMPUTER}" in history()


def test_a_page_has_a_chart_with_a_band_and_the_step_in_its_colour(stepped, history, tmp_path):
    history("--html", str(tmp_path / "history.html"))
    page = (tmp_path / "history.html").read_text()
    assert page.count('class="band c0"') == 2
    assert page.count('class="dot bad"') == 1
    assert page.count('class="dot c1"') == 5
    assert stepped[3][:7] in page


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nowhere",), "nowhere: neither a git revision"),
        (("--since", "workspace"), "--since workspace: the files on disk are no commit"),
        (("--metric", "nonsense"), "has no metric 'nonsense'"),
    ],
)
def test_what_makes_no_sense_is_a_sentence(commit, history, arguments, sentence):
    commit(0)
    assert sentence in history(*arguments, status=1)


def test_a_branch_without_runs_says_how_to_get_one(repository, history):
    repository.write_run()
    (repository.root / "reports/predictions.csv").unlink()
    repository.commit("nothing")
    assert "has no commit with reports/predictions.csv; run `dvc repro`" in history(status=1)
