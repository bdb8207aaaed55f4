"""The measure counts what is easily missed: processes that nobody waits for, and the memory of the largest of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("resource")

from benchmarks.extracting.processes import measure

# A grandchild that its parent does not wait for and that works for half a second.
ORPHAN = """
import os, time
if os.fork() == 0:
    if os.fork() == 0:
        until = time.process_time() + 0.5
        while time.process_time() < until: pass
        time.sleep(0.1)
        os._exit(0)
    os._exit(0)
os.wait()
time.sleep(0.1)
print("done")
"""


def run(code: str):
    return measure([sys.executable, "-c", code], folder=Path(), environment=os.environ)


def test_processor_time_of_orphans_counts():
    cost = run(ORPHAN)

    assert cost.processor_s >= 0.5
    assert cost.output == "done\n"


def test_processes_that_were_there_before_are_not_waited_for():
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as other:
        try:
            assert run("print('done')").output == "done\n"
            assert other.poll() is None
        finally:
            other.kill()


def test_memory_is_told_apart_by_process(tmp_path):
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; x = bytearray(b\"1\") * 150_000_000; time.sleep(1.5)'])"
    cost = run(code)

    assert 140 < cost.worker_rss_mb < 250
    assert cost.main_rss_mb < 50


def test_a_failure_says_what_the_command_said():
    with pytest.raises(RuntimeError, match="no such thing"):
        run("raise SystemExit('no such thing')")
