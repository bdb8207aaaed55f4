"""What the tests of engines compute: notes on each try, and ways to die."""

import os
import signal
import sys
import time
from pathlib import Path

import psutil

from pipeline.execution.cache import ResultCache, cache_key
from pipeline.execution.executor import map_cached
from pipeline.execution.scheduling import Affinity


def compute(item: int, *, log: Path, behaviour: dict[int, str]) -> bytes:
    """The item as text, after what its behaviour says."""
    with (log / f"item-{item}").open("a") as file:
        file.write(f"{os.getpid()}\n")
    with (log / "forked-from").open("a") as file:
        file.write(f"{os.getppid()}\n")
    match behaviour.get(item):
        case "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hangs":
            time.sleep(600)
        case "raises":
            raise ValueError(f"item {item}")
        case "waits":
            while not (log / "go").exists():
                time.sleep(0.05)
        case "takes its node with it" if not (log / "node").exists():
            (log / "node").touch()
            node = next(p for p in psutil.Process().parents() if "distributed" in " ".join(p.cmdline()))
            node.kill()
            time.sleep(600)
    return str(item).encode()


def place(item: int) -> Affinity:
    """Five neighbours to a recording."""
    return Affinity(item // 5, float(item), 1.0)


def instead(item: int, sentence: str) -> bytes:
    """What stands for a lost item."""
    return f"lost: {sentence}".encode()


class Function:
    """`compute` with its settings; a class of a module, so that agents find it."""

    def __init__(self, log: Path, behaviour: dict[int, str]) -> None:
        self.log, self.behaviour = log, behaviour

    def __call__(self, item: int) -> bytes:
        return compute(item, log=self.log, behaviour=self.behaviour)


def run(
    folder: Path, n_items: int, behaviour: dict[int, str] | None = None, *, limit_s: float = 600.0
) -> list[bytes]:
    """All items through the engine of the environment."""
    log = folder / "log"
    log.mkdir(parents=True, exist_ok=True)
    return list(
        map_cached(
            Function(log, behaviour or {}),
            range(n_items),
            keys=[cache_key(item=item) for item in range(n_items)],
            cache=ResultCache(folder / "cache"),
            encode=bytes,
            decode=bytes,
            title="numbers",
            unit="number",
            n_workers=2,
            limit_s=lambda item: limit_s,
            describe=lambda item: f"number {item}",
            on_loss=instead,
            affinity=place,
        )
    )


def tries(folder: Path, n_items: int) -> list[int]:
    """How often each item was begun."""
    return [len((folder / f"log/item-{item}").read_text().split()) for item in range(n_items)]


if __name__ == "__main__":
    from tests.execution.engines import work

    found = work.run(
        Path(sys.argv[1]), int(sys.argv[2]), {int(sys.argv[3]): "waits"} if len(sys.argv) > 3 else {}
    )
    print(b" ".join(found).decode())
