"""The layout of CH-SIMS and of everything that MMSA reads raw: `label.csv` and `Raw/<video>/<clip>.mp4`.

The columns are those of MMSA-FET's README: video_id, clip_id, text, label, label_T, label_A, label_V, annotation, mode.
"""

from collections.abc import Sequence
from pathlib import Path

from pipeline.corpus.candidates import Candidate
from pipeline.corpus.cells import number, split_named, spoken
from pipeline.corpus.media_index import MediaFolder, first_file, first_folder
from pipeline.corpus.tables import read_rows
from pipeline.errors import PipelineError

LABEL_TABLES = ("label.csv", "labels.csv", "meta.csv", "meta(s).csv")
# The key of a segment in the feature files of the field.
ID = "{video}$_${clip}"
_UNIMODAL = {"label_T": "text", "label_A": "audio", "label_V": "visual"}
_ABSENT = ("", "nan", "none", "null")


def read_sims(folder: Path) -> list[Candidate]:
    """Read CH-SIMS or CH-SIMS v2; Excel saved some copies of their tables in GB 18030.

    Raises:
        PipelineError: the table is missing or is not of this layout.
    """
    table = first_file(folder, *LABEL_TABLES)
    if table is None:
        raise PipelineError(
            f"{folder}: holds none of {', '.join(LABEL_TABLES)}; expected the table of CH-SIMS"
        )
    return read_label_table(table, folder=folder, encodings=("utf-8-sig", "gb18030"))


def read_label_table(
    table: Path, *, folder: Path, encodings: Sequence[str] = ("utf-8-sig",)
) -> list[Candidate]:
    """Read a table of MMSA's form.

    A row without a label, as the unsupervised part of CH-SIMS v2 has them, is excluded.

    Args:
        table: the file.
        folder: the corpus folder; media are in `Raw/<video_id>/<clip_id>` of any suffix. Without `Raw`, segments have
            no media.
        encodings: encodings that the file may be written in.

    Raises:
        PipelineError: the table is not of this layout, or names a split that nobody knows.
    """
    raw = first_folder(folder, "Raw", "raw")
    videos: dict[str, MediaFolder] = {}
    candidates = []
    for place, row in read_rows(
        table, required=("video_id", "clip_id", "text", "label"), encodings=encodings
    ):
        video, clip, mode = row["video_id"], row["clip_id"], row.get("mode", "")
        media = None
        if raw is not None:
            clips = videos.setdefault(video, MediaFolder(folder, f"{raw}/{video}"))
            media = clips.find(clip) or f"{clips.below}/{clip}.mp4"
        labelled = row["label"].lower() not in _ABSENT
        candidates.append(
            Candidate(
                place=place,
                id=ID.format(video=video, clip=clip),
                label=number(row["label"], place, "label") if labelled else 0.0,
                media=media,
                text=spoken(row["text"]),
                split=None if mode.lower() in _ABSENT else split_named(mode, place, "mode"),
                speaker=None,
                video=video,
                language=None,
                start_s=None,
                end_s=None,
                words=(),
                other_labels={
                    name: number(row[column], place, column)
                    for column, name in _UNIMODAL.items()
                    if row.get(column, "").lower() not in _ABSENT
                },
                excluded=None if labelled else f"{place}: has no label",
                unlabelled=not labelled,
            )
        )
    if not candidates:
        raise PipelineError(f"{table}: has no rows; expected a row per clip")
    return candidates
