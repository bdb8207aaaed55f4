"""What a finished run has written, and that each modality reaches the score."""

import json

import av
import numpy as np
import pytest

from pipeline.artifacts.aligned.reading import read_aligned
from pipeline.artifacts.corpus.rejections import read_rejections
from pipeline.artifacts.corpus.segments import read_segments
from pipeline.artifacts.features.shards import read_sequences

pytestmark = pytest.mark.slow

METRICS = {
    "mae", "pearson", "ordered_pair_accuracy", "kendall_tau", "acc7", "acc5",
    "acc2_negative_nonnegative", "f1_negative_nonnegative", "acc2_negative_positive", "f1_negative_positive",
    "calibration_slope", "calibration_offset",
}  # fmt: skip


def read(repository, name: str):
    return json.loads((repository.path / "reports" / name).read_text())


def test_metrics_have_every_split_model_and_metric(toy):
    metrics = read(toy, "metrics.json")
    assert set(metrics) == {"valid", "test"}
    for split in metrics.values():
        assert set(split) == {"grcf", "pointwise", "grcf_ensemble", "pointwise_ensemble", "median"}
        for name, model in split.items():
            assert set(model) == METRICS
            for value in model.values():
                assert {"mean", "sd", "ci_low", "ci_high", "n"} <= set(value)
                # An ensemble is one model, without a spread over seeds.
                spread = {"sd"} if name.endswith("_ensemble") else set()
                undefined = {key for key, found in value.items() if found is None} - spread
                assert ("reason" in value) == bool(undefined)


def test_an_undefined_metric_is_null_with_a_reason(toy):
    pearson = read(toy, "metrics.json")["test"]["median"]["pearson"]
    assert pearson["mean"] is None
    assert "equal" in pearson["reason"]


def test_the_broken_clip_is_listed_and_the_rest_went_on(toy):
    (rejection,) = read_rejections(toy.path / "data/manifest/rejected.csv")
    assert rejection.id == "broken"
    assert "broken.mp4" in rejection.reason
    assert len(read_segments(toy.path / "data/manifest/segments.jsonl")) == 15
    assert read(toy, "coverage.json")["rejected"] == 1


def test_speakers_stay_in_one_split(toy):
    segments = read_segments(toy.path / "data/manifest/segments.jsonl")
    owners = {(segment.speaker, segment.split) for segment in segments}
    assert len(owners) == len({speaker for speaker, _ in owners})
    assert {split for _, split in owners} == {"train", "valid", "test"}


def test_the_words_of_the_transcripts_were_aligned_by_force(toy):
    assert read(toy, "coverage.json")["align_methods"].get("forced", 0) >= 12


def test_faces_and_sound_were_found(toy):
    for row in read(toy, "coverage.json")["modalities"]:
        assert row["valid_words"] > 0.9, row


def test_normalisation_was_fitted_on_train_alone(toy):
    train, valid = (read_aligned(toy.path / f"data/align/{split}") for split in ("train", "valid"))
    seen = train.features["audio"][train.valid["audio"]]
    np.testing.assert_allclose(seen.mean(axis=0), 0, atol=1e-4)
    assert np.abs(valid.features["audio"][valid.valid["audio"]].mean(axis=0)).max() > 0.01


def test_headers_say_what_made_the_features(toy):
    for modality in ("text", "audio", "visual"):
        extractor = read_sequences(toy.path / f"data/{modality}").extractor
        assert extractor["libraries"]
        assert extractor["device"]
        assert str(toy.path) not in json.dumps(extractor)


def test_no_report_names_a_place_on_this_machine(toy):
    for file in (toy.path / "reports").rglob("*"):
        if file.is_file():
            assert str(toy.path).encode() not in file.read_bytes()


def rewrite(path, *, mute: bool, blank: bool) -> None:
    """The same clip with its sound silenced or its picture black."""
    with av.open(str(path)) as source:
        frames = [frame.to_ndarray(format="rgb24") for frame in source.decode(video=0)]
        rate = source.streams.video[0].average_rate
    with av.open(str(path)) as source:
        sound_rate = source.streams.audio[0].rate
        sound = np.concatenate([f.to_ndarray().mean(axis=0) for f in source.decode(audio=0)])
    target = path.with_name("new.mp4")
    with av.open(str(target), "w") as container:
        video = container.add_stream("mpeg4", rate=rate)
        video.width, video.height, video.pix_fmt = frames[0].shape[1], frames[0].shape[0], "yuv420p"
        audio = container.add_stream("aac", rate=sound_rate, layout="mono")
        for image in frames:
            picture = np.zeros_like(image) if blank else image
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode())
        samples = np.zeros_like(sound) if mute else sound
        for start in range(0, len(samples) - 1023, 1024):
            part = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(samples[None, start : start + 1024], np.float32),
                format="fltp",
                layout="mono",
            )
            part.rate, part.pts = sound_rate, start
            container.mux(audio.encode(part))
        container.mux(audio.encode())
    path.unlink()
    target.rename(path)


def test_silencing_or_blanking_a_clip_changes_coverage_and_score(filled):
    segments = read_segments(filled.path / "data/manifest/segments.jsonl")
    muted, blanked, *_ = (segment for segment in segments if segment.split == "test")
    before, predictions = read(filled, "coverage.json"), (filled.path / "reports/predictions.csv").read_text()
    rewrite(filled.path / muted.media, mute=True, blank=False)
    rewrite(filled.path / blanked.media, mute=False, blank=True)
    for stage in ("manifest", "words", "text", "audio", "visual", "align", "evaluate"):
        filled.stage(stage)

    def shares(coverage):
        return {
            row["modality"]: row["valid_words"] for row in coverage["modalities"] if row["split"] == "test"
        }

    after = shares(read(filled, "coverage.json"))
    for modality in ("audio", "visual"):
        assert after[modality] < shares(before)[modality]
    now = (filled.path / "reports/predictions.csv").read_text()

    def line(text, segment):
        return next(row for row in text.splitlines() if row.startswith(f"test,{segment.id},"))

    for segment in (muted, blanked):
        assert line(now, segment) != line(predictions, segment)


def test_the_inspector_shows_every_segment_of_valid_of_this_run(toy):
    html = (toy.path / "reports/inspector.html").read_text(encoding="utf-8")
    start = html.index(">", html.index('id="data"')) + 1
    page = json.loads(html[start : html.index("</script>", start)])
    rows = {row["id"]: row for row in page["segments"] if row["split"] == "valid"}
    segments = read_segments(toy.path / "data/manifest/segments.jsonl")
    wanted = {segment.id: segment.text for segment in segments if segment.split == "valid"}
    assert {id_: row["text"] for id_, row in rows.items()} == wanted
    for row in rows.values():
        assert row["clip"]["source"].startswith("../data/raw/ein-korpus_2/video%20")
        assert len(row["predictions"]) == 3


def test_the_card_tells_the_metrics_of_this_run(toy):
    card = (toy.path / "reports/model_card.md").read_text(encoding="utf-8")
    mae = read(toy, "metrics.json")["test"]["grcf"]["mae"]
    assert f"| mae | lower | {mae['mean']:.3f} [{mae['ci_low']:.3f}, {mae['ci_high']:.3f}]" in card
