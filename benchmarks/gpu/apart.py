"""A part of the benchmark in a process of its own, with a limit of time; and the machine that it ran on."""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_LONGEST_TAIL = 2000


def run_part(name: str, *, limit_s: float, arguments: list[str]) -> dict[str, Any]:
    """What one part measured, or why it did not."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "part.json"
        command = [sys.executable, "-m", "benchmarks.gpu", *arguments, "--part", name, "--out", str(out)]
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            printed, _ = process.communicate(timeout=limit_s)
            failure = f"ended with status {process.returncode}" if process.returncode else None
        except subprocess.TimeoutExpired:
            # Its workers too: each part has a session of its own.
            os.killpg(process.pid, 9)
            printed, _ = process.communicate()
            failure = f"not done in {limit_s:.0f} s"
        result: dict[str, Any] = {"seconds": round(time.perf_counter() - started, 1)}
        if out.is_file():
            result |= json.loads(out.read_text(encoding="utf-8"))
        elif failure is None:
            failure = "left no result"
        if failure is not None:
            result |= {"failure": failure, "printed": printed[-_LONGEST_TAIL:]}
        return result


def machine(device: str) -> dict[str, Any]:
    """What measured."""
    import torch

    from pipeline.execution.device import device_class
    from pipeline.execution.versions import library_versions

    found: dict[str, Any] = {
        "device": device_class(device),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "libraries": library_versions("torch", "transformers", "numpy"),
    }
    if device == "cuda":
        found |= {
            "memory_mb": torch.cuda.get_device_properties(0).total_memory // 2**20,
            "cuda": torch.version.cuda,
        }
    return found
