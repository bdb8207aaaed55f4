"""What the stages of the loop import: a budget of modules, which is the same on every machine, not of seconds."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.execution.device import may_have_gpu
from stages import preloading_entry

ROOT = Path(__file__).parent.parent.parent
HEAVY = {
    "torch",
    "transformers",
    "pandas",
    "scipy",
    "sklearn",
    "matplotlib",
    "librosa",
    "numba",
    "cv2",
    "mediapipe",
    "vl_convert",
}
LOADED = "import sys, {module}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"


def printed_by(code: str) -> str:
    """What a fresh interpreter prints in the root of the repository."""
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("stages.rank", set()),
        ("stages.calibrate", set()),
        ("stages.pointwise", set()),
        ("stages.report", set()),
        ("stages.evaluate", set()),
    ],
)
def test_a_stage_imports_no_heavy_module_that_it_can_do_without(module, allowed):
    printed = printed_by(LOADED.format(module=module)).split()
    assert "pydantic" in printed
    assert HEAVY & set(printed) <= allowed


@pytest.mark.skipif(may_have_gpu(), reason="with a GPU the stage itself trains")
def test_the_class_of_the_device_is_found_without_loading_torch_here():
    code = (
        "import sys; from pipeline.execution.seeds import environment; found = environment(); "
        "print(found['device'], 'torch' in sys.modules)"
    )
    printed = printed_by(code)
    assert printed.startswith("cpu ")
    assert printed.endswith(" False\n")


@pytest.mark.parametrize(
    ("stage", "modules"),
    [*({**preloading_entry._TRAINING, **preloading_entry._MEASURING, **preloading_entry._DRAWING}).items()],
)
def test_what_workers_have_from_their_start_is_not_the_stage_that_each_runs_again(stage, modules):
    """Python warns on the terminal of a module that is run and was imported before, once for each worker."""
    code = (
        "import sys; from importlib import import_module; "
        f"[import_module(name) for name in {modules}]; print({stage!r} in sys.modules)"
    )
    printed = printed_by(code)
    assert printed == "False\n"


def test_training_loads_no_compiler():
    code = (
        "import sys, torch; from pipeline.grcf.fit.loop import deterministic; deterministic(); "
        "print(torch.are_deterministic_algorithms_enabled(), 'torch._inductor' in sys.modules)"
    )
    printed = printed_by(code)
    assert printed == "True False\n"
