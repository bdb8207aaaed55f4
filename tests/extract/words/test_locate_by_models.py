"""`locate_words` and its cache entries where a CTC or a Whisper model finds the words."""

import pickle
import re
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.words import SegmentWords
from pipeline.errors import PipelineError
from pipeline.execution.device import device_class
from pipeline.execution.engines import agent
from pipeline.execution.engines.pieces import Given, Piece
from pipeline.execution.engines.surroundings import Surroundings
from pipeline.execution.pool import Done, Lost
from pipeline.extract.cached.words import ByModels, words_extractor
from pipeline.extract.tokens import tokenise
from pipeline.extract.words.locate import WordSettings, locate_words, needs_model
from tests.extract.speech_models import RATE_HZ, random_words, tones, whisper_folder
from tests.extract.word_settings import WITHOUT_MODELS
from tests.extract.words.test_locate import segment

pytestmark = pytest.mark.slow

NOWHERE = WordSettings(**WITHOUT_MODELS | {"aligner": "ctc", "ctc_model": "nobody/nothing"})


@pytest.fixture(scope="module")
def by_models(tone_model, tmp_path_factory) -> WordSettings:
    """Settings that name a model for each task."""
    whisper = whisper_folder(tmp_path_factory.mktemp("models") / "whisper", says="Nice film!", timed=False)
    chosen = {
        "aligner": "ctc",
        "ctc_model": str(tone_model),
        "recogniser": "whisper",
        "whisper_model": str(whisper),
    }
    return WordSettings(**WITHOUT_MODELS | chosen)


@pytest.fixture(scope="module")
def sentences(tmp_path_factory) -> list[Segment]:
    """Sentences in the language of the CTC model, each in a file of its own; the last one has another transcript."""
    folder, segments = tmp_path_factory.mktemp("said"), []
    for n in range(4):
        words = random_words(5, seed=n)
        samples, _ = tones(words, seed=n)
        soundfile.write(folder / f"{n}.wav", samples, RATE_HZ)
        text = " ".join(words if n < 3 else random_words(5, seed=77))
        spoken = segment(
            folder / f"{n}.wav", duration_s=len(samples) / RATE_HZ, text=text, language="xx", id=str(n)
        )
        segments.append(replace(spoken, media_sha256=f"{n}" * 64))
    return segments


def test_a_transcript_in_any_language_is_aligned_by_the_named_model(sentences, by_models):
    for n, spoken in enumerate(sentences[:3]):
        located = locate_words(spoken, by_models)
        _, spans = tones(random_words(5, seed=n), seed=n)
        assert located.align_method == "forced"
        assert 0 < located.confidence <= 1
        starts_s = [word.start_s for word in located.words]
        np.testing.assert_allclose(starts_s, [start_s for start_s, _ in spans], atol=0.02)


@pytest.mark.parametrize(
    "changes", [{}, {"text": "我 喜 欢"}, {"text": "Z" * 400}], ids=["other", "script", "long"]
)
def test_what_the_model_cannot_align_is_spread_over_the_voiced_part(sentences, by_models, changes):
    located = locate_words(replace(sentences[3], **changes), by_models)

    assert (located.align_method, located.confidence) == ("proportional", None)
    assert [word.text for word in located.words] == tokenise(replace(sentences[3], **changes).text)
    assert located.words[0].start_s == pytest.approx(0.2, abs=0.05)
    assert located.words[-1].end_s <= sentences[3].duration_s


@pytest.fixture(scope="module")
def speech() -> Segment:
    """Real words, since nothing is recognised where nobody speaks."""
    clip = Path(__file__).parents[3] / "data/raw/demo/clips/s01_01.mp4"
    return segment(clip, duration_s=2.0, text=None, id="4")


@pytest.mark.parametrize("language", ["en", "zh", "xx"])
def test_without_a_transcript_the_named_model_recognises_any_language(speech, by_models, language):
    located = locate_words(replace(speech, language=language), by_models)

    assert located.align_method == "recognised"
    assert [word.text for word in located.words] == ["Nice", "film"]
    times_s = [edge for word in located.words for edge in (word.start_s, word.end_s)]
    assert times_s == sorted(times_s)
    assert times_s[-1] <= speech.duration_s


@pytest.mark.parametrize("recogniser", ["whisper", "pocketsphinx"])
def test_nothing_is_recognised_where_nobody_speaks(by_models, tmp_path, recogniser):
    seconds = np.arange(3 * RATE_HZ) / RATE_HZ
    notes = sum(np.sin(2 * np.pi * hz * seconds) for hz in (261.6, 329.6, 392.0))
    piano = (notes * np.exp(-3 * (seconds % 0.5)) / 4).astype(np.float32)
    noise = 0.2 * np.random.default_rng(0).standard_normal(len(seconds)).astype(np.float32)
    for name, samples in {"piano": piano, "noise": noise}.items():
        soundfile.write(tmp_path / f"{name}.wav", samples, RATE_HZ)
        unspoken = segment(tmp_path / f"{name}.wav", duration_s=3.0, text=None)
        located = locate_words(unspoken, replace(by_models, recogniser=recogniser))
        assert located.align_method == "none"
        assert located.words == ()


def test_a_transcript_of_annotations_alone_is_not_recognised(speech, by_models):
    assert locate_words(replace(speech, text=""), by_models).align_method == "none"
    assert not needs_model(replace(speech, text=""), replace(by_models, aligner="proportional"))


def test_given_times_and_silence_need_no_model(sentences, tmp_path):
    soundfile.write(tmp_path / "silence.wav", np.zeros(RATE_HZ), RATE_HZ)
    silent = segment(tmp_path / "silence.wav", duration_s=1.0, text="no sound")
    assert locate_words(silent, NOWHERE).align_method == "proportional"
    assert not needs_model(segment(text="no file"), replace(NOWHERE, recogniser="whisper"))
    assert not needs_model(sentences[0], replace(NOWHERE, aligner="proportional", recogniser="whisper"))
    assert needs_model(sentences[0], replace(NOWHERE, recogniser="none"))


def test_words_are_the_same_beside_any_neighbours_and_after_any_interruption(
    sentences, speech, by_models, tmp_path, monkeypatch
):
    everything = [*sentences, replace(speech, media_sha256="4" * 64)]
    alone = [replace(locate_words(spoken, by_models), id="?") for spoken in everything]

    def located(cache: str, segments: list[Segment]):
        monkeypatch.setenv("GRCF_CACHE", str(tmp_path / cache))
        rows = words_extractor(by_models).map(segments)
        return [replace(row, id="?") for row in rows]

    assert located("a", everything) == alone
    assert located("b", everything[2:3]) == alone[2:3]
    assert located("b", everything[::-1]) == alone[::-1]


def test_the_slots_of_a_cluster_find_the_same_words(sentences, by_models, tmp_path, monkeypatch):
    pytest.importorskip("distributed", reason="requirements-cluster.lock is not installed")
    entries = []
    for engine in ("", "local:2"):
        cache = tmp_path / (engine[:5] or "pool")
        monkeypatch.setenv("GRCF_ENGINE", engine)
        monkeypatch.setenv("GRCF_CACHE", str(cache))
        words_extractor(by_models).map(sentences)
        entries.append(
            {path.relative_to(cache): path.read_bytes() for path in cache.rglob("*") if path.is_file()}
        )
    assert entries[0] == entries[1] != {}


def test_a_segment_that_a_model_loses_is_left_out_and_not_stored(
    sentences, by_models, tmp_path, monkeypatch, capfd
):
    monkeypatch.setenv("GRCF_CACHE", str(tmp_path))
    outcomes = ByModels.outcomes

    def losing_the_first(self, items, *, n_workers):
        for key, outcome in outcomes(self, items, n_workers=n_workers):
            yield key, Lost("took its process with it, twice") if key == 0 else outcome

    silent = replace(sentences[0], id="silent", media=None, media_sha256=None, has_audio=False)
    asked = [silent, *sentences[:2]]
    monkeypatch.setattr(ByModels, "outcomes", losing_the_first)
    lost = list(words_extractor(by_models).map(asked))
    assert "took its process with it, twice; the run goes on without it" in capfd.readouterr().err
    assert [row.align_method for row in lost] == ["proportional", "proportional", "forced"]
    assert [row.id for row in lost] == ["silent", "0", "1"]
    monkeypatch.setattr(ByModels, "outcomes", outcomes)
    assert [row.align_method for row in words_extractor(by_models).map(asked)] == [
        "proportional",
        "forced",
        "forced",
    ]


def hangs_at_one(segment: Segment) -> SegmentWords:
    """What a model does that one recording hangs."""
    if segment.id == "1":
        time.sleep(600)
    return SegmentWords(segment.id, "none", ())


@pytest.mark.parametrize("where", ["here", "in a slot"])
def test_a_recording_that_hangs_the_model_is_stopped(sentences, monkeypatch, where):
    monkeypatch.setattr("pipeline.extract.cached.words._MODEL_FACTOR", 1e-3)
    monkeypatch.setattr("pipeline.execution.side_by_side._LONGEST_START_S", 60.0)
    work = ByModels(hangs_at_one, device_class(), WordSettings(**WITHOUT_MODELS))
    if where == "here":
        outcomes = dict(work.outcomes(dict(enumerate(sentences)), n_workers=2))
    else:
        given = {key: Given(spoken, None, spoken.id) for key, spoken in enumerate(sentences)}
        piece = Piece(pickle.dumps(work), pickle.dumps(given), tuple(given), Surroundings.here())
        outcomes = dict(agent.compute(piece))
    assert [isinstance(outcomes[key], Done) for key in range(4)] == [True, False, True, True]
    assert re.fullmatch(r"took longer than \d+ s and was stopped", outcomes[1].reason)


def test_what_is_cached_is_not_read_again(sentences, by_models, tmp_path, monkeypatch):
    monkeypatch.setenv("GRCF_CACHE", str(tmp_path))
    extractor = words_extractor(by_models)
    first = list(extractor.map(sentences))
    monkeypatch.setattr("pipeline.extract.words.ctc_aligner.CtcAligner.align", None)

    assert list(extractor.map(sentences)) == first


def test_the_entries_tell_models_apart_and_name_them(sentences, by_models, tmp_path):
    plain, modelled = words_extractor(WordSettings(**WITHOUT_MODELS)), words_extractor(by_models)

    assert set(modelled.description["models"]) == {"ctc", "whisper"}
    assert set(modelled.description["libraries"]) > {"torch", "transformers", "pocketsphinx"}
    assert "models" not in plain.description
    assert plain.description["device"] == "cpu"
    assert set(plain.keys(sentences)).isdisjoint(modelled.keys(sentences))


def test_a_model_that_is_nowhere_stops_before_any_work(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(PipelineError, match=r"words\.ctc_model: 'nobody/nothing'"):
        words_extractor(NOWHERE)
