"""IEMOCAP as `IEMOCAP_full_release` unpacks: evaluations and transcripts by dialogue, in five sessions of two actors."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.artifacts.corpus.segments import Split
from pipeline.corpus.candidates import Candidate
from pipeline.corpus.cells import number, spoken
from pipeline.corpus.media_index import MediaFolder, is_folder
from pipeline.corpus.tables import read_text_file
from pipeline.errors import PipelineError
from pipeline.storage.left_behind import is_left_out

FOUR = ("angry", "happy", "sad", "neutral")
SIX = ("happy", "sad", "neutral", "angry", "excited", "frustrated")
# With four classes, excitement counts as happiness.
_OF_FOUR = {"ang": 0, "hap": 1, "exc": 1, "sad": 2, "neu": 3}
_OF_SIX = {"hap": 0, "sad": 1, "neu": 2, "ang": 3, "exc": 4, "fru": 5}
_DIMENSIONS = ("valence", "activation", "dominance")
_HEADER = re.compile(r"\[([0-9.]+) - ([0-9.]+)\]\t(\S+)\t(\w+)\t\[([^\]]*)\]\s*")
_SPOKEN = re.compile(r"(Ses\S+) \[[0-9.]+-[0-9.]+\]:(.*)")
_SPLITS: Mapping[int, Split] = {1: "train", 2: "train", 3: "train", 4: "valid", 5: "test"}
_ENCODINGS = ("utf-8-sig", "cp1252", "latin-1")


def read_iemocap(folder: Path) -> list[Candidate]:
    """Read the utterances of `Session*/dialog/EmoEvaluation/*.txt`.

    The label is one of four classes, `six` one of six; `valence`, `activation` and `dominance` go from 1 to 5. An utterance of
    another emotion has no label of the classes and is used where a label is chosen that it has. Its recording is the whole dialogue
    `dialog/avi/DivX/*.avi`, which shows both actors, else `sentences/wav/*/*.wav`.

    Raises:
        PipelineError: there are no evaluations, or a line of them is damaged.
    """
    root = next(
        (root for root in (folder, folder / "IEMOCAP_full_release") if (root / "Session1").is_dir()), None
    )
    files = [] if root is None else sorted(root.glob("Session[1-5]/dialog/EmoEvaluation/Ses*.txt"))
    candidates = [
        candidate for path in files if not is_left_out(path.name) for candidate in _dialogue(folder, path)
    ]
    if not candidates:
        raise PipelineError(
            f"{folder}: holds no Session1/dialog/EmoEvaluation/Ses01F_impro01.txt and so on; expected IEMOCAP as "
            "IEMOCAP_full_release unpacks"
        )
    return candidates


def _dialogue(folder: Path, path: Path) -> Iterator[Candidate]:
    session = path.parents[2]
    turn = int(session.name.removeprefix("Session"))
    texts = _texts(session / "dialog/transcriptions" / path.name)
    dialogues = MediaFolder(folder, (session / "dialog/avi/DivX").relative_to(folder).as_posix())
    sentences = MediaFolder(folder, (session / "sentences/wav" / path.stem).relative_to(folder).as_posix())
    whole = dialogues.find(path.stem)
    for line, content in enumerate(read_text_file(path, encodings=_ENCODINGS).split("\n"), start=1):
        if not content.startswith("["):
            continue
        place = f"{path}, line {line}"
        found = _HEADER.fullmatch(content)
        if found is None:
            if content.startswith("[START_TIME"):
                continue
            raise PipelineError(
                f"{place}: is {content[:80]!r}; expected [start - end], a turn, an emotion and three numbers"
            )
        start_s, end_s = number(found[1], place, "start"), number(found[2], place, "end")
        id_, emotion = found[3], found[4]
        dimensions = [number(value, place, "a dimension") for value in found[5].split(",")]
        if len(dimensions) != len(_DIMENSIONS):
            raise PipelineError(
                f"{place}: has {len(dimensions)} dimensions; expected {', '.join(_DIMENSIONS)}"
            )
        others = dict(zip(_DIMENSIONS, dimensions, strict=True))
        if emotion in _OF_SIX:
            others["six"] = float(_OF_SIX[emotion])
        media = whole or sentences.find(id_)
        yield Candidate(
            place=place,
            id=id_,
            label=float(_OF_FOUR.get(emotion, 0)),
            media=media or (f"{sentences.below}/{id_}.wav" if is_folder(session / "sentences/wav") else None),
            text=texts.get(id_),
            split=_SPLITS[turn],
            # Ses01F_impro01_M003 is spoken by the man of session 1, whoever wore the markers.
            speaker=f"{id_[:5]}{id_.rpartition('_')[2][:1]}",
            video=path.stem,
            language=None,
            start_s=start_s if media == whole else None,
            end_s=end_s if media == whole else None,
            words=(),
            fold=turn,
            other_labels=others,
            excluded=None
            if emotion in _OF_FOUR
            else f"{place}: the emotion {emotion!r} is none of the four classes",
            unlabelled=emotion not in _OF_FOUR,
        )


def _texts(path: Path) -> Mapping[str, str | None]:
    if not path.is_file():
        return {}
    lines = read_text_file(path, encodings=_ENCODINGS).split("\n")
    found = (_SPOKEN.fullmatch(line.strip()) for line in lines)
    return {match[1]: spoken(match[2]) for match in found if match is not None}
