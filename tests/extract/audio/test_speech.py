import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    ASTConfig,
    ASTFeatureExtractor,
    ASTModel,
    AutoFeatureExtractor,
    AutoModel,
    Wav2Vec2FeatureExtractor,
)

from pipeline.artifacts.corpus.segments import Segment
from pipeline.errors import PipelineError
from pipeline.execution.cache import ResultCache
from pipeline.extract.audio import speech
from pipeline.extract.audio.speech import SpeechEncoder
from pipeline.extract.cached.frames import CachedEncoder, cached_encoder
from pipeline.media.audio import read_audio
from pipeline.pretrained.models import EncoderSettings
from tests.extract.encoders import SPEECH_KINDS, save_speech_encoder
from tests.media.recordings import tone, write_recording
from tests.segments import make_segment

pytestmark = pytest.mark.slow

RATE_HZ, FIELD, STRIDE = 16000, 400, 320


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("speech")
    return {kind: save_speech_encoder(root / kind, kind) for kind in SPEECH_KINDS}


@pytest.fixture(scope="module")
def local_encoder(folders, tmp_path_factory) -> Path:
    """An encoder whose layer 0 is made of each row's own sound alone: nothing scaled to the segment, no neighbours."""
    from safetensors.torch import load_file, save_file

    folder = tmp_path_factory.mktemp("speech") / "local"
    shutil.copytree(folders["data2vec"], folder)
    weights = load_file(folder / "model.safetensors")
    blind = {name: 0 * tensor if "pos_conv_embed" in name else tensor for name, tensor in weights.items()}
    save_file(blind, folder / "model.safetensors", metadata={"format": "pt"})
    Wav2Vec2FeatureExtractor(do_normalize=False).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    """Eight seconds of noise that swells, with a voice-like tone in it."""
    generator = np.random.default_rng(0)
    noise = generator.normal(scale=np.linspace(0.01, 0.2, 8 * RATE_HZ))
    path = tmp_path_factory.mktemp("sound") / "noise.wav"
    return write_recording(path, sound=(noise + 0.3 * tone(140, 8, n_harmonics=5)).clip(-1, 1))


def segment(path: Path, start_s: float = 0.0, end_s: float = 2.0, **fields) -> Segment:
    plain = {
        "id": f"{path.stem} {start_s} {end_s}",
        "media": str(path),
        "media_sha256": "0" * 64,
        "has_audio": True,
    }
    return make_segment(**plain | {"start_s": start_s, "end_s": end_s} | fields)


def encoder_of(folder, *, layers=(-1,), precision="float32", revision="main") -> SpeechEncoder:
    settings = EncoderSettings(revision=revision, layers=layers, precision=precision)
    return SpeechEncoder(str(folder), settings=settings, device="cpu")


def extractor_of(folder, **settings) -> CachedEncoder:
    return cached_encoder("audio", encoder_of(folder, **settings))


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("GRCF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GRCF_WORKERS", "1")
    return tmp_path / "cache"


def several(recording) -> list[Segment]:
    """Segments of many lengths, one of them of just as many rows as a batch is padded to."""
    whole = (24 * STRIDE + FIELD - STRIDE) / RATE_HZ
    spans = [(0, 0.3), (0, 2), (1, 1.7), (0.5, 0.5 + whole), (2, 6.11), (3, 3.9), (0, 8), (4.2, 4.21)]
    return [segment(recording, float(start_s), float(end_s)) for start_s, end_s in spans]


def naive_rows(folder: Path, segment: Segment, layers: tuple[int, ...]) -> np.ndarray:
    """The sound of one segment alone through transformers, as its documentation has it."""
    sound = read_audio(
        Path(segment.media), start_s=segment.start_s, end_s=segment.end_s, sample_rate_hz=RATE_HZ
    ).samples
    n_rows = max((len(sound) - FIELD) // STRIDE + 1, 1)
    values = AutoFeatureExtractor.from_pretrained(folder)(
        sound[: (n_rows - 1) * STRIDE + FIELD], sampling_rate=RATE_HZ, return_tensors="pt"
    ).input_values
    with torch.inference_mode():
        model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
        states = model(values, output_hidden_states=True).hidden_states
    return np.mean([states[layer][0].numpy() for layer in layers], axis=0)


@pytest.mark.parametrize("kind", SPEECH_KINDS)
def test_padding_and_neighbours_do_not_change_rows(folders, recording, cache, kind):
    segments = several(recording)[:-1]
    for one, found in zip(segments, extractor_of(folders[kind]).map(segments), strict=True):
        assert found.values == pytest.approx(naive_rows(folders[kind], one, (-1,)), abs=3e-5), one.id
        assert found.valid.all()


@pytest.mark.parametrize("kind", SPEECH_KINDS)
def test_bits_do_not_depend_on_the_batch_or_the_order(folders, recording, cache, kind, monkeypatch):
    segments, entries = several(recording), extractor_of(folders[kind])
    together = entries.map(segments)
    alone = [entries.one(one) for one in segments]
    monkeypatch.setenv("GRCF_CACHE", str(cache / "other"))
    monkeypatch.setenv("GRCF_WORKERS", "2")
    backwards = entries.map(segments[::-1])[::-1]
    assert [one.to_bytes() for one in alone] == [one.to_bytes() for one in together]
    assert [one.to_bytes() for one in backwards] == [one.to_bytes() for one in together]


def test_batches_hold_several_segments_and_have_few_shapes(folders, recording, cache):
    entries = extractor_of(folders["wav2vec2-base"])
    shapes = []
    entries.encoder._model.register_forward_pre_hook(
        lambda module, args, kwargs: shapes.append(tuple(kwargs["input_values"].shape)), with_kwargs=True
    )
    n_samples = 39 * STRIDE + FIELD
    entries.map([segment(recording, i / 10, i / 10 + 0.7) for i in range(30)])
    assert shapes == [(256 // 40, n_samples)] * 5


def test_the_mean_of_the_layers_is_taken(folders, recording):
    one = segment(recording)
    found = extractor_of(folders["hubert-base"], layers=(1, 3)).one(one)
    assert found.values == pytest.approx(naive_rows(folders["hubert-base"], one, (1, 3)), abs=3e-5)


def test_layers_that_the_encoder_lacks_are_refused(folders):
    with pytest.raises(PipelineError, match=r"audio\.layers has 4, but .* has 3 layers; expected -4 to 3"):
        encoder_of(folders["hubert-base"], layers=(4,))
    with pytest.raises(PipelineError, match=r"audio\.layers is 3, -1, and"):
        encoder_of(folders["hubert-base"], layers=(3, -1))


@pytest.mark.parametrize("start_s", [0.0, 0.4])
def test_a_click_is_in_the_rows_whose_times_surround_it(local_encoder, tmp_path, start_s):
    sound = np.random.default_rng(1).normal(scale=1e-3, size=(1, 3 * RATE_HZ))
    quiet = write_recording(tmp_path / "quiet.wav", sound=sound)
    click_s = 1.3
    sound[0, round(click_s * RATE_HZ)] = 0.9
    loud = write_recording(tmp_path / "loud.wav", sound=sound)
    without, with_click = (
        extractor_of(local_encoder, layers=(0,)).one(segment(path, start_s, 3.0)) for path in (quiet, loud)
    )
    changed = np.abs(without.values - with_click.values).max(axis=1) > 1e-4
    off_s = np.abs(without.times_s + start_s - click_s)
    assert 1 <= changed.sum() <= 2
    np.testing.assert_array_equal(changed, off_s <= FIELD / 2 / RATE_HZ + 1e-9)


def test_rows_lie_in_the_middle_of_what_they_see(folders, recording):
    found = extractor_of(folders["wav2vec2-base"]).one(segment(recording, 1.0, 2.0))
    assert len(found.times_s) == 49
    assert found.times_s[:2] == pytest.approx([0.0125, 0.0325])
    assert found.times_s[-1] + 0.0125 <= 1.0


def test_a_long_segment_is_read_in_windows_that_overlap(folders, recording, cache, monkeypatch):
    monkeypatch.setattr(speech, "_LENGTHS", (24, 32, 40, 48, 64, 80, 96))
    one = segment(recording, 0.0, 8.0)
    encoder = encoder_of(folders["wav2vec2-base"])
    windows = encoder.windows(encoder.prepare(one))
    assert [window.n_rows for window in windows] == [96] * 6
    found = cached_encoder("audio", encoder).map([one])[0]
    assert (len(found.values), found.valid.all()) == (399, True)
    # The first rows are seen by the first window alone, later ones by two.
    (_, first), (_, second) = sorted(encoder.read(enumerate(windows[:2])), key=lambda read: read[0])
    starts, _ = speech._window_starts(399)
    np.testing.assert_array_equal(found.values[: starts[1]], first[: starts[1]])
    shared = slice(starts[1], 96)
    mean = (first[shared] + second[: 96 - starts[1]]) / 2
    assert found.values[shared] == pytest.approx(mean, abs=1e-6)


def test_rows_are_not_valid_where_nothing_was_recorded(folders, tmp_path):
    sound = np.random.default_rng(2).normal(scale=0.1, size=(1, 2 * RATE_HZ))
    path = write_recording(
        tmp_path / "late.mkv",
        sound=sound,
        sound_start_s=1.0,
        pictures=[(0.0, np.zeros((32, 32, 3), np.uint8))],
    )
    found = extractor_of(folders["wav2vec2-base"]).one(segment(path, 0.0, 3.0))
    assert not found.valid[found.times_s < 0.98].any()
    assert found.valid[(found.times_s > 1.02) & (found.times_s < 2.95)].all()
    assert not found.values[~found.valid].any()


def test_a_muted_track_has_rows_of_which_none_is_valid(folders, tmp_path):
    path = write_recording(tmp_path / "muted.wav", sound=np.zeros((1, 2 * RATE_HZ)))
    found = extractor_of(folders["wav2vec2-base"]).one(segment(path))
    assert (len(found.values), found.valid.any(), found.values.any(), found.failure) == (
        99,
        False,
        False,
        None,
    )


def test_a_segment_without_sound_or_of_a_broken_file_says_so(folders, recording, tmp_path, cache):
    (tmp_path / "broken.wav").write_bytes(b"\x01" * 5000)
    silent, broken, behind, fine = extractor_of(folders["wav2vec2-base"]).map(
        [
            segment(recording, has_audio=False),
            segment(tmp_path / "broken.wav", media_sha256="1" * 64),
            segment(recording, 50.0, 51.0),
            segment(recording),
        ]
    )
    assert silent.values.shape == (0, 16)
    assert "there is no sound track" in silent.failure
    assert "broken.wav: " in broken.failure
    assert "holds nothing from 50 to 51 s" in behind.failure
    assert fine.failure is None


def test_the_rate_is_that_of_the_encoder(tmp_path, recording):
    encoder = encoder_of(save_speech_encoder(tmp_path / "eight", rate_hz=8000))
    given = encoder.prepare(segment(recording, 0.0, 2.0))
    assert encoder.frames.sample_rate_hz == 8000
    assert len(given.valid) == (16000 - FIELD) // STRIDE + 1
    assert encoder.frames.middle_s(2) == pytest.approx([0.025, 0.065])


def test_what_the_cache_holds_is_not_encoded_again(folders, recording, cache, monkeypatch):
    segments = several(recording)
    first = extractor_of(folders["wav2vec2-base"]).map(segments[:3])
    entries = extractor_of(folders["wav2vec2-base"])
    asked = []
    windows = entries.encoder.windows
    monkeypatch.setattr(entries.encoder, "windows", lambda given: asked.append(given) or windows(given))
    again = entries.map(segments)
    assert len(asked) == len(segments) - 3
    assert [one.to_bytes() for one in first] == [one.to_bytes() for one in again[:3]]
    extractor_of(folders["wav2vec2-base"], layers=(1,)).map(segments[:1])
    assert len(list(ResultCache(cache / "clips/audio").entries())) == len(segments) + 1


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_other_precisions_come_close_and_differ(folders, recording, precision):
    if precision == "bfloat16" and "ATEN_CPU_CAPABILITY" in os.environ:
        pytest.skip("torch refuses attention in bfloat16 where fewer instructions are allowed than there are")
    exact, rounded = (
        extractor_of(folders["wav2vec2-large"], precision=p).one(segment(recording)).values
        for p in ("float32", precision)
    )
    assert rounded.dtype == np.float32
    # A rounding in every layer, not an error as large as the rows themselves.
    error = np.sqrt(np.mean((exact - rounded) ** 2) / np.mean(exact**2))
    assert 0 < error < (0.01 if precision == "float16" else 0.05)


def test_an_overflow_is_reported(folders, recording, tmp_path):
    from safetensors.torch import load_file, save_file

    shutil.copytree(folders["wav2vec2-large"], tmp_path / "huge")
    weights = load_file(tmp_path / "huge" / "model.safetensors")
    weights["feature_projection.projection.weight"] *= 1e6
    save_file(weights, tmp_path / "huge" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        PipelineError, match=r"audio\.precision: huge overflows in float16; set audio\.precision"
    ):
        extractor_of(tmp_path / "huge", precision="float16", layers=(0,)).one(segment(recording))


def test_the_description_names_encoder_and_device_and_no_folder(folders):
    entries = extractor_of(folders["wav2vec2-base"], layers=(1, 2))
    settings = entries.description["settings"]
    assert settings == {
        "encoder": "wav2vec2-base",
        "sha256": settings["sha256"],
        "layers": [1, 2],
        "precision": "float32",
        "hidden_size": 16,
    }
    assert entries.description["device"].startswith("cpu ")
    assert set(entries.description["libraries"]) == {"av", "numpy", "torch", "transformers"}
    assert len(entries.columns) == 16


def test_an_encoder_of_spectrograms_is_refused(tmp_path):
    ASTModel(ASTConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1)).save_pretrained(tmp_path)
    ASTFeatureExtractor(num_mel_bins=32).save_pretrained(tmp_path)
    with pytest.raises(
        PipelineError, match=r"audio\.encoder: .* reads no raw sound; expected an encoder such as"
    ):
        encoder_of(tmp_path)


def test_an_encoder_that_is_nowhere_is_one_sentence(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(PipelineError, match=r"audio\.encoder: 'some/encoder' at revision 'main'") as failure:
        encoder_of("some/encoder")
    assert str(tmp_path) in str(failure.value)
    assert "set audio.encoder to classic" in str(failure.value)


def test_a_folder_without_a_feature_extractor_is_reported(folders, tmp_path):
    shutil.copytree(folders["hubert-base"], tmp_path / "bare")
    (tmp_path / "bare" / "preprocessor_config.json").unlink()
    with pytest.raises(PipelineError, match=r"audio\.encoder: .* has no preprocessor_config\.json"):
        encoder_of(tmp_path / "bare")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("kind", SPEECH_KINDS)
def test_a_gpu_agrees_with_the_cpu_and_keeps_its_bits(folders, recording, kind):
    segments = several(recording)
    cpu = encoder_of(folders[kind])
    settings = EncoderSettings(layers=(-1,), precision="float32")
    gpu = SpeechEncoder(str(folders[kind]), settings=settings, device="cuda")
    given = [cpu.windows(cpu.prepare(one))[0] for one in segments]
    on_cpu, together = (dict(encoder.read(enumerate(given))) for encoder in (cpu, gpu))
    for position, window in enumerate(given):
        assert together[position] == pytest.approx(on_cpu[position], abs=1e-3)
        ((_, alone),) = gpu.read([(0, window)])
        np.testing.assert_array_equal(alone, together[position])


class Deadly:
    """Ends the worker that calls it, which cannot import a module of the tests."""

    def __call__(self, segment):
        raise AssertionError

    def __reduce__(self):
        return eval, ("lambda segment: __import__('os')._exit(9)",)


def test_a_segment_that_kills_its_worker_is_left_out(folders, recording, cache, capfd):
    entries = extractor_of(folders["wav2vec2-base"])
    segments = [segment(recording, 0.0, 2.0), segment(recording, 0.0, 0.5)]
    (first,) = entries.map(segments[:1])
    entries.encoder.prepare = Deadly()
    again, lost = entries.map(segments)
    assert again.to_bytes() == first.to_bytes()
    assert (lost.values.shape, "status 9" in lost.failure) == ((0, 16), True)
    assert len(list(cache.glob("clips/audio/*/*"))) == 1
    assert "the run goes on without it" in capfd.readouterr().err
