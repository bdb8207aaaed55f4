"""MELD as its archives unpack: `<part>_sent_emo.csv`, and a clip per utterance in one folder for each part."""

from collections.abc import Mapping
from pathlib import Path

from pipeline.artifacts.corpus.segments import Split
from pipeline.corpus.candidates import Candidate
from pipeline.corpus.cells import shortened, spoken
from pipeline.corpus.media_index import MediaFolder, first_file, first_folder
from pipeline.corpus.tables import read_rows
from pipeline.errors import PipelineError

EMOTIONS = ("neutral", "joy", "sadness", "anger", "surprise", "fear", "disgust")
SENTIMENTS = ("negative", "neutral", "positive")
_COLUMNS = ("Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID")
# Folder of the clips of each part; that of test is called so in the archive.
_PARTS: Mapping[str, tuple[Split, str]] = {
    "train": ("train", "train_splits"),
    "dev": ("valid", "dev_splits_complete"),
    "test": ("test", "output_repeated_splits_test"),
}
_ABOVE = ("", "MELD.Raw/", "data/MELD/", "MELD/")
# Bytes of Windows-1252 that were taken for Latin-1 in the published tables.
_MISREAD = {code: bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)}


def read_meld(folder: Path) -> list[Candidate]:
    """Read the utterances of all three parts; `sentiment` is a label beside the emotion.

    Raises:
        PipelineError: a table is missing or is not that of MELD.
    """
    candidates = []
    for part, (split, clips_folder) in _PARTS.items():
        name = f"{part}_sent_emo.csv"
        table = first_file(
            folder, *(f"{above}{below}{name}" for above in _ABOVE for below in ("", f"{part}/"))
        )
        if table is None:
            raise PipelineError(
                f"{folder}: holds no {name}; expected the three tables of MELD beside the clips"
            )
        below = first_folder(
            folder, *(f"{above}{inner}{clips_folder}" for above in _ABOVE for inner in ("", f"{part}/"))
        )
        clips = None if below is None else MediaFolder(folder, below)
        for place, row in read_rows(table, required=_COLUMNS):
            dialogue, utterance = row["Dialogue_ID"], row["Utterance_ID"]
            stem = f"dia{dialogue}_utt{utterance}"
            candidates.append(
                Candidate(
                    place=place,
                    id=f"{part}_{stem}",
                    label=class_number(row["Emotion"], EMOTIONS, place, "Emotion"),
                    media=None if clips is None else clips.find(stem) or f"{clips.below}/{stem}.mp4",
                    text=spoken(row["Utterance"].translate(_MISREAD)),
                    split=split,
                    speaker=row["Speaker"].translate(_MISREAD) or None,
                    video=f"{part}_dia{dialogue}",
                    language=None,
                    start_s=None,
                    end_s=None,
                    words=(),
                    other_labels={
                        "sentiment": class_number(row["Sentiment"], SENTIMENTS, place, "Sentiment")
                    },
                )
            )
    return candidates


def class_number(name: str, classes: tuple[str, ...], place: str, column: str) -> float:
    """The number of a class that a cell names, in any letter case.

    Raises:
        PipelineError: it names none.
    """
    known = {known.casefold(): number for number, known in enumerate(classes)}
    if name.strip().casefold() not in known:
        raise PipelineError(f"{place}: {column} is {shortened(name)}; expected {', '.join(classes)}")
    return float(known[name.strip().casefold()])
