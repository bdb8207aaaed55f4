"""Damaged tables are read, or refused with one sentence; nothing else happens."""

import os
import random
from pathlib import Path, PurePosixPath

from pipeline.corpus.folder import read_folder
from pipeline.corpus.inspection import Inspected
from pipeline.corpus.manifest import build_manifest, check_table, media_files
from pipeline.corpus.splits import split_candidates
from pipeline.errors import PipelineError
from tests.tasks import MOSI

SEED = int(os.environ.get("GRCF_FUZZ_SEED", "1"))
N_TABLES = 150

SPLITS = ["train"] * 6 + ["valid"] * 2 + ["test"] * 2
TABLE = "id,media,speaker,split,label,text,start_s,end_s\n" + "".join(
    f's{k},a{k}.mp4,p{k},{split},{k / 4 - 1},"Some, words é",0,{k + 1}\n' for k, split in enumerate(SPLITS)
)
WORDS = "id,word,start_s,end_s\n" + "".join(f"s{k},some,0,0.5\ns{k},words,0.5,1\n" for k in range(10))
PUT_IN = [
    b'"', b",", b"\n", b"\r", b"\0", b"nan", b"inf", b"-inf", b"1e999", b"1e308", b"\xff", b"../..",
    b"\xef\xbb\xbf", "\u2028".encode(),
]  # fmt: skip


def damaged(content: bytes, draw: random.Random) -> bytes:
    for _ in range(draw.randint(1, 5)):
        place = draw.randrange(len(content) + 1)
        before, after = content[:place], content[place:]
        content = draw.choice(
            [
                before + draw.randbytes(1) + after[1:],
                before + draw.choice(PUT_IN) + after[draw.randint(0, 9) :],
                before + after[draw.randint(1, 30) :],
                before + after[: draw.randint(1, 60)] + after,
                before,
            ]
        )
    return content


def outcome(folder: Path) -> str:
    try:
        candidates = read_folder(folder)
        check_table(candidates, task=MOSI)
        build_manifest(
            candidates,
            split_candidates(candidates, valid_share=0.2, test_share=0.2, split_seed=1),
            folder=PurePosixPath("data/raw/corpus"),
            inspected={name: Inspected(None, None, None) for name in media_files(candidates)},
            language="en",
            max_rejected_share=1.0,
        )
    except PipelineError as error:
        return str(error)
    return "read"


def test_damaged_tables(tmp_path):
    draw = random.Random(SEED)
    outcomes = set()
    for _ in range(N_TABLES):
        table, words = TABLE.encode(), WORDS.encode()
        if draw.random() < 0.7:
            table = damaged(table, draw)
        else:
            words = damaged(words, draw)
        (tmp_path / "segments.csv").write_bytes(table)
        (tmp_path / "words.csv").write_bytes(words)
        sentence = outcome(tmp_path)
        assert "\n" not in sentence
        outcomes.add(sentence)
    assert "read" in outcomes
    assert len(outcomes) > N_TABLES / 10
