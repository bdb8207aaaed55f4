"""MER2023: a table `name, discrete, valence` for train and for each test set, and a video per name."""

from pathlib import Path

from pipeline.corpus.candidates import Candidate
from pipeline.corpus.cells import number, spoken
from pipeline.corpus.media_index import MediaFolder, folders_below
from pipeline.corpus.meld import class_number
from pipeline.corpus.tables import read_rows
from pipeline.errors import PipelineError
from pipeline.storage.left_behind import files_below

EMOTIONS = ("neutral", "angry", "happy", "sad", "worried", "surprise")
_TESTS = ("test1", "test2", "test3")
_TRANSCRIPTS = ("label-transcription.csv", "transcription.csv")


def read_mer2023(folder: Path) -> list[Candidate]:
    """Read `train-label.csv` and `test1-label.csv` to `test3-label.csv`, wherever they lie, and transcripts where they are.

    Raises:
        PipelineError: the table of train is missing, or a table is not that of MER2023.
    """
    tables = {path.name: path for path in reversed(files_below(folder, "*-label.csv"))}
    if "train-label.csv" not in tables:
        raise PipelineError(f"{folder}: holds no train-label.csv; expected MER2023 as its archives unpack")
    texts = _texts(folder)
    candidates = []
    for part in ("train", *_TESTS):
        if f"{part}-label.csv" not in tables:
            continue
        clips = _clips(folder, part)
        for place, row in read_rows(tables[f"{part}-label.csv"], required=("name", "discrete")):
            name, valence = row["name"], row.get("valence", "")
            found = next((medium for below in clips if (medium := below.find(name)) is not None), None)
            others = {} if valence in ("", "-", "nan") else {"valence": number(valence, place, "valence")}
            candidates.append(
                Candidate(
                    place=place,
                    id=name,
                    label=class_number(row["discrete"], EMOTIONS, place, "discrete"),
                    media=found or (f"{clips[0].below}/{name}.avi" if clips else None),
                    text=texts.get(name),
                    split="train" if part == "train" else "test",
                    speaker=None,
                    video=name,
                    language=None,
                    start_s=None,
                    end_s=None,
                    words=(),
                    other_labels=others,
                )
            )
    return candidates


def _clips(folder: Path, part: str) -> list[MediaFolder]:
    """Folders that are called as the part, or `video` for all of them as the baseline's code arranges them."""
    names = [path for path in folders_below(folder) if path.name in (part, "video")]
    return [MediaFolder(folder, path.relative_to(folder).as_posix()) for path in names]


def _texts(folder: Path) -> dict[str, str | None]:
    found = files_below(folder, *_TRANSCRIPTS)
    if not found:
        return {}
    rows = read_rows(found[0], required=("name",))
    return {row["name"]: spoken(row.get("chinese") or row.get("sentence") or "") for _, row in rows}
