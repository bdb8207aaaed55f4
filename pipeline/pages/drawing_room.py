"""Whether figures can be drawn here: Vega's engine reserves tens of GB of addresses, and ends the whole process where it gets none."""

import json
import resource
import subprocess
import sys
from functools import cache
from pathlib import Path

from pipeline.errors import PipelineError

_POINT = {"data": {"values": [{"x": 1}]}, "mark": "point", "encoding": {"x": {"field": "x"}}}
_TRIAL = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]), int(sys.argv[1])))
import vl_convert
vl_convert.vegalite_to_svg(sys.argv[2], vl_version=sys.argv[3])
"""


@cache
def require_room(version: str) -> None:
    """Draw a point in another process where addresses are limited, which takes a second; nothing where they are not.

    Args:
        version: version of Vega-Lite.

    Raises:
        PipelineError: that process could not.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return
    left = max(0, limit - _taken())
    done = subprocess.run(
        [sys.executable, "-c", _TRIAL, str(left), json.dumps(_POINT), version],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise PipelineError(
            f"figures cannot be drawn where `ulimit -v` is {limit // 1024} kB: the engine that draws them reserves some 70 GB of addresses, "
            "though it takes little memory; run `ulimit -v unlimited`, or limit memory by other means, then the same command again"
        )


def _taken() -> int:
    """Bytes of addresses that this process has taken, 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return 0
