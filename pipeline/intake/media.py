"""The recordings of a corpus before a run: which are missing, broken, there twice, or shorter than their segments."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.artifacts.formats.files import sha256_of
from pipeline.corpus.candidates import Candidate
from pipeline.corpus.inspection import NotHad, probe_all, refuse_name
from pipeline.corpus.manifest import media_files
from pipeline.intake.problems import Level, Problem, Rules, joined
from pipeline.media.probe import MediaInfo
from pipeline.storage.checked_media import absent_media
from pipeline.storage.media_list import listed_at


@dataclass(frozen=True)
class Opened:
    """What a look at the recordings of a corpus showed.

    Attributes:
        named: every file that a segment names, sorted.
        missing: files that cannot be read at all, with the reason.
        not_had: files that are listed and lie elsewhere, but not there or not as their list says, with the reason: a run ends with it.
        infos: description of each file that could be decoded.
        broken: files that were opened and could not, with the reason.
    """

    named: Sequence[str]
    missing: Mapping[str, str]
    not_had: Mapping[str, str]
    infos: Mapping[str, MediaInfo]
    broken: Mapping[str, str]

    @property
    def n_opened(self) -> int:
        """How many files were opened."""
        return len(self.infos) + len(self.broken)

    @property
    def present(self) -> Sequence[str]:
        """The files that are there, sorted."""
        return [name for name in self.named if name not in self.missing and name not in self.not_had]


def open_some(used: Sequence[Candidate], folder: Path, n_opened: int | None) -> Opened:
    """Look for every recording and open some of them.

    Args:
        used: rows of the corpus that are used.
        folder: the corpus folder.
        n_opened: how many files are opened, evenly spread over the sorted names; None for all. With 0, files that are listed and lie
            elsewhere are not looked for either.

    Raises:
        PipelineError: the place of those is not known or cannot be listed.
    """
    named = media_files(used)
    missing = {name: reason for name in named if (reason := refuse_name(name, folder=folder)) is not None}
    present = [name for name in named if name not in missing]
    not_had = absent_media(folder, present) if n_opened != 0 else {}
    present = [name for name in present if name not in not_had]
    step = max(1, -(-len(present) // n_opened)) if n_opened else 1
    probed = probe_all([] if n_opened == 0 else present[::step], folder=folder)
    not_had |= {name: found.reason for name, found in probed.items() if isinstance(found, NotHad)}
    return Opened(
        named,
        missing,
        not_had,
        {name: info for name, info in probed.items() if isinstance(info, MediaInfo)},
        {name: info for name, info in probed.items() if isinstance(info, str)},
    )


def media_problems(used: Sequence[Candidate], opened: Opened, rules: Rules) -> list[Problem]:
    """Recordings that are missing or broken, and how many of those opened lack sound or pictures."""
    problems = []
    if opened.not_had:
        # Whatever `manifest.max_rejected_share` allows: nothing is left out because of a place.
        advice = "A run ends with the first of these"
        problems.append(joined("error", "media", list(opened.not_had.values()), advice=advice))
    if opened.missing or opened.broken:
        lost = sum(candidate.media in opened.missing for candidate in used) / len(used)
        # Those that were opened stand for all that are there.
        lost += len(opened.broken) / max(1, opened.n_opened) * len(opened.present) / max(1, len(opened.named))
        level: Level = "error" if lost > rules.max_rejected_share else "warning"
        advice = f"About {lost:.1%} of the segments are lost; manifest.max_rejected_share is {rules.max_rejected_share:.1%}"
        reasons = [*opened.missing.values(), *opened.broken.values()]
        problems.append(joined(level, "media", reasons, advice=advice))
    for what, n in (
        ("sound", sum(not info.has_audio for info in opened.infos.values())),
        ("picture", sum(not info.has_video for info in opened.infos.values())),
    ):
        if n:
            problems.append(
                Problem(
                    "warning", "media", n, f"{n} of {len(opened.infos)} opened media files have no {what}"
                )
            )
    return problems


def repeated_problems(
    used: Sequence[Candidate], splits: Mapping[str, str], opened: Opened, folder: Path
) -> list[Problem]:
    """Recordings with the same bytes in two splits; only files of one size are read, for others cannot be equal."""
    by_size, digests = defaultdict(list), dict[str, str]()
    for name in opened.present:
        listed = listed_at(folder / name)
        if listed is not None:
            digests[name] = listed.sha256
        else:
            by_size[(folder / name).stat().st_size].append(name)
    digests |= {
        name: sha256_of(folder / name) for names in by_size.values() if len(names) > 1 for name in names
    }
    copies = defaultdict(list)
    for candidate in used:
        if candidate.media in digests and candidate.id in splits:
            copies[digests[candidate.media]].append(candidate)
    sentences = []
    for rows in copies.values():
        first = {splits[row.id]: row for row in reversed(rows)}
        if len(first) > 1 and len({row.media for row in first.values()}) > 1:
            sentences.append(
                " and ".join(f"{row.media} ({row.id!r}, {split})" for split, row in sorted(first.items()))
                + " are the same recording"
            )
    advice = (
        "A model could know from training what it is tested on: keep one of each, or put both into one split"
    )
    return [joined("error", "copies", sentences, advice=advice)] if sentences else []


def span_problems(used: Sequence[Candidate], infos: Mapping[str, MediaInfo]) -> list[Problem]:
    """Segments that are empty, or begin after their recording has ended."""
    wrong = []
    for candidate in used:
        start_s = candidate.start_s or 0.0
        info = infos.get(candidate.media or "")
        if start_s < 0 or (candidate.end_s is not None and candidate.end_s <= start_s):
            wrong.append(f"{candidate.place}: the span {start_s}–{candidate.end_s} s is empty or negative")
        elif info is not None and start_s >= info.duration_s:
            wrong.append(
                f"{candidate.place}: starts at {start_s} s, but its media last {info.duration_s:.2f} s"
            )
    return [joined("warning", "spans", wrong, advice="Such segments are rejected")] if wrong else []
