"""Which device computes: found at run time, no parameter, and named wherever bits depend on it."""

import platform
import sys
from pathlib import Path

# Device files of the drivers of NVIDIA (its modules with shared memory and Windows included) and of AMD.
_GPU_FILES = ("nvidia*", "nvhost*", "nvmap", "dxg", "kfd")


def may_have_gpu() -> bool:
    """Whether there may be a GPU that torch can use, found without torch; True where it cannot be ruled out."""
    return sys.platform != "linux" or any(True for name in _GPU_FILES for _ in Path("/dev").glob(name))


def best_device(*, mps: bool = False) -> str:
    """`cuda` where a usable GPU is, else `cpu`; hide the GPU by `CUDA_VISIBLE_DEVICES=` to compute on the CPU.

    Args:
        mps: take the GPU of a Mac too, `mps`, for work that does without double precision, which it lacks.
    """
    if "torch" not in sys.modules and not mps and not may_have_gpu():
        return "cpu"
    import torch  # inside, because most of what imports this module's neighbours needs no torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if mps and torch.backends.mps.is_available() else "cpu"


def device_class(device: str | None = None) -> str:
    """What computes the same bits: the model of the GPU, or the instructions that the CPU's kernels are chosen by.

    Args:
        device: device of torch, `best_device()` by default.

    Returns:
        for example `cuda NVIDIA H200` or `cpu x86_64 AVX512`.
    """
    import torch

    kind, _, index = (device or best_device()).partition(":")
    if kind == "cuda":
        return f"cuda {torch.cuda.get_device_name(int(index or 0))}"
    return f"{kind} {platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
