"""What has to be alike where keys are made and where work is done: code, libraries, processor."""

import platform
import re
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.execution.source import digest_of

LOCK = Path("requirements.lock")
_SOURCES = ("pipeline", "stages", "plugins")
# Kernels are chosen by these; others make no difference to a bit.
_FLAGS = ("avx", "avx2", "fma", "avx512f", "avx512_bf16", "amx_tile", "asimd", "sve")
_LINE = re.compile(r"^([A-Za-z0-9._-]+)==")


@dataclass(frozen=True)
class Surroundings:
    """Code, libraries and processor of one process.

    Attributes:
        python: version of Python.
        processor: architecture, and the vector instructions by which libraries choose their kernels.
        libraries: version of each library of `requirements.lock`, `absent` where there is none.
        source: SHA-256 over the sources of the pipeline and its stages.
    """

    python: str
    processor: str
    libraries: tuple[tuple[str, str], ...]
    source: str

    @classmethod
    def here(cls) -> "Surroundings":
        """Those of this process, which runs in the root of a repository.

        Raises:
            PipelineError: the folder is no such root.
        """
        if not LOCK.is_file():
            raise PipelineError(
                f"{LOCK.resolve()}: not found; run from the root of the repository, on a file system that all machines share"
            )
        return cls(platform.python_version(), _processor(), _libraries(LOCK.resolve()), _source())

    def difference(self, other: "Surroundings") -> str | None:
        """What differs first, as a clause that names both; None where nothing does."""
        ours, theirs = asdict(self), asdict(other)
        for name in ("source", "python", "processor"):
            if ours[name] != theirs[name]:
                return f"its {name} is {_short(theirs[name])}, and here it is {_short(ours[name])}"
        for (name, mine), (_, its) in zip(self.libraries, other.libraries, strict=True):
            if mine != its:
                return f"its {name} is {its}, and here it is {mine}"
        return None


def _short(value: str) -> str:
    return value[:12] if len(value) == 64 else value


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.machine()
    listed = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    found = set(listed[1].split()) if listed else set()
    return " ".join([platform.machine(), *(flag for flag in _FLAGS if flag in found)])


@lru_cache  # an agent asks for every piece
def _libraries(lock: Path) -> tuple[tuple[str, str], ...]:
    names = [
        match[1] for line in lock.read_text(encoding="utf-8").splitlines() if (match := _LINE.match(line))
    ]
    found = []
    for name in sorted(names, key=str.lower):
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            found.append((name, "absent"))
    return tuple(found)


def _source() -> str:
    return digest_of(
        {path.as_posix(): path for root in _SOURCES for path in sorted(Path(root).rglob("*.py"))}
    )
