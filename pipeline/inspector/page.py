"""The content of the inspector as JSON values: four kinds of lists, maps, and every segment that they name once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float64

from pipeline.artifacts.corpus.segments import Split
from pipeline.artifacts.evaluated.models import BASELINE, METHOD
from pipeline.artifacts.evaluated.predictions import SplitPredictions
from pipeline.artifacts.evaluated.representations import Representations
from pipeline.artifacts.trained.hardest_pairs import HardestPairs
from pipeline.inspector.clips import clip_of
from pipeline.inspector.comparable_labels import wrong_pairs
from pipeline.inspector.discordant_pairs import largest_errors
from pipeline.inspector.inputs import InspectorInputs, ShownSegment
from pipeline.inspector.projection import project

# Of the longest corpus the page stays below a few megabytes; nobody looks at more.
MOST_PAIRS, MOST_SEGMENTS = 200, 100
_DIGITS = 4

Json = dict[str, Any]


def build_page(inputs: InspectorInputs, *, with_text: bool, root: str) -> Json:
    """Everything that the page shows, a pure function of its inputs.

    Args:
        inputs: content of the files that the run left.
        with_text: whether texts are shown; False leaves out transcripts, media, names of recordings and messages of extractors; ids, speakers,
            labels and predictions remain.
        root: the repository root, relative to the folder of the page, with forward slashes.
    """
    register = _Register(inputs, with_text, root)
    by_split = {predicted.split: predicted for predicted in inputs.predictions}
    evaluated = {
        split: _evaluated(by_split[split], register) for split in ("valid", "test") if split in by_split
    }
    trained = [_hardest_pairs(register), _most_pulled(register)]
    parameters, rows = inputs.parameters, register.rows()
    groups = sorted({row["group"] for row in rows})
    return {
        "title": parameters["report.title"],
        "corpus": parameters["corpus.name"],
        "withText": with_text,
        "binary": parameters["task.kind"] == "binary",
        "classes": list(parameters["task.classes"]),
        "groupNames": {str(group): inputs.group_name(group) for group in groups},
        "axis": _axis(inputs),
        "lists": [*evaluated.get("valid", []), *trained, *evaluated.get("test", [])],
        "segments": rows,
    }


@dataclass(eq=False)
class _Register:
    """The segments that some list names, in the order in which they are first named."""

    inputs: InspectorInputs
    with_text: bool
    root: str
    _position: dict[str, int] = field(default_factory=dict)
    _more: list[Json] = field(default_factory=list)

    def number(self, id_: str, **more: Any) -> int:
        """Position of a segment among the rows; `more` is added to its row."""
        if id_ not in self._position:
            self._position[id_] = len(self._more)
            self._more.append({})
        position = self._position[id_]
        self._more[position] |= more
        return position

    def rows(self) -> list[Json]:
        """The row of each segment, as soon as all are named."""
        shown, seen = self.inputs.read_shown(self._position), self._seen()
        return [
            self._row(shown[id_], {modality: rows[id_] for modality, rows in seen.items() if id_ in rows})
            | more
            for id_, more in zip(self._position, self._more, strict=True)
        ]

    def _seen(self) -> dict[str, dict[str, tuple[int, int]]]:
        """How many rows of each segment are valid, and how many there are, by modality and id."""
        return {
            modality: {
                id_: (int(found.n_valid[position]), int(found.n_rows[position]))
                for position, id_ in enumerate(found.ids)
                if id_ in self._position
            }
            for modality, found in self.inputs.extractions.items()
        }

    def _row(self, shown: ShownSegment, seen: Mapping[str, tuple[int, int]]) -> Json:
        segment = shown.segment
        row: Json = {
            "id": segment.id,
            "split": segment.split,
            "label": _rounded(segment.label),
            "group": self.inputs.group_of(segment.label),
            # Where a corpus names nobody, the recording counts as the speaker.
            "speaker": segment.speaker if self.with_text or segment.speaker != segment.video else "",
            "seconds": round(segment.duration_s, 2),
            "words": shown.align_method,
            "seen": seen,
        }
        if self.with_text:
            clip = clip_of(segment, root=self.root)
            row |= {
                "text": segment.text,
                "video": segment.video,
                "clip": None if clip is None else {"element": clip.element, "source": clip.source},
                "span": [round(segment.start_s, 3), round(segment.end_s, 3)],
                "failures": {
                    modality: found.failures[segment.id]
                    for modality, found in self.inputs.extractions.items()
                    if segment.id in found.failures
                },
            }
        return row


def _evaluated(predicted: SplitPredictions, register: _Register) -> list[Json]:
    """The lists of a split that was evaluated; classes have no order in which a pair could be wrong."""
    lists = [] if predicted.classes else [_wrong_order(predicted, register)]
    lists.append(_errors(predicted, register))
    maps = (found for found in register.inputs.representations if found.split == predicted.split)
    return [*lists, *(_map(found, predicted, register) for found in maps)]


def _of_own_class(predicted: SplitPredictions) -> SplitPredictions:
    """Predictions of classes as one number: the probability of a segment's own class, which should be 1."""
    own = predicted.truth.astype(np.int64)
    models = {name: rows[:, np.arange(len(own)), own] for name, rows in predicted.models.items()}
    return replace(predicted, truth=np.ones(len(own)), models=models)


def _predicted(register: _Register, predicted: SplitPredictions, position: int, **more: Any) -> int:
    """The number of a segment of valid or test, with what the models say of it."""
    return register.number(
        predicted.ids[position],
        **more,
        predictions=_rounded_all(predicted.models[METHOD][:, position]),
        baseline=_rounded(predicted.models[BASELINE][:, position].mean()),
    )


def _wrong_order(predicted: SplitPredictions, register: _Register) -> Json:
    """The pairs that the mean prediction orders wrongly, widest first; of labels that are on one scale (`margin.within`)."""
    rows = predicted.models[METHOD]
    baseline = predicted.models[BASELINE].mean(axis=0)
    inputs, within = register.inputs, register.inputs.parameters["margin.within"]
    found, is_divided = wrong_pairs(
        predicted.truth,
        rows.mean(axis=0),
        [] if within == "any" else inputs.read_predicted(predicted),
        within=within,
        at_most=MOST_PAIRS,
    )
    entries = []
    for above, below, label_gap in zip(
        found.above.tolist(), found.below.tolist(), found.label_gap.tolist(), strict=True
    ):
        gaps = rows[:, above] - rows[:, below]
        entries.append(
            {
                "above": _predicted(register, predicted, above),
                "below": _predicted(register, predicted, below),
                "labelGap": _rounded(label_gap),
                "gap": _rounded(gaps.mean()),
                "width": _rounded(label_gap - float(gaps.mean())),
                "wrongSeeds": int((gaps < 0).sum()),
                "baselineGap": _rounded(baseline[above] - baseline[below]),
            }
        )
    summary = {
        "comparable": found.n_comparable,
        "wrong": found.n_wrong,
        "seeds": len(rows),
        "within": within if is_divided else "any",
    }
    return _list("order", predicted.split, entries, summary)


def _errors(predicted: SplitPredictions, register: _Register) -> Json:
    """The segments whose mean prediction is farthest from the label; of classes, whose own class is least probable."""
    of_classes = predicted
    if predicted.classes:
        predicted = _of_own_class(predicted)
    rows = predicted.models[METHOD]
    mean = rows.mean(axis=0)
    entries = [
        {
            "segment": _predicted(register, predicted, position, **_likeliest(of_classes, position)),
            "error": _rounded(mean[position] - predicted.truth[position]),
            "spread": _rounded(rows[:, position].max() - rows[:, position].min()),
            "baselineError": _rounded(
                predicted.models[BASELINE][:, position].mean() - predicted.truth[position]
            ),
        }
        for position in largest_errors(predicted.truth, mean, at_most=MOST_SEGMENTS).tolist()
    ]
    return _list("error", predicted.split, entries, {"segments": len(predicted.ids), "seeds": len(rows)})


def _likeliest(predicted: SplitPredictions, position: int) -> Json:
    """The most probable class of a segment, for its row; nothing where labels are no classes."""
    if not predicted.classes:
        return {}
    return {"likeliest": predicted.classes[predicted.models[METHOD][:, position].mean(axis=0).argmax()]}


def _map(found: Representations, predicted: SplitPredictions, register: _Register) -> Json:
    """The segments of a split on the plane in which their representations vary most."""
    wanted, of_classes = set(found.ids), predicted
    position_of = {id_: position for position, id_ in enumerate(predicted.ids) if id_ in wanted}
    positions = [position_of[id_] for id_ in found.ids]
    projection = project(found.by_seed.values(), predicted.truth[positions])
    if predicted.classes:
        predicted = _of_own_class(predicted)
    entries = [
        {
            "segment": _predicted(register, predicted, position, **_likeliest(of_classes, position)),
            "x": _rounded(across),
            "y": _rounded(up),
        }
        for position, (across, up) in zip(positions, projection.places, strict=True)
    ]
    summary = {
        "segments": found.n_segments,
        "seeds": len(found.by_seed),
        "explained": _rounded_all(projection.explained),
    }
    return _list("map", predicted.split, entries, summary)


def _weighed(register: _Register) -> Mapping[str, int]:
    """The numbers of the recorded segments of train, with their places in the order."""
    return {
        segment.id: register.number(
            segment.id,
            order=_rounded_all(segment.order),
            labelOrder=_rounded(segment.label_order),
            inHardest=segment.n_hardest,
            standsOut=segment.stands_out,
        )
        for segment in register.inputs.hardest.segments
    }


def _hardest_pairs(register: _Register) -> Json:
    """The pairs of train that weigh most in stage 1, by what they add to its loss."""
    hardest, number = register.inputs.hardest, _weighed(register)
    entries = [
        {
            "above": number[pair.above],
            "below": number[pair.below],
            "labelGap": _rounded(
                _label(register, pair.above) - _label(register, pair.below)
                if pair.label_gap is None
                else pair.label_gap
            ),
            "pull": _rounded(np.mean(np.multiply(pair.weight, pair.violation))),
            "weight": _rounded(np.mean(pair.weight)),
            "violation": _rounded(np.mean(pair.violation)),
            "margin": _rounded(pair.margin),
            "gaps": _rounded_all(pair.gap),
            "wrongSeeds": sum(gap < 0 for gap in pair.gap),
        }
        for pair in hardest.pairs
    ]
    summary = {
        "comparable": hardest.n_pairs,
        **_weighed_of(hardest),
        "seeds": len(hardest.seeds),
        "objective": hardest.objective,
        "strength": register.inputs.parameters["advantage.strength"],
        "cap": register.inputs.parameters["advantage.cap"],
        "bounded": register.inputs.parameters["advantage.direction"] == "bounded",
    }
    return _list("weight", "train", entries, summary)


def _most_pulled(register: _Register) -> Json:
    """The segments of train that stage 1 pulls at most: the hardest, or wrongly labelled."""
    hardest, number = register.inputs.hardest, _weighed(register)
    entries = [
        {
            "segment": number[segment.id],
            "times": round(segment.pull / hardest.mean_pull, 3),
            "above": round(segment.pull_above / segment.pull, 3),
            "extra": round(segment.extra, 2),
            "pairs": segment.n_pairs,
        }
        for segment in hardest.segments[: hardest.n_ranked]
    ]
    summary = {
        "fence": round(hardest.fence / hardest.mean_pull, 3) if hardest.mean_pull else 0.0,
        "kept": len(hardest.pairs),
        **_weighed_of(hardest),
        "seeds": len(hardest.seeds),
        "objective": hardest.objective,
    }
    return _list("pull", "train", entries, summary)


def _weighed_of(hardest: HardestPairs) -> Json:
    """How many segments of train were weighed; the page speaks of a sample where it was one."""
    return {"weighed": hardest.n_segments, "train": hardest.n_train}


def _label(register: _Register, id_: str) -> float:
    return register.inputs.weighed[id_].label


def _list(kind: str, split: Split, entries: Sequence[Json], summary: Json) -> Json:
    return {
        "key": f"{split}-{kind}",
        "kind": kind,
        "split": split,
        "entries": list(entries),
        "summary": summary,
    }


def _axis(inputs: InspectorInputs) -> tuple[float, float]:
    """One scale for all predictions, so that entries can be compared at a glance."""
    if inputs.parameters["task.kind"] == "classes":
        return 0.0, 1.0
    low, high = inputs.parameters["task.label_min"], inputs.parameters["task.label_max"]
    for predicted in inputs.predictions:
        values: Float64[np.ndarray, "_ segment"] = predicted.models[METHOD]
        if values.size:
            # Of the baseline the page draws the mean over seeds alone.
            baseline = predicted.models[BASELINE].mean(axis=0)
            low, high = (
                min(low, values.min(), baseline.min()),
                max(high, values.max(), baseline.max()),
            )
    return _rounded(low), _rounded(high)


def _rounded(value: Any) -> float:
    return round(float(value), _DIGITS) + 0.0  # + 0.0 turns -0.0 into 0.0


def _rounded_all(values: Any) -> list[float]:
    return [_rounded(value) for value in values]
