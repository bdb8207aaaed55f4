"""Where addresses are limited figures are drawn or refused by a sentence, and no process dies."""

import subprocess
import sys

import pytest

DRAWING = """
import resource, sys
from pipeline.pages.blocks import Figure
from pipeline.pages.vega import file_svg
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]), resource.RLIM_INFINITY))
spec = {"data": {"values": [{"x": 1}]}, "mark": "point", "encoding": {"x": {"field": "x"}}}
print(file_svg(Figure(name="f", spec=spec, caption="")))
"""


@pytest.mark.parametrize("limit", [3 << 30, 20 << 30])
def test_too_few_addresses_are_a_sentence(limit):
    done = subprocess.run(
        [sys.executable, "-c", DRAWING, str(limit)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"figures cannot be drawn where `ulimit -v` is {limit >> 10} kB" in done.stderr.splitlines()[-1]


def test_enough_addresses_are_enough():
    done = subprocess.run(
        [sys.executable, "-c", DRAWING, str(200 << 30)], capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("<svg"), done.stderr
