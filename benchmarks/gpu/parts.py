"""The parts of the benchmark of a GPU: what each measures is a JSON object."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from benchmarks.gpu.encoding import agreement, throughput
from benchmarks.gpu.extracting import extraction
from benchmarks.gpu.scale import ROOT, Scale
from benchmarks.gpu.training import finetuning, seeds


def gpu_tests(scale: Scale) -> dict[str, Any]:
    """The tests that need a GPU; a rehearsal collects those of two files, and on a CPU they are skipped."""
    files = sorted(
        str(file.relative_to(ROOT))
        for file in (ROOT / "tests").rglob("test_*.py")
        if re.search(
            r"^@pytest\.mark\.gpu|pytestmark = .*gpu", file.read_text(encoding="utf-8"), re.MULTILINE
        )
    )
    files = files[: scale.of(len(files), 2)]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-m",
            "gpu",
            "-p",
            "no:cacheprovider",
            f"--junitxml={report}",
        ]
        done = subprocess.run([*command, *files], cwd=ROOT, capture_output=True, text=True, check=False)
        suite = next(iter(ElementTree.parse(report).getroot()))
    counted = {what: int(suite.attrib[what]) for what in ("tests", "failures", "errors", "skipped")}
    failed = [case.attrib["name"] for case in suite if {part.tag for part in case} & {"failure", "error"}]
    result = {"files": files, "status": done.returncode, **counted, "failed": failed}
    return result | (
        {"failure": f"tests failed: {', '.join(failed) or done.returncode}"} if done.returncode else {}
    )


PARTS: Mapping[str, tuple[Callable[[Scale], dict[str, Any]], int]] = {
    "tests": (gpu_tests, 90),
    "agreement": (agreement, 40),
    "throughput": (throughput, 120),
    "seeds": (seeds, 70),
    "finetuning": (finetuning, 80),
    "extraction": (extraction, 70),
}
"""Each part and the seconds that it may take: less than eight minutes together."""
