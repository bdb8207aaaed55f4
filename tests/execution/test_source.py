"""Edited code never meets old results: the digest covers everything that is imported."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.execution.source import import_closure

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("module", ["stages.manifest", "stages.rank", "pipeline.extract.audio.classic"])
def test_the_closure_holds_every_module_that_importing_loads(module):
    code = (
        f"import sys, {module}; "
        "print(*sorted(n for n in sys.modules if n.split('.')[0] in ('pipeline', 'stages')), sep='\\n')"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(run.stdout.split()) <= set(import_closure(module))


def test_the_closure_ends_where_the_imports_end():
    assert not [
        name for name in import_closure("pipeline.extract.audio.classic") if name.startswith("pipeline.grcf")
    ]
    assert "pipeline.params" not in import_closure("pipeline.extract.audio.classic")


def digest_in(folder: Path) -> str:
    code = "from pipeline.execution.source import source_digest; print(source_digest('pipeline.one'))"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    ).stdout


def test_an_edit_anywhere_in_the_closure_changes_the_digest_and_elsewhere_does_not(tmp_path):
    package = tmp_path / "pipeline"
    (package / "execution").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "execution" / "__init__.py").touch()
    source = (ROOT / "pipeline/execution/source.py").read_text()
    (package / "execution" / "source.py").write_text(source)
    (package / "one.py").write_text("def f():\n    from pipeline import two\n")
    (package / "two.py").write_text("import pipeline.three\n")
    (package / "three.py").write_text("x = 1\n")
    (package / "other.py").write_text("x = 1\n")
    before = digest_in(tmp_path)
    assert digest_in(tmp_path) == before
    (package / "other.py").write_text("x = 2\n")
    assert digest_in(tmp_path) == before
    (package / "three.py").write_text("x = 2\n")
    assert digest_in(tmp_path) != before
