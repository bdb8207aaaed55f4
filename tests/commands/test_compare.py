import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from pipeline.__main__ import main
from pipeline.evaluation.protocols import BINARY, MOSI, SIMS
from tests.comparison.repositories import GIT

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def compare(repository, capsys):
    """Run the command; what it printed."""

    def run(*arguments, status=0):
        capsys.readouterr()
        ended = main(["compare", *arguments])
        printed = capsys.readouterr()
        assert ended == status, printed.err
        page = arguments[arguments.index("--html") + 1] if "--html" in arguments else None
        assert printed.err == (f"wrote {page}\n" if page else "")
        return printed.out

    return run


@pytest.fixture
def refused(repository, capsys):
    """Run the command, which has to fail with one sentence; the sentence."""

    def run(*arguments):
        capsys.readouterr()
        status = main(["compare", *arguments])
        printed = capsys.readouterr()
        assert (status, printed.out) == (1, "")
        assert printed.err.count("\n") == 1
        return printed.err

    return run


def row(printed, start):
    """The cells of the first line that starts so."""
    line = next(line for line in printed.splitlines() if line.startswith(start + " "))
    return re.split(r"  +", line)


def test_a_sabotaged_experiment_is_worse_by_more_than_chance(runs, compare):
    _, base, experiment, difference, interval, _, verdict = row(compare("HEAD", "wider"), "mae")
    assert float(experiment) - float(base) == pytest.approx(float(difference), abs=1.1e-4)
    low, high = map(float, interval.strip("[]").split(","))
    assert 0 < low < float(difference) < high
    assert verdict == "regression"


def test_the_baseline_stands_in_a_smaller_table_and_did_not_change(runs, compare):
    printed = compare("HEAD", "wider").split("pointwise on valid")[1]
    for metric in ("mae", "pearson", "ordered_pair_accuracy"):
        assert row(printed, metric)[3:] == ["0.0000", "[0.0000, 0.0000]", "n/a", "same"]
    assert "acc7" not in printed


def test_equal_revisions_differ_in_nothing(runs, compare):
    printed = compare("HEAD", "HEAD")
    assert "Parameters: the same." in printed
    assert "Data: the same" in printed
    assert "Stages: all recorded the same." in printed
    for metric in MOSI.metrics:
        assert row(printed, metric.name)[3:] == ["0.0000", "[0.0000, 0.0000]", "n/a", "same"]


def test_the_same_revisions_print_the_same_bytes_in_any_process(runs):
    def printed(hash_seed, encoding):
        environment = {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed, "PYTHONIOENCODING": encoding}
        return subprocess.run(
            [sys.executable, "-m", "pipeline", "compare", "HEAD", "wider", "--test"],
            env=GIT | environment,
            capture_output=True,
            check=True,
        ).stdout

    first = printed("0", "utf-8")
    assert "0.2 → 0.5" in first.decode()
    assert printed("1", "latin-1") == first


def test_what_was_set_and_what_ran_differently_is_listed(runs, compare):
    printed = compare("HEAD", "wider")
    assert row(printed, "margin.base") == ["margin.base", "0.2 → 0.5"]
    assert "rank.learning_rate" not in printed
    assert row(printed, "rank") == ["rank", "parameters (margin); outputs"]
    assert row(printed, "evaluate") == ["evaluate", "inputs (from rank); outputs"]
    assert printed.index("\nrank") < printed.index("\nevaluate")


def test_another_spelling_of_a_number_is_no_change(runs, compare):
    runs.write_run(learning_rate="1e-05")
    runs.commit()
    runs.write_run(learning_rate="0.00001")
    assert "Parameters: the same." in compare("HEAD", "workspace")


def test_the_workspace_is_read_from_disk(runs, compare):
    runs.write_run(noise=2.0)
    printed = compare("HEAD", "workspace")
    assert printed.startswith("workspace (files on disk) against HEAD (")
    assert row(printed, "mae")[-1] == "regression"


def test_test_is_shown_only_where_asked_for(runs, compare):
    assert "on test" not in compare("HEAD", "wider")
    printed = compare("HEAD", "wider", "--test")
    assert re.findall(r"^\w+ on \w+$", printed, re.MULTILINE) == [
        "grcf on valid",
        "grcf_ensemble on valid",
        "pointwise on valid",
        "grcf on test",
        "grcf_ensemble on test",
        "pointwise on test",
    ]


def test_several_experiments_are_each_compared_with_the_base(runs, compare):
    printed = compare("HEAD", "wider", "workspace")
    assert printed.startswith("wider (")
    assert "\nworkspace (files on disk) against HEAD (" in printed
    assert printed.replace(compare("HEAD", "wider"), "").lstrip() == compare("HEAD", "workspace")


def test_markdown_tables_are_well_formed(runs, compare):
    tables, lines = [], compare("HEAD", "wider", "--test", "--markdown").splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        if line.startswith("|"):
            if not before.startswith("|"):
                assert before == ""
                tables.append([])
            tables[-1].append(re.split(r"(?<!\\)\|", line))
    assert len(tables) == 8
    for header, rule, *rows in tables:
        assert all(re.fullmatch(r" :?-{3}:? ", cell) for cell in rule[1:-1])
        assert rows
        assert {len(cells) for cells in (header, rule, *rows)} == {len(header)}


def test_changed_data_is_said_and_not_paired(runs, compare):
    runs.write_run(n_segments=30)
    printed = compare("HEAD", "workspace")
    assert "Data: changed (data/manifest/segments.jsonl)." in printed
    assert "The data changed: 10 segments only in the base (such as valid_030)" in printed
    assert "Unpaired (3 seeds on 40 segments against 3 seeds on 30 segments)" in " ".join(printed.split())
    assert row(printed, "mae")[-1] in ("same", "worse within noise")


def test_a_run_on_shuffled_labels_is_a_regression_that_fails(runs, compare):
    runs.write_run(shuffled=True)
    printed = " ".join(compare("HEAD", "workspace", "--fail-on-regression", status=1).split())
    assert "Verdict: regression (mae, pearson and ordered_pair_accuracy got worse" in printed
    assert "with another label" in printed


def test_only_a_regression_fails_and_only_where_it_is_to(runs, compare):
    compare("HEAD", "wider")
    compare("HEAD", "wider", "--fail-on-regression", status=1)
    compare("wider", "HEAD", "--fail-on-regression")
    compare("HEAD", "HEAD", "--fail-on-regression")


def test_one_regression_among_several_experiments_fails(runs, compare):
    compare("HEAD", "workspace", "wider", "workspace", "--fail-on-regression", status=1)


def test_a_regression_on_test_alone_fails_nothing(runs, compare):
    path = runs.root / "reports/predictions.csv"
    valid = [line for line in path.read_text().splitlines(keepends=True) if not line.startswith("test")]
    runs.write_run(noise=2.0)
    test = [line for line in path.read_text().splitlines(keepends=True) if line.startswith("test")]
    path.write_text("".join([*valid, *test]))
    printed = compare("HEAD", "workspace", "--test", "--fail-on-regression")
    assert row(printed.split("grcf on test")[1], "mae")[-1] == "regression"


def test_a_metric_that_became_undefined_is_said_aloud_and_fails(runs, compare):
    path = runs.root / "reports/predictions.csv"
    table = pd.read_csv(path)
    table[[name for name in table if name.startswith("grcf")]] = 0.5
    table.to_csv(path, index=False)
    printed = " ".join(compare("HEAD", "workspace", "--fail-on-regression", status=1).split())
    assert "Verdict: regression (pearson became undefined" in printed
    assert "Warning: pearson of grcf on valid became undefined" in printed
    assert "No verdict for pearson, kendall_tau" in printed


def test_parameters_edited_after_the_run_are_doubted(runs, compare):
    path = runs.root / "params.yaml"
    path.write_text(path.read_text().replace("base: 0.2", "base: 0.7"))
    printed = " ".join(compare("HEAD", "workspace").split())
    assert "Warning: workspace (files on disk): params.yaml was changed after the run" in printed
    assert "(margin.base is 0.7, but the run used 0.2)" in printed


def test_predictions_of_another_run_are_doubted(runs, compare):
    lock = (runs.root / "dvc.lock").read_text()
    runs.write_run(noise=2.0)
    (runs.root / "dvc.lock").write_text(lock)
    assert "reports/predictions.csv is not the file that dvc.lock records" in compare("HEAD", "workspace")


def test_a_run_in_order_is_not_doubted(runs, compare):
    assert "Warning:" not in compare("HEAD", "wider")


def test_a_protocol_that_is_not_that_of_the_workspace_is_doubted(runs, compare):
    runs.write_run(protocol=SIMS)
    printed = " ".join(compare("HEAD", "wider").split())
    assert "HEAD" in printed
    assert "its own reports use the protocol mosi, but here both runs are measured by sims" in printed


def test_the_protocol_says_which_metrics_there_are(runs, compare):
    runs.write_run(protocol=SIMS)
    printed = compare("workspace", "workspace")
    assert [metric.name for metric in SIMS.metrics if row(printed, metric.name)] == [
        metric.name for metric in SIMS.metrics
    ]


def test_two_binary_runs_are_compared_by_their_own_metrics(repository, compare):
    repository.write_run(protocol=BINARY, noise=0.1)
    repository.commit()
    repository.write_run(protocol=BINARY, noise=1.5)
    printed = compare("HEAD", "workspace")
    assert row(printed, "brier_score")[-1] == row(printed, "auroc")[-1] == "regression"
    baseline = printed.split("pointwise on valid")[1]
    assert all(name in baseline for name in BINARY.headline)
    assert "accuracy" not in baseline
    assert not any(name in printed for name in ("mae", "pearson", "acc7"))


def test_an_unknown_revision_is_a_sentence(runs, refused):
    assert refused("HEAD", "narrower").startswith("narrower: neither a git revision nor an experiment")


@pytest.mark.parametrize("name", ["reports/predictions.csv", "params.yaml", "dvc.lock"])
def test_a_revision_without_a_record_is_a_sentence(runs, refused, name):
    runs.git("rm", "--quiet", name)
    sha = runs.commit()
    runs.git("reset", "--quiet", "--hard", "HEAD~1")
    error = refused("HEAD", sha)
    assert error.startswith(f"{sha[:7]} has no {name}; ")
    assert "dvc repro" in error


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("reports/predictions.csv", b"no table"),
        ("reports/predictions.csv", b"\xff\xfe"),
        ("dvc.lock", b"stages: ["),
        ("dvc.lock", b"outs: []"),
        ("params.yaml", b"evaluate: ["),
    ],
)
def test_a_broken_record_is_a_sentence(runs, refused, name, content):
    (runs.root / name).write_bytes(content)
    assert name in refused("HEAD", "workspace")


def test_predictions_without_a_split_are_a_sentence(runs, refused):
    path = runs.root / "reports/predictions.csv"
    path.write_text("".join(line for line in path.open() if not line.startswith("test")))
    assert "no rows of the split 'test'" in refused("HEAD", "workspace", "--test")


def test_outside_of_a_repository_it_is_a_sentence(runs, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "params.yaml").write_bytes((runs.root / "params.yaml").read_bytes())
    assert "no revision can be read here" in refused("HEAD", "workspace")


def experiments(runs, n):
    """Experiments with the names of numbers on HEAD, each a little worse than the one before."""
    head = runs.git("rev-parse", "HEAD")
    for number in range(n):
        runs.write_run(noise=0.5 + 0.1 * number, base=f"0.{number + 1:02d}")
        runs.experiment(f"trial-{number}", runs.commit(), baseline=head)
        runs.git("reset", "--quiet", "--hard", head)
    return [f"trial-{number}" for number in reversed(range(n))]


def test_more_than_ten_experiments_are_a_leaderboard(runs, compare):
    names = experiments(runs, 11)
    printed = compare("HEAD", *names)
    assert printed.startswith("11 experiments against HEAD (")
    listed = [line.split()[0] for line in printed.splitlines() if line.startswith("trial-")]
    assert listed == names[::-1]
    assert row(printed, "trial-10")[-2:] == ["regression", "0.11"]
    assert "on valid\n" not in printed


def test_ten_experiments_are_a_leaderboard_where_it_is_asked_for(runs, compare):
    names = experiments(runs, 2)
    assert compare("HEAD", *names).startswith("trial-1 (")
    assert compare("HEAD", *names, "--leaderboard").startswith("2 experiments against")


def test_json_is_finite_in_the_order_given_and_has_a_version(runs, compare):
    def refuse(constant):
        raise AssertionError(constant)

    record = json.loads(compare("HEAD", "wider", "HEAD", "--json", "--test"), parse_constant=refuse)
    assert record["schema_version"] == 1
    assert record["base"]["commit"] == runs.git("rev-parse", "HEAD")
    first, second = record["experiments"]
    assert (first["name"], first["verdict"], second["verdict"]) == ("wider", "regression", "same")
    assert first["parameters"]["margin.base"]["experiment"] == {"value": 0.5, "written": "0.5"}
    assert record["leaderboard"] == [1, 0]
    places = [(model["model"], model["split"]) for model in first["models"]]
    models = ("grcf", "grcf_ensemble", "pointwise")
    assert places == [(model, split) for split in ("valid", "test") for model in models]
    mae = first["models"][0]["metrics"]["mae"]
    assert mae["gain"] == pytest.approx(-mae["difference"])
    assert mae["ci_low"] < mae["difference"] < mae["ci_high"]
    assert mae["detectable"] > 0
    assert 0 <= mae["probability_of_improvement"] < 0.5
    assert record["p_values_among_all"][1] == 1.0


def test_json_has_null_for_what_is_undefined_or_no_number(runs, compare):
    path = runs.root / "params.yaml"
    path.write_text(path.read_text().replace("base: 0.2", "base: .nan"))
    printed = compare("HEAD", "workspace", "--json")
    assert "NaN" not in printed
    change = json.loads(printed)["experiments"][0]["parameters"]["margin.base"]
    assert change["experiment"] == {"value": None, "written": ".nan"}


def test_json_and_markdown_exclude_each_other(runs, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["compare", "HEAD", "wider", "--json", "--markdown"])
    assert ended.value.code == 2


def test_the_page_is_written_beside_what_is_printed(runs, compare, tmp_path):
    page = tmp_path / "folder/compare.html"
    assert compare("HEAD", "wider", "--html", str(page)) == compare("HEAD", "wider")
    assert "wider" in page.read_text()


@pytest.mark.parametrize("options", [["--json", "--test"], ["--markdown"], ["--leaderboard"]])
def test_what_is_printed_is_the_same_bytes_twice(runs, compare, options):
    arguments = ("HEAD", "wider", "workspace", *options)
    assert compare(*arguments) == compare(*arguments)


def test_the_page_is_the_same_bytes_in_any_process(runs):
    def page(hash_seed):
        path = runs.root / f"{hash_seed}.html"
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pipeline",
                "compare",
                "HEAD",
                "wider",
                "--leaderboard",
                "--html",
                str(path),
            ],
            env=GIT | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return path.read_bytes()

    assert page("0") == page("1")


def test_a_shallow_clone_says_how_to_get_the_base(runs, refused, tmp_path, monkeypatch):
    runs.write_run(base="0.3")
    runs.commit()
    runs.git("clone", "--quiet", "--depth", "1", f"file://{runs.root}", str(tmp_path / "clone"))
    monkeypatch.chdir(tmp_path / "clone")
    assert "git fetch --unshallow" in refused("HEAD~1", "HEAD")


def test_a_fresh_clone_compares_what_was_committed(runs, compare, tmp_path, monkeypatch):
    runs.write_run(noise=2.0)
    runs.commit()
    runs.git("clone", "--quiet", str(runs.root), str(tmp_path / "clone"))
    monkeypatch.chdir(tmp_path / "clone")
    assert "Verdict: regression" in compare("HEAD~1", "HEAD")


def test_comparing_imports_none_of_the_heavy_libraries(runs):
    code = (
        "import sys; from pipeline.__main__ import main; main(['compare', 'HEAD', 'wider', '--html', 'x.html']); "
        "print(sorted({'torch', 'transformers', 'sklearn', 'pandas', 'scipy', 'matplotlib', 'dvc'} & set(sys.modules)), "
        "file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=GIT | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stderr == "wrote x.html\n[]\n"


@pytest.fixture
def strange(runs):
    """Experiments of which two cannot be compared and one cannot be read; their names."""
    path = runs.root / "reports/predictions.csv"

    def experiment(name):
        runs.experiment(name, runs.commit(), baseline=head)
        runs.git("reset", "--quiet", "--hard", head)

    head = runs.git("rev-parse", "HEAD")
    table = pd.read_csv(path)
    table.loc[0, "grcf_seed_1"] = float("nan")
    table.to_csv(path, index=False, na_rep="nan")
    experiment("diverged")
    runs.write_run(protocol=BINARY)
    experiment("binary")
    path.write_text("split,id")
    experiment("cut")
    return ["diverged", "binary", "cut"]


def test_a_leaderboard_names_what_it_leaves_out_and_ranks_the_rest(compare, strange):
    printed = " ".join(compare("HEAD", *strange, "wider", "--leaderboard").split())
    assert printed.startswith("1 experiment against HEAD")
    assert re.search(r"Left out: diverged \(\w{7}\): grcf on valid: 1 of 120 predictions are NaN", printed)
    assert re.search(r"Left out: HEAD \(\w{7}\) and binary \(\w{7}\) cannot be compared", printed)
    assert re.search(r"Left out: reports/predictions.csv of cut \(\w{7}\): cut off", printed)
    record = json.loads(compare("HEAD", *strange, "wider", "--leaderboard", "--json"))
    assert [each["name"] for each in record["left_out"]] == strange
    assert [each["name"] for each in record["experiments"]] == ["wider"]
    assert all(each["name"] in each["reason"] for each in record["left_out"])


def test_a_check_fails_where_an_experiment_is_left_out(runs, strange, capsys):
    assert main(["compare", "HEAD", "HEAD", "diverged", "--leaderboard", "--fail-on-regression"]) == 1
    printed = capsys.readouterr()
    assert "Left out: diverged" in printed.out
    assert printed.err.startswith("an experiment could not be compared")


def test_a_base_that_cannot_be_measured_is_named_and_so_is_a_single_experiment(refused, strange):
    for arguments in (["diverged", "HEAD", "--leaderboard"], ["diverged", "HEAD"], ["HEAD", "diverged"]):
        assert re.match(
            r"diverged \(\w{7}\): grcf on valid: 1 of 120 predictions are NaN", refused(*arguments)
        )
    assert refused("HEAD", "diverged", "--leaderboard").startswith(
        "no experiment can be compared; diverged ("
    )
