import subprocess
import sys

import pytest
import torch

from pipeline.execution.device import best_device, device_class


def test_the_gpu_of_a_mac_is_taken_where_double_precision_is_not_needed(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert (best_device(), best_device(mps=True)) == ("cpu", "mps")
    assert device_class("mps").startswith("mps ")


def test_the_gpu_is_taken_where_there_is_one_and_can_be_hidden():
    assert best_device() == ("cuda" if torch.cuda.is_available() else "cpu")
    hidden = subprocess.run(
        [sys.executable, "-c", "from pipeline.execution.device import best_device; print(best_device())"],
        env={"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert hidden.stdout == "cpu\n"


def test_the_class_of_a_cpu_names_its_instructions():
    assert device_class("cpu").split()[0] == "cpu"
    assert device_class("cpu").endswith(torch.backends.cpu.get_cpu_capability())
    assert device_class() == device_class(best_device())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_class_of_a_gpu_names_its_model():
    assert device_class("cuda") == device_class("cuda:0") == f"cuda {torch.cuda.get_device_name(0)}"
