"""Transcripts: missing ones, another script than the language is written in, the same sentence in two splits."""

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence

from pipeline.corpus.candidates import Candidate
from pipeline.intake.duplicates import near_duplicates
from pipeline.intake.problems import Level, Problem, Rules, joined

# Beyond this share of valid and test, the same sentence in train makes their numbers too good to be believed.
_MANY_DUPLICATES = 0.05
# Letters of another script than the language is written in, as a share of all.
_FOREIGN_SCRIPT = 0.5
_LATIN = {"en", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "tr"}


def text_problems(used: Sequence[Candidate], splits: Mapping[str, str], rules: Rules) -> list[Problem]:
    """What is wrong with what is said, or with not knowing it."""
    problems = []
    silent = [candidate for candidate in used if not candidate.text and not candidate.words]
    if silent:
        foreign = [c for c in silent if (c.language or rules.language) != "en"]
        level: Level = "error" if len(foreign) == len(used) else "warning"
        said = "have no transcript: rough recognition for English, no words at all for other languages"
        problems.append(
            Problem(level, "transcripts", len(silent), f"{len(silent)} of {len(used)} segments {said}")
        )
    problems += _script_problems(used, rules)
    spoken = [candidate for candidate in used if candidate.text and candidate.id in splits]
    pairs = near_duplicates([c.text or "" for c in spoken], [splits[c.id] for c in spoken])
    if pairs:
        told = [
            f"{spoken[pair.first].id!r} ({splits[spoken[pair.first].id]}) and {spoken[pair.second].id!r} "
            f"({splits[spoken[pair.second].id]}) say nearly the same ({pair.similarity:.0%}): "
            f"{(spoken[pair.first].text or '')[:60]!r}"
            for pair in pairs
        ]
        held_out = sum(split != "train" for split in splits.values())
        touched = {
            position
            for pair in pairs
            for position, other in ((pair.first, pair.second), (pair.second, pair.first))
            if splits[spoken[position].id] != "train" and splits[spoken[other].id] == "train"
        }
        level = "error" if len(touched) > _MANY_DUPLICATES * held_out else "warning"
        advice = f"{len(touched)} of {held_out} segments outside of train have a near-duplicate in it"
        problems.append(joined(level, "near-duplicates", told, advice=advice))
    return problems


def _script_problems(used: Sequence[Candidate], rules: Rules) -> list[Problem]:
    """A corpus in another script than its language is a forgotten corpus.language."""
    scripts: Counter[str] = Counter()
    for candidate in used:
        if (candidate.language or rules.language) in _LATIN and candidate.text:
            scripts.update(
                unicodedata.name(letter, "?").split()[0]
                for letter in candidate.text[:200]
                if letter.isalpha()
            )
    foreign = {script: n for script, n in scripts.items() if script != "LATIN"}
    if not foreign or sum(foreign.values()) < _FOREIGN_SCRIPT * scripts.total():
        return []
    script, n = max(foreign.items(), key=lambda pair: (pair[1], pair[0]))
    said = f"{n / scripts.total():.0%} of the letters are {script.title()}, but the language is {rules.language!r}; set "
    return [Problem("error", "language", n, f"{said}corpus.language")]
