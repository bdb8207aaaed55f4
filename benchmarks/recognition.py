"""Words recognised in real speech: `python -m benchmarks.recognition --clips FOLDER [--whisper MODEL]`.

The stage's own function recognises public recordings of which the words are known: sentences of the GRID corpus, which their file
names spell out, and one speech. What is counted is the share of wrong words (substituted, left out and added, over those that were
said), and, where an alignment file gives true times, how far the onsets and ends of the right words are from them. Only totals are
written; the recordings are not ours to give.
"""

import argparse
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.artifacts.corpus.words import SegmentWords
from pipeline.artifacts.formats.files import write_text
from pipeline.extract.words.locate import WordSettings, locate_words
from pipeline.extract.words.pronunciation import number_words
from pipeline.prediction.recording import Recording, as_segment

RESULTS = Path(__file__).parent / "results/recognition.json"
ALIGN_UNITS_PER_S = 25_000
SPEECHES = {
    "jfk.flac": "And so my fellow Americans ask not what your country can do for you ask what you can do for your country"
}
# The six letters of a GRID file name, each with its words.
GRID = (
    {"b": "bin", "l": "lay", "p": "place", "s": "set"},
    {"b": "blue", "g": "green", "r": "red", "w": "white"},
    {"a": "at", "b": "by", "i": "in", "w": "with"},
    {letter: letter for letter in "abcdefghijklmnopqrstuvwxyz"},
    dict(
        zip(
            "123456789z",
            ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "zero"],
            strict=True,
        )
    ),
    {"a": "again", "n": "now", "p": "please", "s": "soon"},
)


@dataclass(frozen=True)
class Spoken:
    """A recording, what is said in it, and when, where that is known."""

    media: Path
    words: Sequence[str]
    times_s: Sequence[tuple[float, float]] | None


def recordings(folder: Path) -> list[Spoken]:
    """The recordings of a folder whose words are known."""
    found = [
        Spoken(folder / name, text.lower().split(), None)
        for name, text in SPEECHES.items()
        if (folder / name).is_file()
    ]
    for media in sorted(folder.rglob("*.mpg")):
        code = media.stem[-6:]
        words = [choices.get(letter) for letter, choices in zip(code, GRID, strict=True)]
        if None in words:
            continue
        times = media.with_name(f"{code}.align")
        found.append(Spoken(media, [str(word) for word in words], _true_times(times)))
    return found


def _true_times(file: Path) -> list[tuple[float, float]] | None:
    if not file.is_file():
        return None
    rows = [line.split() for line in file.read_text(encoding="utf-8").splitlines()]
    return [
        (int(start) / ALIGN_UNITS_PER_S, int(end) / ALIGN_UNITS_PER_S)
        for start, end, word in rows
        if word != "sil"
    ]


def normalised(found: SegmentWords) -> list[tuple[str, float, float]]:
    """Recognised words in lower case, digits spelled out and letters apart from digits, as GRID writes them."""
    parts = []
    for word in found.words:
        pieces = re.findall(r"[0-9]+|[^0-9]+", word.text.lower())
        spelled = [
            spelling for piece in pieces for spelling in (number_words(piece) if piece.isdigit() else [piece])
        ]
        edges_s = np.linspace(word.start_s, word.end_s, len(spelled) + 1)
        parts += [(text, float(edges_s[i]), float(edges_s[i + 1])) for i, text in enumerate(spelled)]
    return parts


def matched(spoken: Sequence[str], heard: Sequence[str]) -> tuple[int, list[tuple[int, int]]]:
    """The least number of words substituted, left out or added, and the pairs of positions that are right."""
    cost = np.zeros((len(spoken) + 1, len(heard) + 1), int)
    cost[:, 0], cost[0] = np.arange(len(spoken) + 1), np.arange(len(heard) + 1)
    for i, word in enumerate(spoken, 1):
        for j, other in enumerate(heard, 1):
            cost[i, j] = min(cost[i - 1, j - 1] + (word != other), cost[i - 1, j] + 1, cost[i, j - 1] + 1)
    pairs, i, j = [], len(spoken), len(heard)
    while i and j:
        if cost[i, j] == cost[i - 1, j - 1] + (spoken[i - 1] != heard[j - 1]):
            i, j = i - 1, j - 1
            if spoken[i] == heard[j]:
                pairs.append((i, j))
        elif cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1
    return int(cost[-1, -1]), pairs[::-1]


def measure(spoken: Sequence[Spoken], settings: WordSettings) -> dict[str, Any]:
    """Wrong words and errors of times over some recordings."""
    n_wrong = n_said = n_without = 0
    onsets_ms: list[float] = []
    ends_ms: list[float] = []
    for recording in spoken:
        segment = as_segment(Recording(media=recording.media), language="en")
        heard = normalised(locate_words(segment, settings))
        wrong, pairs = matched(recording.words, [word for word, _, _ in heard])
        n_wrong, n_said, n_without = n_wrong + wrong, n_said + len(recording.words), n_without + (not heard)
        for i, j in pairs if recording.times_s else ():
            assert recording.times_s is not None
            onsets_ms.append(1000 * abs(heard[j][1] - recording.times_s[i][0]))
            ends_ms.append(1000 * abs(heard[j][2] - recording.times_s[i][1]))
    timed = {"mean_onset_error_ms": onsets_ms, "mean_end_error_ms": ends_ms}
    return {
        "n_recordings": len(spoken),
        "n_without_words": n_without,
        "n_words": n_said,
        "wrong_words_share": round(n_wrong / n_said, 3),
        **{name: round(float(np.mean(own)), 1) for name, own in timed.items() if own},
        "n_words_with_true_times": len(onsets_ms),
    }


def main() -> None:
    """Measure and write the totals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--clips", metavar="FOLDER", type=Path, required=True, help="jfk.flac and GRID's .mpg files"
    )
    parser.add_argument("--whisper", metavar="MODEL", help="a Whisper model: folder or Hugging Face name")
    arguments = parser.parse_args()
    spoken = recordings(arguments.clips)
    if not spoken:
        parser.error(f"{arguments.clips}: no recording whose words are known")
    kinds = {"speech": [own for own in spoken if own.media.name in SPEECHES]}
    kinds["grid"] = [own for own in spoken if own not in kinds["speech"]]
    found: dict[str, Any] = {
        "libraries": {
            name: version(name) for name in ("pocketsphinx", "silero-vad", "torch", "transformers")
        },
        "whisper": None if arguments.whisper is None else Path(arguments.whisper).name,
    }
    for recogniser in ("pocketsphinx", "whisper") if arguments.whisper else ("pocketsphinx",):
        settings = WordSettings(
            aligner="proportional",
            ctc_model=None,
            ctc_revision="main",
            recogniser=recogniser,
            whisper_model=arguments.whisper if recogniser == "whisper" else None,
            whisper_revision="main",
        )
        found[recogniser] = {kind: measure(own, settings) for kind, own in kinds.items() if own}
    text = json.dumps(found, indent=2) + "\n"
    print(text)
    write_text(RESULTS, text)


if __name__ == "__main__":
    main()
