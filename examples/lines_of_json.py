"""A layout of corpora: one line of JSON per clip in `clips.jsonl`, beside the recordings.

`python -m pipeline import lines_of_json.py:read ~/clips --name clips --language en --label-min -1 --label-max 1`

    {"clip": "a1", "file": "video/a1.mp4", "score": 0.4, "who": "ann", "said": "that was fine"}
"""

import json
from pathlib import Path

from pipeline.corpus.candidates import Candidate
from pipeline.errors import PipelineError


def read(folder: Path) -> list[Candidate]:
    """The clips of a folder; checks of media, labels and splits are the same as for every layout.

    Raises:
        PipelineError: there is no such file, or a line is none of these.
    """
    table = folder / "clips.jsonl"
    if not table.is_file():
        raise PipelineError(f"{table}: not found; expected a line of JSON per clip")
    rows = []
    for number, line in enumerate(table.read_text(encoding="utf-8").splitlines(), start=1):
        place = f"{table}, line {number}"
        try:
            clip = json.loads(line)
            rows.append(
                Candidate(
                    place=place,
                    id=clip["clip"],
                    label=float(clip["score"]),
                    media=clip["file"],
                    text=clip.get("said"),
                    split=None,  # drawn by speaker
                    speaker=clip["who"],
                    video=clip["file"],
                    language=None,
                    start_s=None,
                    end_s=None,
                    words=(),
                )
            )
        except (ValueError, KeyError, TypeError) as error:
            raise PipelineError(
                f"{place}: {error}; expected an object with clip, file, score and who"
            ) from error
    return rows
