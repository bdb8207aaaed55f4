"""Damage files at random and see what their readers make of them: an answer, a sentence, or a failure."""

import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.execution.pool import Done, Raised, run_in_workers
from tests.fuzz.kinds import Kind

# What turns up where a number, a length, a name or a separator is expected.
_PIECES = [
    b"", b"\0", b"\xff" * 4, b"\xff" * 8, b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"-1", b"nan", b"inf", b"1e999", b"9" * 400, b"[]",
    b"{}", b"null", b"\n", b"\r\n", b'"', b",", b";", b"../..", b"\xc3\x28", b"\xef\xbb\xbf", b"&a [*a,*a]", b"=1+1", b"]" * 200,
]  # fmt: skip


def damaged(content: bytes, rng: random.Random) -> bytes:
    """The same bytes with one to five faults: flipped, put in, taken out, doubled, moved, cut."""
    for _ in range(rng.randint(1, 5)):
        place = rng.randrange(len(content) + 1)
        before, after = content[:place], content[place:]
        content = rng.choice(
            [
                before + bytes(byte ^ (1 << rng.randrange(8)) for byte in after[:1]) + after[1:],
                before + rng.randbytes(rng.randint(1, 4)) + after[rng.randint(0, 4) :],
                before + rng.choice(_PIECES) + after[rng.randint(0, 8) :],
                before + after[rng.randint(1, 40) :],
                before + after[: rng.randint(1, 80)] + after,
                after + before if rng.random() < 0.1 else before + after[::-1][:8] + after[8:],
                before if rng.random() < 0.3 else content,
            ]
        )
    return content


@dataclass(frozen=True)
class _Reading:
    """Has a file of a kind read, in this process or in a worker."""

    name: str
    read: Callable[[Path], object]

    def __call__(self, content: bytes) -> tuple[str, Raised | None]:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / self.name).write_bytes(content)
            try:
                self.read(Path(folder))
                return "read", None
            except PipelineError as error:
                one_line = "\n" not in str(error) and len(str(error)) < 2000
                return ("refused", None) if one_line else ("failed", Raised.caught(error))
            except Exception as error:
                return "failed", Raised.caught(error)


def outcomes(kind: Kind, rng: random.Random, n: int) -> Iterator[tuple[str, bytes, Raised | None]]:
    """`read`, `refused`, `crashed` or `failed` for each of n damaged files, with its bytes and what went wrong.

    `crashed` is a library that ended its process, which is a process of its own: the file is refused by a sentence then.
    """
    contents = {number: damaged(kind.whole, rng) for number in range(n)}
    reading = _Reading(kind.name, kind.read)
    if not kind.own_process:
        for content in contents.values():
            outcome, raised = reading(content)
            yield outcome, content, raised
        return
    for number, answer in run_in_workers(
        reading, contents, n_workers=1, limit_s=lambda content: 60.0, describe=lambda content: kind.name
    ):
        outcome, raised = answer.result if isinstance(answer, Done) else ("crashed", None)
        yield outcome, contents[number], raised


def counted(kind: Kind, rng: random.Random, n: int) -> tuple[Counter[str], list[tuple[bytes, Raised | None]]]:
    """How many of n damaged files were read, refused and failed, and the failures."""
    counts: Counter[str] = Counter()
    failures = []
    for outcome, content, raised in outcomes(kind, rng, n):
        counts[outcome] += 1
        if outcome == "failed":
            failures.append((content, raised))
    return counts, failures
