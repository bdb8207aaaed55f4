"""The recordings of the benchmark: a corpus of whole clips, a long recording, and one that has a single keyframe."""

import csv
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import yaml

from benchmarks.facts import write_facts
from pipeline.errors import PipelineError
from pipeline.media.probe import probe
from pipeline.yaml12 import parse_yaml

CORPUS = "benchmark"


def write_corpus(root: Path, *, demo: Path, folders: list[Path], params: Path) -> list[dict[str, str]]:
    """A workspace with a corpus of the demo's clips and of every file with sound and video in `folders`, and its params.yaml.

    Returns:
        the rows of its table. Clips without a transcript have no words: they are not recognised.
    """
    corpus = root / "data/raw" / CORPUS
    (corpus / "clips").mkdir(parents=True)
    with (demo / "segments.csv").open(encoding="utf-8", newline="") as file:
        rows = [{**row, "file": str(demo / row["media"])} for row in csv.DictReader(file)]
    for folder in folders:
        for path in sorted(folder.iterdir()):
            if _is_talking(path):
                name = path.stem
                rows.append(
                    {
                        "id": name,
                        "speaker": name,
                        "split": "train",
                        "label": "0",
                        "text": "",
                        "file": str(path),
                    }
                )
    for row in rows:
        path = Path(row["file"])
        row["media"] = f"clips/{row['id']}{path.suffix}"
        shutil.copyfile(path, corpus / row["media"])
    columns = ["id", "media", "speaker", "split", "label", "text"]
    with (corpus / "segments.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    write_facts(corpus)
    sections = parse_yaml(params.read_text(encoding="utf-8"))
    sections["corpus"]["name"] = CORPUS
    sections["words"]["recogniser"] = "none"
    (root / "params.yaml").write_text(yaml.safe_dump(sections), encoding="utf-8")
    return rows


def _is_talking(path: Path) -> bool:
    try:
        info = probe(path)
    except PipelineError:
        return False
    return info.has_audio and info.has_video


def repeat(source: Path, target: Path, *, duration_s: float) -> None:
    """Write a recording that repeats `source`, its packets as they are, until it is so long."""
    with av.open(str(target), "w") as out:
        with av.open(str(source)) as first:
            streams = {stream.type: stream for stream in first.streams if stream.type in ("audio", "video")}
            length = first.duration / 1e6
            copies = {kind: out.add_stream_from_template(stream) for kind, stream in streams.items()}
        for turn in range(round(duration_s / length + 0.5)):
            with av.open(str(source)) as container:
                wanted = [container.streams.video[0], container.streams.audio[0]]
                for packet in container.demux(wanted):
                    if packet.dts is None:
                        continue
                    offset = round(Fraction(turn * length) / packet.time_base)
                    packet.dts += offset
                    packet.pts = None if packet.pts is None else packet.pts + offset
                    packet.stream = copies[packet.stream.type]
                    out.mux(packet)


def encode_with_one_keyframe(source: Path, target: Path, *, duration_s: float) -> None:
    """Write the pictures of `source`, again and again, as H.264 with a keyframe at its start only."""
    with av.open(str(source)) as container:
        rate: Any = container.streams.video[0].average_rate
        pictures = [frame.reformat(320, 240, "yuv420p") for frame in container.decode(video=0)]
    with av.open(str(target), "w") as out:
        video = out.add_stream("libx264", rate=rate, width=320, height=240, pix_fmt="yuv420p")
        video.options = {"preset": "ultrafast", "x264-params": "keyint=infinite:scenecut=0:bframes=2"}
        for number in range(round(duration_s * rate)):
            picture = pictures[number % len(pictures)]
            picture.pts, picture.time_base, picture.pict_type = number, 1 / Fraction(rate), 0
            out.mux(video.encode(picture))
        out.mux(video.encode(None))
