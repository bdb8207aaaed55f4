"""Whatever experiments have left in the workspace, the line that `import` prints runs the corpus as a fresh clone would."""

import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import params
from pipeline.__main__ import main
from pipeline.commands import import_
from pipeline.corpus.facts import read_facts
from pipeline.errors import PipelineError
from pipeline.settled.facts import chosen_task, load_facts
from pipeline.yaml12 import parse_yaml
from tests.corpus.replicas import REPLICAS
from tests.intake.repositories import enter_empty_repository
from tests.tasks import write_facts

ROOT = Path(__file__).parents[2]
CORPORA = {
    "films": {"kind": "regression", "min": -3.0, "max": 3.0, "protocol": "mosi"},
    "clips": {"kind": "regression", "min": -1.0, "max": 1.0, "protocol": "sims", "groups": (-0.7, -0.1, 0.1, 0.7)},
    "jokes": {"kind": "binary"},
    "moods": {"kind": "classes", "classes": ("calm", "angry", "sad"), "ordered": True},
    "scales": {"kind": "regression", "min": 0.0, "max": 9.0},
}  # fmt: skip
# What people try, and what older commands printed; some of it fits one corpus alone.
EXPERIMENTS = (
    "margin.base=0.5", "margin.groups=[-0.5,0.5]", "evaluate.protocol=sims", "evaluate.protocol=binary",
    "corpus.language=zh", "corpus.label=arousal", "training.seeds=[1]", "training.epochs=4", "audio.precomputed=audio.npz",
    "manifest.split=drawn", "text.precomputed=extract",
)  # fmt: skip


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    path = tmp_path_factory.mktemp("repository")
    shutil.copy(ROOT / "params.yaml", path)
    for name, label in CORPORA.items():
        folder = path / "data/raw" / name
        folder.mkdir(parents=True)
        write_facts(folder, **label)
    for command in (["init", "-q"], ["add", "params.yaml"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"]):  # fmt: skip
        subprocess.run(["git", *command], cwd=path, check=True)
    return path


def run_as_printed(line: str) -> None:
    """What a shell does with the line, up to where DVC has written its values and begins to run."""
    restore, _, command = line.strip().partition(" && ")
    subprocess.run(shlex.split(restore), check=True)
    words = shlex.split(command)
    assert words[:4] == ["dvc", "exp", "run", "-S"]
    apply_overrides(params.PARAMS_FILE, words[4::2])


def settled() -> tuple[object, ...]:
    """Everything that a run would take from params.yaml and the corpus."""
    return params.dump(params.Section.__subclasses__()), chosen_task(load_facts()), load_facts()


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.sampled_from(EXPERIMENTS), st.sampled_from(sorted(CORPORA))), max_size=8))
def test_after_any_sequence_of_commands_a_printed_one_runs_as_in_a_fresh_clone(
    repository, monkeypatch, steps
):
    monkeypatch.chdir(repository)
    committed = (ROOT / "params.yaml").read_text()
    # Printed before anything was run: what stands in the workspace when it is run is not known then.
    lines = {name: import_._run_lines(name)[0] for name in CORPORA}
    for step in [*steps, "films", "jokes"]:
        if step not in CORPORA:
            apply_overrides(params.PARAMS_FILE, [step])
            continue
        run_as_printed(import_._run_lines(step)[0] if len(steps) % 2 else lines[step])
        found = settled()
        params.PARAMS_FILE.write_text(committed)
        apply_overrides(params.PARAMS_FILE, [f"corpus.name={step}"])
        assert settled() == found
        assert chosen_task(load_facts()) == read_facts(Path("data/raw") / step).task(None, source="")


def test_what_experiments_have_left_is_listed(repository, monkeypatch):
    monkeypatch.chdir(repository)
    params.PARAMS_FILE.write_text((ROOT / "params.yaml").read_text())
    assert len(import_._run_lines("films")) == 1
    apply_overrides(params.PARAMS_FILE, ["corpus.name=jokes", "margin.base=0.5", "training.seeds=[1]"])
    _, _, sentence = import_._run_lines("films")
    assert (
        "margin.base (0.5, committed 0.2), training.seeds ([1], committed [1, 2, 3, 4, 5])"
        in sentence.replace(
            "training.seeds ([1], committed [1, 2, 3, 4, 5]), margin.base (0.5, committed 0.2)",
            "margin.base (0.5, committed 0.2), training.seeds ([1], committed [1, 2, 3, 4, 5])",
        )
    )
    assert "corpus.name" not in sentence
    assert "dvc exp run --temp" in sentence


@pytest.mark.parametrize(
    ("choice", "corpus", "sentence"),
    [
        ("evaluate.protocol=sims", "films", "measures labels from -1 to 1 and cuts others off"),
        ("evaluate.protocol=binary", "films", "of the kind regression; choose mosi"),
        ("evaluate.protocol=mosi", "jokes", "of the kind binary; choose binary"),
        ("corpus.label=arousal", "films", "corpus.label is 'arousal'"),
    ],
)
def test_a_choice_that_does_not_fit_the_corpus_is_a_sentence_before_anything_runs(
    repository, monkeypatch, choice, corpus, sentence
):
    monkeypatch.chdir(repository)
    params.PARAMS_FILE.write_text((ROOT / "params.yaml").read_text())
    apply_overrides(params.PARAMS_FILE, [f"corpus.name={corpus}", choice])
    with pytest.raises(PipelineError, match=sentence):
        load_facts()


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """An empty repository that is the working directory; how its cache is linked is said, so that DVC is not started to say it."""
    path = enter_empty_repository(tmp_path, monkeypatch, cache_type="hardlink,copy")
    shutil.copy(ROOT / "params.yaml", path)
    return path


def table(folder: Path, labels: list[str], *, text: str = "so it goes", **columns: list[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    names = ["id", "label", "text", *columns]
    rows = [
        [f"c{n}", label, f"{text} {n}", *(column[n] for column in columns.values())]
        for n, label in enumerate(labels)
    ]
    lines = [",".join(row) for row in [names, *rows]]
    (folder / "segments.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("labels", "options", "task"),
    [
        (["0", "1"] * 6, [], ("binary", 0.0, 1.0, "binary")),
        (["0.2", "0.9", "0.4"] * 4, [], ("regression", 0.0, 1.0, "regression")),
        (["-0.4", "0.9", "0.4"] * 4, [], ("regression", -1.0, 1.0, "sims")),
        (["-2.4", "0.9", "0.4"] * 4, [], ("regression", -3.0, 3.0, "mosi")),
        (["1.2", "4.6", "3"] * 4, [], ("regression", 1.0, 5.0, "regression")),
        (["0", "9", "4"] * 4, ["--label-max", "10"], ("regression", 0.0, 10.0, "regression")),
        (["0", "2", "1"] * 4, ["--task", "classes", "--classes", "sad,calm,glad", "--ordered"], ("classes", 0.0, 2.0, "ordered_classes")),
        (["-2.4", "0.9", "0.4"] * 4, ["--protocol", "regression"], ("regression", -3.0, 3.0, "regression")),
    ],
)  # fmt: skip
def test_facts_are_found_and_said(empty, tmp_path, capsys, labels, options, task):
    assert main(["import", "folder", str(table(tmp_path / "mine", labels)), *options]) == 0
    found = read_facts(Path("data/raw/mine")).task(None, source="")
    assert (found.kind, found.label_min, found.label_max, found.protocol) == task
    printed = capsys.readouterr().out
    assert f"  {task[0]}: " in printed
    assert "(assumed, for nothing says so)" in printed
    assert "dvc exp run -S corpus.name=mine" in printed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("labels", "columns", "options", "sentence"),
    [
        (["1.5", "9", "-1"], {}, ["--label-min", "-3", "--label-max", "3"], "the label of 'c1' is 9.0"),
        (["0", "1", "0", "1"], {}, ["--task", "regression", "--label-max", "1"], "which are two classes"),
        (["-2", "1", "2"], {}, ["--protocol", "sims", "--label-min", "-3", "--label-max", "3"], "cuts others off"),
        (["-2", "1", "2"], {"speaker": ["ann"] * 3}, [], "the corpus has one speaker or video"),
        (["-2", "1", "2"], {"split": ["train"] * 3}, [], "the split 'valid' has no segments"),
        (["-2", "1", "2"], {"language": ["English", "en", "Klingonisch"]}, [], "the language is 'Klingonisch'"),
        (["1", "1", "1"], {"split": ["train", "valid", "test"]}, [], "every label of train is 1"),
        (["-2", "1", "2"], {}, ["--language", "Elvish"], "the language is 'Elvish'"),
        (["0", "1", "3"], {}, ["--task", "classes", "--classes", "a,b,c"], "names 3 classes"),
    ],
)  # fmt: skip
def test_a_corpus_that_cannot_run_is_refused_before_it_is_copied(
    empty, tmp_path, capsys, labels, columns, options, sentence
):
    folder = table(tmp_path / "mine", labels, **columns)
    assert main(["import", "folder", str(folder), *options]) == 1
    assert sentence in capsys.readouterr().err
    assert not Path("data/raw/mine").exists()


@pytest.mark.slow
def test_a_language_by_its_name_is_read_and_one_by_its_script_is_said(empty, tmp_path, capsys):
    folder = table(tmp_path / "mine", ["-2", "1", "2"] * 4, text="这部电影太好看了")
    assert main(["import", "folder", str(folder)]) == 0
    assert "zh  (by the script of the transcripts, Cjk)" in capsys.readouterr().out
    named = ["--name", "named", "--language", "Spanish"]
    assert main(["import", "folder", str(folder), *named]) == 0
    assert read_facts(Path("data/raw/named")).language == "es"
    columned = table(tmp_path / "column", ["-2", "1"] * 6, language=["English", "German"] * 6)
    assert main(["import", "folder", str(columned)]) == 0
    assert read_facts(Path("data/raw/column")).language is None


@pytest.mark.slow
def test_facts_are_written_into_a_folder_in_place_and_corrected_there(empty, capsys):
    folder = table(Path("data/raw/mine"), ["-2", "1", "2"] * 4)
    assert main(["import", "folder", str(folder)]) == 0
    assert read_facts(folder).language == "en"
    assert main(["import", "folder", str(folder), "--language", "de", "--licence", "CC0"]) == 0
    found = read_facts(folder)
    assert (found.language, found.licence) == ("de", "CC0")
    assert main(["import", "folder", str(folder)]) == 0
    assert read_facts(folder) == found
    assert "Language" not in capsys.readouterr().err


@pytest.mark.slow
def test_a_published_split_that_mixes_videos_is_taken_where_one_says_so(empty, tmp_path, capsys):
    splits = ["train", "train", "valid", "test"] * 3
    folder = table(tmp_path / "mine", ["-2", "1", "2"] * 4, split=splits, video=["v"] * 12)
    assert main(["import", "folder", str(folder)]) == 1
    assert "the video 'v' is in" in capsys.readouterr().err
    assert main(["import", "folder", str(folder), "--mixes", "video"]) == 0
    assert main(["check", "mine"]) == 0


def written(path: Path, header: str, rows: list[str]) -> Path:
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return path


@pytest.mark.slow
def test_a_table_of_a_published_corpus_has_its_facts(empty, tmp_path, capsys):
    """The split of CH-SIMS v2 cuts through its videos, and its protocol is its own: nobody has to say so."""
    parts = ["train"] * 12 + ["valid"] * 6 + ["test"] * 6
    rows = [
        f"c{n},v{n % 8},很好看 {n},{(n * 7 % 11 - 5) / 5},0.{n % 10},{part}" for n, part in enumerate(parts)
    ]
    source = written(tmp_path / "chsims_v2.csv", "id,video,text,label,label_T,split", rows)
    assert main(["import", "simsv2", str(source), "--name", "v2"]) == 0
    facts = read_facts(Path("data/raw/v2"))
    assert (facts.layout, facts.language, facts.splits.standard_mixes) == ("folder", "zh", ("video",))
    assert facts.task(None, source="test").protocol == "sims"
    assert set(facts.labels) == {"label", "text"}
    assert "Liu et al. (2022)" in (facts.citation or "")
    assert main(["import", "simsv2", str(source), "--name", "drawn", "--split", "none"]) == 0
    assert read_facts(Path("data/raw/drawn")).splits.standard_mixes == ()
    capsys.readouterr()
    out_of_range = written(tmp_path / "b.csv", "id,video,text,label", [f"c{n},v{n},x,{n}" for n in range(12)])
    assert main(["import", "simsv2", str(out_of_range), "--name", "b"]) == 1
    assert "expected a number from -1.0 to 1.0" in capsys.readouterr().err


@pytest.mark.slow
def test_numbers_for_the_classes_of_a_published_corpus_are_not_guessed(empty, tmp_path, capsys):
    rows = [f"c{n},v{n},so it goes,{n % 3}" for n in range(12)]
    source = written(tmp_path / "meld.csv", "id,video,text,emotion", rows)
    assert main(["import", "meld", str(source)]) == 1
    assert "which tables number in several ways; name them" in capsys.readouterr().err
    named = ["--task", "classes", "--classes", "anger,joy,sadness"]
    assert main(["import", "meld", str(source), *named]) == 0
    assert read_facts(Path("data/raw/meld")).labels["label"].classes == ("anger", "joy", "sadness")


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["mosi", "sims", "mustard"])
def test_the_three_commands_of_a_day_are_three_right_runs(empty, tmp_path, layout, capsys):
    """An experiment, then the printed lines of two corpora: none takes anything along from the one before."""
    subprocess.run(["git", "add", "-A"], check=True)
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"], check=True)
    REPLICAS[layout](tmp_path / layout)
    apply_overrides(params.PARAMS_FILE, ["margin.base=0.5", "training.epochs=4", "corpus.language=zh"])
    assert main(["import", layout, str(tmp_path / layout)]) == 0
    printed = capsys.readouterr().out
    (line,) = [line for line in printed.splitlines() if "dvc exp run -S" in line]
    assert "margin.base (0.5, committed 0.2)" in printed
    run_as_printed(line)
    written = parse_yaml(params.PARAMS_FILE.read_text())
    assert written == parse_yaml((ROOT / "params.yaml").read_text()) | {
        "corpus": {"name": layout, "language": None, "label": None}
    }
    assert json.dumps(load_facts().language) == ('"zh"' if layout == "sims" else '"en"')


@pytest.mark.slow
@pytest.mark.parametrize("name", ["2021", "007", "1e3", "null", "true", "no"])
def test_a_name_that_yaml_reads_as_something_else_is_printed_in_quotes(empty, tmp_path, capsys, name):
    folder = table(tmp_path / "mine", ["-2", "1", "2"] * 4)
    shutil.copy(ROOT / "params.yaml", "params.yaml")
    assert main(["import", "folder", str(folder), "--name", name]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "dvc exp run -S" in line]
    apply_overrides(params.PARAMS_FILE, shlex.split(line.rpartition(" && ")[2])[4::2])
    assert params.load(params.Corpus).name == name


def spoilt_table(path: Path) -> Path:
    """A row without a label, which is left out, a transcript of three lines, and a label that is none in line 6."""
    path.write_text(
        'id,text,label\na,nothing,\nb,"so\ngood\nindeed",1\nc,fine,many\nd,good,2\ne,bad,-2\n',
        encoding="utf-8",
    )
    return path


def test_a_fault_of_a_table_of_somebody_else_is_named_where_it_stands(empty, tmp_path, capsys):
    source = spoilt_table(tmp_path / "theirs.csv")
    assert main(["import", "folder", str(source), "--language", "en"]) == 1
    assert f"{source}, line 6: label is 'many'" in capsys.readouterr().err


def test_a_fault_of_a_table_in_an_archive_names_the_archive(empty, tmp_path, capsys):
    table(tmp_path / "mine", ["-2", "1", "many"] * 4)
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "mine")
    assert main(["import", "folder", archive]) == 1
    assert f"{archive}/segments.csv, line 4: label is 'many'" in capsys.readouterr().err
    assert list(Path("data/raw").glob(".*")) == []


@pytest.mark.parametrize("name", ["mine.jsonl", "mine.json", "mine.parquet", "mine.md"])
def test_a_file_that_is_no_corpus_is_named(empty, tmp_path, capsys, name):
    (tmp_path / name).write_text('{"id": "a", "text": "fine", "label": 1}\n', encoding="utf-8")
    assert main(["import", "folder", str(tmp_path / name)]) == 1
    assert f"{name}: is no folder, no archive and no table; expected one of them" in capsys.readouterr().err
    assert list(Path("data/raw").glob(".*")) == []


@pytest.mark.parametrize("where", ["mine", "mine/me", "mine/notes/a.txt", "mine/clips"])
def test_a_link_that_leads_round_in_a_circle_is_named(empty, tmp_path, capsys, where):
    link = tmp_path / where
    if where != "mine":
        folder = table(tmp_path / "mine", ["-2", "1", "2"] * 4)
        (folder / "notes").mkdir()
    if link.is_dir():
        link.rmdir()
    link.symlink_to(link.name)
    assert main(["import", "folder", str(tmp_path / "mine")]) == 1
    sentence = capsys.readouterr().err
    assert f"{link}: is a link" in sentence
    assert sentence.count("\n") == 1
