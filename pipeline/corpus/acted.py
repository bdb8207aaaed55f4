"""Corpora of actors whose file names say everything: CREMA-D and RAVDESS."""

import re
from collections.abc import Iterable
from pathlib import Path

from pipeline.corpus.candidates import Candidate
from pipeline.corpus.media_index import first_file, recordings_below
from pipeline.corpus.tables import read_rows
from pipeline.errors import PipelineError

CREMAD_EMOTIONS = ("neutral", "anger", "disgust", "fear", "happiness", "sadness")
RAVDESS_EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")

_CREMAD_NAME = re.compile(r"(1[0-9]{3})_([A-Z]{3})_(ANG|DIS|FEA|HAP|NEU|SAD)_(XX|X|LO|MD|HI)")
_CREMAD_CODES = {"NEU": 0, "ANG": 1, "DIS": 2, "FEA": 3, "HAP": 4, "SAD": 5}
_CREMAD_VOTES = {code[0]: number for code, number in _CREMAD_CODES.items()}
_LEVELS = {"LO": 1.0, "MD": 2.0, "HI": 3.0}
_SENTENCES = {
    "IEO": "It's eleven o'clock",
    "TIE": "That is exactly what happened",
    "IOM": "I'm on my way to the meeting",
    "IWW": "I wonder what this is about",
    "TAI": "The airplane is almost full",
    "MTI": "Maybe tomorrow it will be cold",
    "IWL": "I would like a new alarm clock",
    "ITH": "I think I have a doctor's appointment",
    "DFA": "Don't forget a jacket",
    "ITS": "I think I've seen this before",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}
_SUMMARY = ("processedResults/summaryTable.csv", "summaryTable.csv")
_VOTES = {"VoiceVote": "voice", "FaceVote": "face", "MultiModalVote": "perceived"}

# Modality, channel, emotion, intensity, statement, repetition, actor.
_RAVDESS_NAME = re.compile(r"(0[1-3])-(0[12])-(0[1-8])-(0[12])-(0[12])-(0[12])-([0-9]{2})")
# Picture and sound before sound alone before pictures alone.
_MODALITIES = ("01", "03", "02")
_STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}


def read_cremad(folder: Path) -> list[Candidate]:
    """Read CREMA-D: `VideoFlash/*.flv`, else `AudioWAV/*.wav` or what they were converted to.

    The label is the emotion that was acted. `intensity` (1 to 3) is a further label of the clips that have one; `perceived`, `voice`
    and `face` are the classes that most raters voted for, where `summaryTable.csv` is there and they agreed on one.

    Raises:
        PipelineError: the folder holds no clip of CREMA-D, or its table of votes is another.
    """
    found = _by_name(folder, _CREMAD_NAME, ("VideoFlash", "VideoMP4", "Video", "AudioWAV", "AudioMP3"))
    if not found:
        raise PipelineError(
            f"{folder}: holds no clip of CREMA-D; expected VideoFlash/1001_DFA_ANG_XX.flv or AudioWAV/1001_DFA_ANG_XX.wav"
        )
    votes = _votes(folder)
    candidates = []
    for name, media in found.items():
        parts = _CREMAD_NAME.fullmatch(name)
        assert parts is not None
        actor, sentence, emotion, level = parts.groups()
        others = dict(votes.get(name, {}))
        if level in _LEVELS:
            others["intensity"] = _LEVELS[level]
        candidates.append(
            _candidate(
                folder,
                name,
                media,
                _CREMAD_CODES[emotion],
                f"actor {actor}",
                _SENTENCES.get(sentence),
                others,
            )
        )
    return candidates


def read_ravdess(folder: Path) -> list[Candidate]:
    """Read RAVDESS: `Actor_01/01-01-06-01-02-01-12.mp4`, in folders of any names; what is sung is left out.

    A performance is there up to three times: with picture and sound, sound alone, pictures alone. The first of these is taken.
    `intensity` (0 normal, 1 strong) is a further label.

    Raises:
        PipelineError: the folder holds no clip of RAVDESS.
    """
    found = _by_name(folder, _RAVDESS_NAME, ())
    if not found:
        raise PipelineError(f"{folder}: holds no clip of RAVDESS; expected Actor_01/01-01-06-01-02-01-12.mp4")
    performances: dict[str, tuple[str, str]] = {}
    for name in sorted(found, key=lambda name: _MODALITIES.index(name[:2])):
        performances.setdefault(name[3:], (name, found[name]))
    candidates = []
    for key, (name, media) in sorted(performances.items()):
        channel, emotion, intensity, statement, _, actor = key.split("-")
        others = {"intensity": float(intensity == "02")}
        excluded = f"{folder / media}: is sung, not spoken" if channel == "02" else None
        candidates.append(
            _candidate(
                folder,
                name,
                media,
                int(emotion) - 1,
                f"actor {actor}",
                _STATEMENTS[statement],
                others,
                excluded,
            )
        )
    return candidates


def _by_name(folder: Path, pattern: re.Pattern[str], preferred: Iterable[str]) -> dict[str, str]:
    """Recordings whose names fit, by name without suffix: those in the first of the preferred folders that has one."""
    rank = {name: position for position, name in enumerate(preferred)}
    found: dict[str, list[Path]] = {}
    for path in recordings_below(folder):
        if pattern.fullmatch(path.stem):
            found.setdefault(path.stem, []).append(path.relative_to(folder))

    def order(path: Path) -> tuple[int, str]:
        return min((rank.get(part, len(rank)) for part in path.parts), default=0), path.as_posix()

    return {name: min(found[name], key=order).as_posix() for name in sorted(found)}


def _votes(folder: Path) -> dict[str, dict[str, float]]:
    table = first_file(folder, *_SUMMARY)
    if table is None:
        return {}
    votes: dict[str, dict[str, float]] = {}
    for place, row in read_rows(table, required=("FileName", *_VOTES)):
        # A vote such as A:D is a tie.
        clear = {label: row[column] for column, label in _VOTES.items() if ":" not in row[column]}
        strange = [vote for vote in clear.values() if vote not in _CREMAD_VOTES]
        if strange:
            raise PipelineError(
                f"{place}: a vote is {strange[0]!r}; expected one of {', '.join(_CREMAD_VOTES)}"
            )
        votes[row["FileName"]] = {label: float(_CREMAD_VOTES[vote]) for label, vote in clear.items()}
    return votes


def _candidate(
    folder: Path,
    name: str,
    media: str,
    label: int,
    actor: str,
    text: str | None,
    others: dict[str, float],
    excluded: str | None = None,
) -> Candidate:
    return Candidate(
        place=str(folder / media),
        id=name,
        label=float(label),
        media=media,
        text=text,
        split=None,
        speaker=actor,
        video=name,
        language=None,
        start_s=None,
        end_s=None,
        words=(),
        other_labels=others,
        excluded=excluded,
    )
