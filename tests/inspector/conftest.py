from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.inspector.inputs import InspectorInputs, read_inputs
from pipeline.inspector.page import build_page
from stages import report
from tests.inspector.runs import Run, write_run


@pytest.fixture
def read_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., InspectorInputs]:
    """Writes a run that differs from the ordinary one in some fields, enters its folder and reads it."""

    def read(**fields: Any) -> InspectorInputs:
        write_run(tmp_path, Run(**fields))
        monkeypatch.chdir(tmp_path)
        return read_inputs(report.INSPECTED, parameters=report.settled_parameters())

    return read


@pytest.fixture
def page_of(read_run: Callable[..., InspectorInputs]) -> Callable[..., dict[str, Any]]:
    """The page of such a run."""
    return lambda with_text=True, **fields: build_page(read_run(**fields), with_text=with_text, root="..")
