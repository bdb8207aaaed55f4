"""Transcripts: missing ones, another script than the language is written in, the same sentence in two splits."""

from collections.abc import Mapping, Sequence

from pipeline.corpus.candidates import Candidate
from pipeline.corpus.facts import FACTS_FILE
from pipeline.corpus.scripts import foreign_script
from pipeline.corpus.spoken import spoken_text
from pipeline.intake.duplicates import near_duplicates
from pipeline.intake.problems import Level, Problem, Rules, joined

# Beyond this share of valid and test, the same sentence in train makes their numbers too good to be believed.
_MANY_DUPLICATES = 0.05
# In lower case: Excel's errors (a text that begins with "=" or "-" becomes #NAME?), and what pandas and databases write for nothing.
_STAND_INS = {
    "#name?", "#ref!", "#value!", "#n/a", "#div/0!", "#num!", "#null!", "#spill!", "nan", "<na>", "n/a", "na", "none", "null",
    "nat",
}  # fmt: skip


def text_problems(used: Sequence[Candidate], splits: Mapping[str, str], rules: Rules) -> list[Problem]:
    """What is wrong with what is spoken, or with not knowing it."""
    return [
        *_missing_problems(used, rules),
        *_stand_in_problems(used),
        *_annotation_problems(used),
        *_script_problems(used, rules),
        *_duplicate_problems(used, splits, rules),
    ]


def _missing_problems(used: Sequence[Candidate], rules: Rules) -> list[Problem]:
    """Segments without a transcript; an error where they are all, and no recogniser knows their language."""
    silent = [candidate for candidate in used if not candidate.text and not candidate.words]
    if not silent:
        return []
    foreign = [candidate for candidate in silent if (candidate.language or rules.language) != "en"]
    level: Level = "error" if len(foreign) == len(used) else "warning"
    sentence = (
        f"{len(silent)} of {len(used)} segments have no transcript: rough recognition for English, no words at all for other "
        "languages"
    )
    return [Problem(level, "transcripts", len(silent), sentence)]


def _stand_in_problems(used: Sequence[Candidate]) -> list[Problem]:
    """What a program has written where it had no transcript: it would be taken for spoken."""
    sentences = [
        f"{candidate.id!r}: {candidate.text!r}"
        for candidate in used
        if (candidate.text or "").strip().casefold() in _STAND_INS
    ]
    advice = "Spreadsheets and pandas write so where there is no text; empty the cells if nobody says this"
    return [joined("warning", "transcripts", sentences, advice=advice)] if sentences else []


def _annotation_problems(used: Sequence[Candidate]) -> list[Problem]:
    """Markup and annotations, which are left out of what is spoken: to be seen before they are missed."""
    sentences = [
        f"{candidate.id!r}: {', '.join(map(repr, left_out[:3]))}"
        for candidate in used
        if (left_out := spoken_text(candidate.text or "").left_out)
    ]
    if not sentences:
        return []
    advice = "Markup and annotations are taken to be not spoken and are left out"
    return [joined("warning", "annotations", sentences, advice=advice)]


def _duplicate_problems(used: Sequence[Candidate], splits: Mapping[str, str], rules: Rules) -> list[Problem]:
    """Nearly the same transcript in two splits; an error where much of valid and test is in train and speakers chose their words."""
    spoken = [candidate for candidate in used if candidate.text and candidate.id in splits]
    split_of = [splits[candidate.id] for candidate in spoken]
    pairs = near_duplicates([candidate.text or "" for candidate in spoken], split_of)
    if not pairs:
        return []
    sentences = [
        f"{spoken[pair.first].id!r} ({split_of[pair.first]}) and {spoken[pair.second].id!r} ({split_of[pair.second]}) say "
        f"nearly the same ({pair.similarity:.0%}): {(spoken[pair.first].text or '')[:60]!r}"
        for pair in pairs
    ]
    n_held_out = sum(split != "train" for split in splits.values())
    known_from_train = {
        position
        for pair in pairs
        for position, other in ((pair.first, pair.second), (pair.second, pair.first))
        if split_of[position] != "train" and split_of[other] == "train"
    }
    many = len(known_from_train) > _MANY_DUPLICATES * n_held_out
    level: Level = "error" if many and not rules.prescribed else "warning"
    advice = f"{len(known_from_train)} of {n_held_out} segments outside of train have a near-duplicate in it"
    if rules.prescribed:
        advice += (
            f". What speakers say is prescribed ({FACTS_FILE}): a model may know the sentence from training, so read what the text "
            "contributes with care"
        )
    elif many:
        advice += f"; where speakers were given what to say, set prescribed to true in {FACTS_FILE}"
    return [joined(level, "near-duplicates", sentences, advice=advice)]


def _script_problems(used: Sequence[Candidate], rules: Rules) -> list[Problem]:
    """A corpus in another script than its language is a forgotten corpus.language."""
    spoken = ((candidate.language or rules.language or "", candidate.text or "") for candidate in used)
    found = foreign_script(spoken)
    if found is None:
        return []
    script, n, share = found
    sentence = f"{share:.0%} of the letters are {script}, but the language is {rules.language!r}; set corpus.language"
    return [Problem("error", "language", n, sentence)]
