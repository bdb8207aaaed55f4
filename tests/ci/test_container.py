"""The Dockerfile asks for what is there: the files that it copies, the target that it makes, a Python that the lock is for."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "Dockerfile").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


def test_what_it_copies_is_there_and_not_ignored():
    (copied,) = re.findall(r"^COPY (?!--from)(.*) \./$", TEXT, re.MULTILINE)
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied.split()) == kept
    assert all((ROOT / name).is_file() for name in kept)


def test_the_environment_is_that_of_the_makefile():
    (command,) = re.findall(r"make VENV=(\S+) (\S+)$", TEXT, re.MULTILINE)
    folder, target = command
    rule = target.replace(folder, "$(VENV)")
    # Made of what is copied alone: a further file in the rule would be missing in the image.
    (needs,) = re.findall(rf"^{re.escape(rule)}: (.*)$", MAKEFILE, re.MULTILINE)
    assert needs == "requirements.lock"
    assert f"COPY --from=environment {folder} {folder}" in TEXT
    assert f"PATH={folder}/bin:$PATH" in TEXT


def test_its_python_is_one_that_the_makefile_takes():
    versions = set(re.findall(r"^FROM python:(\d+)\.(\d+)-", TEXT, re.MULTILINE))
    assert len(versions) == 1
    assert f"({', '.join(versions.pop())})" in MAKEFILE
