import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.pages.blocks import Document
from pipeline.reporting.inputs import ReportInputs
from pipeline.reporting.report import build_report
from stages import report
from tests.reporting.runs import Run, write_run


@pytest.fixture(scope="session")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an ordinary run: three seeds, three modalities."""
    folder = tmp_path_factory.mktemp("run")
    write_run(folder, Run())
    return folder


@pytest.fixture(scope="session")
def inputs(ordinary: Path) -> ReportInputs:
    """What the ordinary run left."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ordinary)
        return report.read_inputs()


@pytest.fixture(scope="session")
def document(inputs: ReportInputs) -> Document:
    """The report of the ordinary run."""
    return build_report(inputs)


@pytest.fixture
def read_run(ordinary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ReportInputs]:
    """Writes a run that differs from the ordinary one in some fields, enters its folder and reads it.

    Such a run has text alone unless told otherwise: most of the time goes into the intervals of the modalities.
    """

    def read(**fields: Any) -> ReportInputs:
        if fields:
            write_run(tmp_path, Run(**({"modalities": ("text",)} | fields)))
        else:
            shutil.copytree(ordinary, tmp_path, dirs_exist_ok=True)
        monkeypatch.chdir(tmp_path)
        return report.read_inputs()

    return read
