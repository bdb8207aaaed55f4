import shutil
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import transformers

from pipeline.errors import PipelineError
from pipeline.extract.cached.frames import CachedEncoder, cached_encoder
from pipeline.extract.visual.face_pictures import cut_out, picture_faces
from pipeline.extract.visual.images import ImageEncoder
from pipeline.extract.visual.mesh import FaceSettings, MeshSettings, extract_visual
from pipeline.pretrained.models import EncoderSettings
from tests.extract.encoders import save_image_encoder, save_speech_encoder
from tests.extract.visual.test_mesh import DEMO, filmed, segment
from tests.media.recordings import shared_data

pytestmark = pytest.mark.slow

KINDS = ("vit", "dinov2", "clip", "siglip")
FACES = FaceSettings(face="largest", frame_rate_hz=10.0, min_confidence=0.5)


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("images")
    return {kind: save_image_encoder(root / kind, kind) for kind in KINDS}


@pytest.fixture(scope="module")
def clips() -> list[Path]:
    demo = sorted(DEMO.glob("*.mp4"))
    return demo[:2] if len(demo) >= 2 else [shared_data("clips") / f"hdtf_{i}.mp4" for i in (1, 2)]


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("GRCF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GRCF_WORKERS", "1")
    return tmp_path / "cache"


def encoder_of(folder, *, layers=(-1,), precision="float32", device="cpu") -> ImageEncoder:
    return ImageEncoder(
        str(folder),
        settings=EncoderSettings(layers=layers, precision=precision),
        faces=FACES,
        device=device,
    )


def extractor_of(folder, **settings) -> CachedEncoder:
    return cached_encoder("visual", encoder_of(folder, **settings))


def naive_rows(folder: Path, kind: str, faces: np.ndarray, layers: tuple[int, ...]) -> np.ndarray:
    """One face after the other through transformers' own preparation, which finds them at the right size."""
    prepares = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
    model = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    model = getattr(model, "vision_model", model)
    rows = []
    for face in faces:
        pixels = prepares(face, do_resize=False, return_tensors="pt").pixel_values
        with torch.inference_mode():
            states = model(pixel_values=pixels, output_hidden_states=True).hidden_states
        hidden = np.mean([states[layer][0].numpy() for layer in layers], axis=0)
        rows.append(hidden.mean(axis=0) if kind == "siglip" else hidden[0])
    return np.stack(rows)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("layers", "averaged"), [((-1,), (3,)), ((3, 1), (1, 3))])
def test_rows_are_those_of_the_encoder_on_the_faces(folders, clips, kind, layers, averaged):
    entries = extractor_of(folders[kind], layers=layers)
    one = segment(clips[0], end_s=0.5)
    found = entries.one(one)
    faces = picture_faces(one, FACES, side=32).pictures
    assert found.valid.all()
    assert found.values == pytest.approx(naive_rows(folders[kind], kind, faces, averaged), abs=2e-5)
    assert len(np.unique(found.values, axis=0)) == len(faces)


def test_times_validity_and_quality_are_those_of_the_mesh(folders, clips):
    one = segment(clips[0], start_s=0.3, end_s=1.5)
    mesh = extract_visual(one, MeshSettings(landmarks=False, **asdict(FACES)))
    found = extractor_of(folders["vit"]).one(one)
    np.testing.assert_array_equal(found.times_s, mesh.times_s)
    np.testing.assert_array_equal(found.valid, mesh.valid)
    np.testing.assert_array_equal(found.quality, mesh.quality)


@pytest.mark.slow
def test_bits_do_not_depend_on_the_batch_the_order_or_the_workers(folders, clips, cache, monkeypatch):
    entries = extractor_of(folders["vit"])
    segments = [
        segment(clips[0], end_s=1.3),
        segment(clips[1], end_s=0.9),
        segment(clips[0], start_s=0.7, end_s=1.0),
    ]
    together = entries.map(segments)
    alone = [entries.one(one) for one in segments]
    monkeypatch.setenv("GRCF_CACHE", str(cache / "other"))
    monkeypatch.setenv("GRCF_WORKERS", "2")
    backwards = entries.map(segments[::-1])[::-1]
    assert [one.to_bytes() for one in alone] == [one.to_bytes() for one in together]
    assert [one.to_bytes() for one in backwards] == [one.to_bytes() for one in together]


def test_pictures_without_a_face_are_not_valid(folders, tmp_path):
    found = extractor_of(folders["vit"]).one(
        segment(filmed(tmp_path / "black.mp4", np.zeros((120, 160, 3), np.uint8)))
    )
    assert (found.values.shape, found.valid.any(), found.values.any()) == ((4, 16), False, False)
    assert found.quality.tolist() == [0.0] * 4


def test_a_segment_without_video_says_so(folders):
    found = extractor_of(folders["vit"]).one(segment("a.mp4", has_video=False))
    assert found.values.shape == (0, 16)
    assert found.failure == "segment a: there is no video"


def test_a_cut_out_is_centred_on_the_face_and_repeats_the_edge_of_the_picture():
    image = np.full((100, 100, 3), 50, np.uint8)
    image[40:60, 5:25] = 200
    points = np.zeros((478, 3))
    points[:, 0], points[:, 1] = np.linspace(5, 25, 478), np.linspace(40, 60, 478)
    square = cut_out(image, points, side=30)
    assert square.shape == (30, 30, 3)
    assert square[15, 15, 0] == 200
    assert square[1, 1, 0] == square[28, 28, 0] == 50
    image[:, 0] = 90
    points[:, 0] -= 5
    assert cut_out(image, points, side=30)[2, 0, 0] == 90


def test_a_cut_out_keeps_a_face_upright_and_unmirrored(clips):
    one = segment(clips[0], end_s=0.3)
    faces = picture_faces(one, FACES, side=96).pictures
    frames = [cv2.cvtColor(face, cv2.COLOR_RGB2GRAY).astype(float) for face in faces]
    still = np.corrcoef(frames[0].ravel(), frames[1].ravel())[0, 1]
    turned = np.corrcoef(frames[0].ravel(), frames[1][::-1].ravel())[0, 1]
    assert still > 0.9 > turned


def test_the_description_holds_what_the_rows_depend_on(folders):
    settings = extractor_of(folders["clip"], layers=(-2, -1)).description["settings"]
    assert settings == {
        "encoder": "clip",
        "sha256": settings["sha256"],
        "layers": [-2, -1],
        "precision": "float32",
        "hidden_size": 16,
        **asdict(FACES),
    }


def test_encoders_that_read_no_patches_are_refused(tmp_path, folders):
    with pytest.raises(
        PipelineError, match=r"visual\.encoder: .* is a wav2vec2, which is no transformer over patches"
    ):
        encoder_of(save_speech_encoder(tmp_path / "speech"))
    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 8], depths=[1, 1])
    transformers.ResNetModel(config).save_pretrained(tmp_path / "resnet")
    with pytest.raises(PipelineError, match=r"is a resnet, which is no transformer"):
        encoder_of(tmp_path / "resnet")
    shutil.copytree(folders["vit"], tmp_path / "bare")
    (tmp_path / "bare" / "preprocessor_config.json").unlink()
    with pytest.raises(PipelineError, match=r"visual\.encoder: .* has no preprocessor_config\.json"):
        encoder_of(tmp_path / "bare")
    with pytest.raises(PipelineError, match=r"visual\.layers has 9"):
        encoder_of(folders["vit"], layers=(9,))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_agrees_with_the_cpu_and_keeps_its_bits(folders, clips):
    given = picture_faces(segment(clips[0], end_s=1.0), FACES, side=32)
    cpu, gpu = (encoder_of(folders["clip"], device=device) for device in ("cpu", "cuda"))
    on_cpu, on_gpu = (dict(encoder.read(enumerate(given.pictures))) for encoder in (cpu, gpu))
    for position, picture in enumerate(given.pictures):
        assert on_gpu[position] == pytest.approx(on_cpu[position], abs=1e-3)
        ((_, alone),) = gpu.read([(0, picture)])
        np.testing.assert_array_equal(alone, on_gpu[position])
