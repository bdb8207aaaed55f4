"""Names that look alike and are not: what is compared letter by letter has to be told apart by eye."""

import sys
import unicodedata
from collections.abc import Mapping, Sequence

from pipeline.artifacts.corpus.segments import Split
from pipeline.corpus.candidates import Candidate
from pipeline.errors import PipelineError

# Files are compared by the file system.
_COMPARED = ("id", "speaker", "video", "rater")
# Of the characters without a shape, those that words of Persian and of India are written with.
_JOINERS = "\u200c\u200d"


def refuse_unseen(candidate: Candidate) -> None:
    """Refuse names with a character that nobody sees, or that moves what a terminal or a page shows of the others.

    Raises:
        PipelineError: a control character, a line end, a mark of direction or a space without width stands in a name.
    """
    for kind in (*_COMPARED, "media"):
        name = getattr(candidate, kind) or ""
        if name.isprintable():
            continue
        for character in name:
            if not (
                character.isprintable() or character in _JOINERS or unicodedata.category(character) == "Zs"
            ):
                called = unicodedata.name(character, f"the control character U+{ord(character):04X}")
                raise PipelineError(
                    f"{candidate.place}: the {kind} {name!r} holds a character that nobody sees ({called}); remove it"
                )


def refuse_two_forms(candidates: Sequence[Candidate]) -> None:
    """Refuse speakers and the like of which one is written in two ways that look the same: they would count as two.

    Raises:
        PipelineError: two names are the same but for Unicode's normal form or for the width of a space.
    """
    for kind in _COMPARED:
        seen: dict[str, tuple[str, str]] = {}
        for candidate in candidates:
            name = getattr(candidate, kind)
            if not name:
                continue
            form = " ".join(unicodedata.normalize("NFC", name).split())
            first, place = seen.setdefault(form, (name, candidate.place))
            if first != name:
                raise PipelineError(
                    f"{candidate.place}: the {kind} {name!a} and {first!a} (at {place}) look the same and are written in "
                    "different characters; write them in the same"
                )


def alike_speakers(candidates: Sequence[Candidate], splits: Mapping[str, Split]) -> list[str]:
    """A sentence for each speaker who is in two splits under names that differ in letter case, width, blanks and hyphens alone.

    These may be two people, so nothing is refused; two videos may well have such names.
    """
    first: dict[str, Candidate] = {}
    found: dict[str, str] = {}
    for candidate in candidates:
        if not candidate.speaker or candidate.id not in splits:
            continue
        plain = unicodedata.normalize("NFKC", candidate.speaker).casefold()
        form = " ".join(plain.replace("_", " ").replace("-", " ").split())
        other = first.setdefault(form, candidate)
        if other.speaker != candidate.speaker and splits[other.id] != splits[candidate.id]:
            found.setdefault(
                form,
                f"the speakers {other.speaker!r} ({splits[other.id]}) and {candidate.speaker!r} ({splits[candidate.id]}) differ in how "
                "they are written alone",
            )
    return list(found.values())


ONE_SPEAKER = (
    "If they are one person, a model knows the speaker of test from train: write the name in one way"
)
"""What to do about `alike_speakers`."""


def say_alike_speakers(candidates: Sequence[Candidate], splits: Mapping[str, Split]) -> None:
    """Say on standard error which speakers may be in two splits under two names; see `alike_speakers`."""
    alike = alike_speakers(candidates, splits)
    if alike:
        more = f"; and {len(alike) - 1} more" if len(alike) > 1 else ""
        sys.stderr.write(f"\n{alike[0]}{more}. {ONE_SPEAKER}\n")
