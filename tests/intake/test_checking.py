"""What would end or spoil a run is found before anything heavy runs."""

import itertools
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline import params
from pipeline.__main__ import main
from pipeline.corpus.candidates import Candidate
from pipeline.corpus.layouts import LAYOUTS
from pipeline.intake.checking import CorpusReport, check_corpus
from pipeline.intake.facts import Given, find_facts, rules_of
from pipeline.intake.labels import group_cuts
from pipeline.intake.page import to_html, to_json, to_text
from pipeline.intake.problems import Rules
from tests import tasks
from tests.corpus.replicas import N_SEGMENTS, REPLICAS, ROOT

pytestmark = pytest.mark.slow

DRAW: dict[str, Any] = {"valid_share": 0.2, "test_share": 0.2, "split_seed": 1, "max_rejected_share": 0.1}


def look(
    folder: Path, name: str = "folder", *, n_opened: int | None = 0, split: str = "standard", **changes
) -> CorpusReport:
    """What `check` finds by the facts of the corpus, or by those that import would write; `changes` are of the rules."""

    def rules_for(candidates: Sequence[Candidate]) -> Rules:
        return replace(
            rules_of(find_facts(name, candidates, folder).facts, folder, split=split, **DRAW), **changes
        )

    return check_corpus(folder, layout=name, rules_for=rules_for, n_opened=n_opened)


@pytest.fixture
def corpus(tmp_path):
    REPLICAS["folder"](tmp_path / "corpus")
    tasks.write_facts(tmp_path / "corpus")
    return tmp_path / "corpus"


def change(corpus: Path, *pairs: tuple[str, str]) -> None:
    table = corpus / "segments.csv"
    text = table.read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    table.write_text(text)


def problems(found: CorpusReport) -> dict[str, str]:
    return {f"{problem.level} {problem.kind}": problem.sentence for problem in found.problems}


@pytest.mark.parametrize("name", REPLICAS)
def test_a_sound_corpus_has_no_errors(name, tmp_path):
    REPLICAS[name](tmp_path)
    found = look(tmp_path, name)
    assert not found.has_errors, found.problems
    assert sum(part.n_segments for part in found.parts.values()) == N_SEGMENTS[name]
    assert sum(map(sum, found.label_counts.values())) == N_SEGMENTS[name]


def test_opened_media_say_how_long_segments_are(corpus):
    found = look(corpus, n_opened=None)
    assert found.n_media_opened == found.n_media == 6
    assert not found.duration_is_estimated
    assert 1 < found.parts["train"].mean_duration_s < 5


def test_a_few_opened_media_stand_for_all(corpus):
    found = look(corpus, n_opened=2)
    assert found.n_media_opened == 2
    assert found.duration_is_estimated


def test_the_split_that_mixes_videos_is_told_and_no_error(tmp_path):
    REPLICAS["sims"](tmp_path)
    found = problems(look(tmp_path, "sims"))
    assert "is in train and valid" in found["warning leaks"]
    assert "manifest.split=drawn" in found["warning leaks"]
    assert "warning leaks" not in problems(look(tmp_path, "sims", split="drawn"))


def test_a_speaker_in_two_splits_is_an_error(corpus):
    change(corpus, ("id,label", "speaker,id,label"), ("c0,", "ann,c0,"), ("c5,", "ann,c5,"))
    for k in range(1, 5):
        change(corpus, (f"c{k},", f"p{k},c{k},"))
    assert "the speaker 'ann' is in test and train" in problems(look(corpus))["error leaks"]


def test_what_a_program_writes_for_no_transcript_is_a_warning(corpus):
    for k, text in ((1, "#NAME?"), (2, "NaN")):
        table = corpus / "segments.csv"
        lines = table.read_text().splitlines()
        row = next(n for n, line in enumerate(lines) if line.startswith(f"c{k},"))
        cells = lines[row].split(",")
        cells[lines[0].split(",").index("text")] = text
        lines[row] = ",".join(cells)
        table.write_text("\n".join([*lines, ""]))
    found = problems(look(corpus))["warning transcripts"]
    assert "'#NAME?'" in found
    assert "'NaN'" in found
    assert "empty the cells" in found


def test_a_repeated_id_and_labels_out_of_range_are_errors(corpus):
    change(corpus, ("c1,-2.0", "c0,-20.0"))
    found = problems(look(corpus))
    assert "the id 'c0' is used more than once" in found["error ids"]
    assert "-20.0; expected a number from -3.0 to 3.0" in found["error labels"]


def test_labels_that_fill_no_half_of_the_range_are_told(corpus):
    found = problems(
        look(corpus, task=replace(tasks.MOSI, label_min=-30.0, label_max=30.0, protocol="regression"))
    )
    assert "no label is beyond ±2.4" in found["warning labels"]


def test_one_label_in_train_is_an_error(corpus):
    change(corpus, ("c1,-2.0", "c1,1.6"))
    assert "every label of train is 1.6" in problems(look(corpus))["error labels"]


def test_one_label_in_valid_is_an_error_where_labels_are_numbers(tmp_path):
    rows = [("train", -2), ("train", 1), ("valid", 1), ("valid", 1), ("test", 0.5)]
    table = "".join(f"c{i},p{i},{split},{label},fine\n" for i, (split, label) in enumerate(rows))
    (tmp_path / "segments.csv").write_text(f"id,speaker,split,label,text\n{table}", encoding="utf-8")
    tasks.write_facts(tmp_path)
    sentence = "every label of valid is 1: stage 2 has nothing to calibrate on"
    assert sentence in problems(look(tmp_path))["error labels"]


def test_missing_and_broken_media_are_errors_beyond_the_share_that_may_be_lost(corpus):
    (corpus / "clips/c0.mp4").unlink()
    (corpus / "clips/c1.mp4").write_bytes(b"not a video")
    found = problems(look(corpus, n_opened=None))
    assert "c0.mp4: not found" in found["error media"]
    assert "c1.mp4" in found["error media"]
    assert "warning media" in problems(look(corpus, n_opened=None, max_rejected_share=0.5))


def test_a_split_without_segments_is_an_error(corpus):
    change(corpus, (",test,", ",train,"))
    assert "the split 'test' has no segments" in problems(look(corpus))["error splits"]


def test_the_same_sentence_in_train_and_test_is_an_error_where_it_is_common(corpus):
    with (corpus / "segments.csv").open() as file:
        lines = file.read().splitlines()
    transcript = lines[1].split(",", 3)[3]
    lines[6] = ",".join([*lines[6].split(",", 3)[:3], transcript])
    (corpus / "segments.csv").write_text("\n".join(lines) + "\n")
    assert (
        "'c0' (train) and 'c5' (test) say nearly the same (100%)"
        in problems(look(corpus))["error near-duplicates"]
    )


@pytest.mark.parametrize("name", ["cremad", "ravdess"])
def test_prescribed_sentences_are_a_warning_by_the_facts_of_the_corpus(name, tmp_path):
    REPLICAS[name](tmp_path)
    assert "is prescribed (corpus.yaml)" in problems(look(tmp_path, name))["warning near-duplicates"]
    told = problems(look(tmp_path, name, prescribed=False))["error near-duplicates"]
    assert "set prescribed to true in corpus.yaml" in told


def test_the_script_that_every_session_of_iemocap_plays_is_a_warning(tmp_path):
    REPLICAS["iemocap"](tmp_path)
    transcripts = {path.stem: path for path in tmp_path.rglob("dialog/transcriptions/*.txt")}
    script = transcripts["Ses01M_script01_1"].read_text()
    for name in ("Ses04F_impro01", "Ses05F_impro01"):
        transcripts[name].write_text(script.replace("Ses01M_script01_1", name).replace("F001", "M001", 1))
    found = problems(look(tmp_path, "iemocap"))
    assert "is prescribed (corpus.yaml)" in found["warning near-duplicates"]
    assert "error near-duplicates" not in found


def test_import_can_say_that_sentences_are_prescribed(tmp_path):
    REPLICAS["folder"](tmp_path)
    rows = LAYOUTS["folder"].read(tmp_path)
    assert find_facts("folder", rows, tmp_path, given=Given(prescribed=True)).facts.prescribed
    assert not find_facts("folder", rows, tmp_path).facts.prescribed


def test_a_forgotten_language_is_an_error(tmp_path):
    REPLICAS["sims"](tmp_path)
    found = problems(look(tmp_path, "sims", language="en"))
    assert "100% of the letters are Cjk, but the language is 'en'" in found["error language"]


def test_annotators_who_differ_say_how_wide_a_sentiment_group_is(corpus):
    lines = (corpus / "segments.csv").read_text().splitlines()
    rows = [f"{lines[0]},label_1,label_2", *(f"{line},0,{k % 2 + 1}" for k, line in enumerate(lines[1:]))]
    (corpus / "segments.csv").write_text("\n".join(rows) + "\n")
    found = look(corpus)
    # Half of train differs by 1, half by 2: variances 0.5 and 2.
    assert found.annotator_spread == pytest.approx(1.25**0.5)
    assert found.groups == [pytest.approx(-(1.25**0.5), abs=1e-4), pytest.approx(1.25**0.5, abs=1e-4)]
    assert "-S 'margin.groups=[-1.118,1.118]'" in to_text(found)
    assert "margin.groups=[-1.118,1.118]" in to_html(found)
    params.checked({"margin.groups": found.groups}, ROOT / "params.yaml")


@pytest.mark.parametrize("spread", [0.01, 0.2, 0.5, 0.99, 3.0, 50.0])
def test_cuts_lie_inside_of_the_range_and_are_alike_on_both_sides(spread):
    cuts = group_cuts(spread, -1.0, 1.0)
    assert all(-1 < cut < 1 for cut in cuts)
    assert cuts == sorted(-cut for cut in cuts)
    assert all(b - a == pytest.approx(2 * spread, abs=2e-4) for a, b in itertools.pairwise(cuts))
    assert (not cuts) == (spread >= 1)


def test_a_corpus_of_another_layout_is_one_error(corpus):
    found = look(corpus, "mustard")
    assert found.has_errors
    assert [problem.kind for problem in found.problems] == ["table"]
    assert "ERROR table" in to_text(found)
    assert "sarcasm_data.json" in to_html(found)


def test_what_a_corpus_says_cannot_break_the_page(corpus):
    change(corpus, ("c0,1.6", "<script>alert(1)</script>,99"))
    (corpus / "clips/c0.mp4").rename(corpus / "clips/x.mp4")
    page = to_html(look(corpus))
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


def test_the_same_corpus_gives_the_same_bytes(corpus):
    first, second = look(corpus, n_opened=None), look(corpus, n_opened=None)
    assert to_html(first) == to_html(second)
    assert json.dumps(to_json(first)) == json.dumps(to_json(second))


@pytest.fixture
def repository(tmp_path, monkeypatch, corpus):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.move(corpus, tmp_path / "data/raw/mine")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_prints_a_table_and_ends_with_0(repository, capsys):
    assert main(["check", "mine", "--html", "page.html"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("Corpus data/raw/mine, layout folder\n")
    assert "train         2" in printed
    assert (repository / "page.html").read_text().count('<figure class="picture"') == 3


def test_the_command_ends_with_1_where_a_run_would_end(repository, capsys):
    assert main(["check", "data/raw/mine", "--layout", "mosi", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["has_errors"]
    assert "expected one of them beside Raw" in report["problems"][0]["sentence"]


def test_a_corpus_without_facts_says_how_to_write_them(repository, capsys):
    (repository / "data/raw/mine/corpus.yaml").unlink()
    assert main(["check", "mine"]) == 1
    assert "python -m pipeline import LAYOUT data/raw/mine" in capsys.readouterr().err


def test_another_layout_brings_its_facts(repository, capsys):
    REPLICAS["sims"](repository / "elsewhere")
    assert main(["check", "elsewhere", "--layout", "sims", "--open", "0"]) == 0
    assert "zh 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "nowhere: neither a corpus below data/raw nor a folder"),
        (["mine", "--open", "some"], "--open is 'some'"),
        (["mine", "--split", "fold_0"], "manifest.split"),
    ],
)
def test_a_wrong_argument_is_a_sentence(arguments, sentence, repository, capsys):
    assert main(["check", *arguments]) == 1
    assert sentence in capsys.readouterr().err


def test_two_classes_under_regression_name_the_task(corpus):
    table = corpus / "segments.csv"
    header, *rows = table.read_text().splitlines()
    column = header.split(",").index("label")
    cells = [row.split(",") for row in rows]
    for position, row in enumerate(cells):
        row[column] = str(position % 2)
    table.write_text("\n".join([header, *(",".join(row) for row in cells)]) + "\n")
    assert "set it to binary" in problems(look(corpus))["error task"]
    assert "error task" not in problems(look(corpus, task=tasks.BINARY))


def test_labels_of_one_group_are_told_before_a_run(corpus):
    assert (
        "no pair to order" in problems(look(corpus, task=replace(tasks.MOSI, groups=(5.0,))))["error labels"]
    )


def test_the_same_recording_in_two_splits_is_told(corpus):
    clips = sorted((corpus / "clips").iterdir())
    shutil.copyfile(clips[0], clips[-1])
    assert "are the same recording" in problems(look(corpus))["error copies"]


def test_raters_who_give_classes_are_a_majority_and_have_an_agreement(tmp_path):
    REPLICAS["folder"](tmp_path)
    table = tmp_path / "segments.csv"
    header, *rows = table.read_text().splitlines()
    table.write_text("\n".join([header.replace("label", "label_old"), *rows]) + "\n")
    ratings = [f"c{n},{rater},{('joy', 'anger')[n % 2]}" for n in range(6) for rater in ("ann", "bob", "cyd")]
    ratings[0] = "c0,ann,anger"
    (tmp_path / "ratings.csv").write_text("\n".join(["id,rater,label", *ratings]) + "\n")
    found = look(tmp_path)
    assert not found.has_errors, found.problems
    assert found.classes == ("anger", "joy")
    assert found.label_counts["train"] == [1, 1]
    assert "Krippendorff's alpha 0.79" in to_text(found)
    assert "alpha 0.79" in to_html(found)
    assert to_json(found)["agreement"] == pytest.approx(found.agreement, abs=1e-6)
