"""A checkout holds the bytes of the repository, whatever git is told about line ends."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def git(folder: Path, *command: str, lines: str = "") -> list[str]:
    done = subprocess.run(
        ("git", "-c", "core.quotePath=false", *command), cwd=folder, input=lines, capture_output=True, text=True, check=True
    )  # fmt: skip
    return done.stdout.splitlines()


@pytest.mark.parametrize("setting", ["core.autocrlf=true", "core.eol=crlf"])
def test_line_ends_are_not_converted(tmp_path, setting):
    copy = tmp_path / "copy"
    git(tmp_path, "clone", "--quiet", "--no-checkout", "-c", setting, f"file://{ROOT}", str(copy))
    # The attributes as they are here, committed or not.
    (copy / ".git/info/attributes").write_bytes((ROOT / ".gitattributes").read_bytes())
    git(copy, "checkout", "--quiet")
    committed = dict(reversed(line.split(" ", 1)[1].split("\t")) for line in git(copy, "ls-files", "--stage"))
    written = git(copy, "hash-object", "--no-filters", "--stdin-paths", lines="\n".join(committed))
    changed = [
        name
        for (name, entry), found in zip(committed.items(), written, strict=True)
        if entry.split()[0] != found
    ]
    assert len(committed) > 500
    assert changed == []


def test_what_a_file_manager_leaves_in_a_corpus_is_no_change_of_it():
    junk = [
        f"data/raw/demo/{name}"
        for name in (
            ".DS_Store",
            "media/._a.mp4",
            "Thumbs.db",
            "desktop.ini",
            "__MACOSX/a.mp4",
            "@eaDir/a.mp4",
        )
    ]
    command = (sys.executable, "-m", "dvc", "check-ignore", *junk, "data/raw/demo/segments.csv")
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    assert found.splitlines() == junk
