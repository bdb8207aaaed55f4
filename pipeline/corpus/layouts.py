"""Which reader understands which corpus layout, and what every corpus of a layout has in common."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.corpus import iemocap, meld, mer
from pipeline.corpus.acted import CREMAD_EMOTIONS, RAVDESS_EMOTIONS, read_cremad, read_ravdess
from pipeline.corpus.candidates import Candidate
from pipeline.corpus.cmu import MOSEI_EMOTIONS, read_mosei, read_mosi
from pipeline.corpus.folder import read_folder
from pipeline.corpus.iemocap import read_iemocap
from pipeline.corpus.media_index import is_medium
from pipeline.corpus.meld import read_meld
from pipeline.corpus.mer import read_mer2023
from pipeline.corpus.mustard import read_mustard
from pipeline.corpus.pickled import read_pickled
from pipeline.corpus.pool import read_pool
from pipeline.corpus.sims import read_sims
from pipeline.corpus.urfunny import read_urfunny
from pipeline.errors import PipelineError, did_you_mean
from pipeline.pickles.layouts import PICKLE_LAYOUTS
from pipeline.plugins import is_plugin, load_plugin, refuse_plugin, speaking_aside
from pipeline.storage.left_behind import files_below
from pipeline.storage.links import outside_target
from pipeline.strict import REFERENCE

_SENTIMENT = "from {0:+g} (strongly negative) to {1:+g} (strongly positive)"
_CMU_LABELS: dict[str, dict[str, Any]] = {
    "label": {
        "kind": "regression",
        "min": -3.0,
        "max": 3.0,
        "groups": "integer",
        "protocol": "mosi",
        "meaning": f"sentiment {_SENTIMENT.format(-3, 3)}, mean of the annotators",
    }
}
_CMU = {"language": "en", "labels": _CMU_LABELS}
_SIMS_LABEL = {
    "kind": "regression",
    "min": -1.0,
    "max": 1.0,
    "groups": (-0.7, -0.1, 0.1, 0.7),
    "protocol": "sims",
}
_SIMS = {
    "language": "zh",
    "labels": {
        "label": _SIMS_LABEL
        | {"meaning": f"sentiment {_SENTIMENT.format(-1, 1)}, of all modalities together"},
        **{
            name: _SIMS_LABEL | {"meaning": f"sentiment {_SENTIMENT.format(-1, 1)}, of {what} alone"}
            for name, what in (("text", "the text"), ("audio", "the sound"), ("visual", "the pictures"))
        },
    },
    # 60/20/20 % of the clips, drawn without regard to the recording that they were cut from.
    "splits": {"origin": "published with the corpus, drawn by clip", "standard_mixes": ("video",)},
}


def _binary(meaning: str) -> dict[str, Any]:
    return {
        "language": "en",
        "labels": {"label": {"kind": "binary", "protocol": "binary", "meaning": meaning}},
    }


def _classes(names: tuple[str, ...], meaning: str, *, ordered: bool = False) -> dict[str, Any]:
    return {"kind": "classes", "classes": names, "ordered": ordered, "meaning": meaning}


def _number(low: int, high: int, meaning: str) -> dict[str, Any]:
    return {"kind": "regression", "min": float(low), "max": float(high), "meaning": meaning}


def _refuse_links_out(folder: Path) -> None:
    """Refuse tables and features that are links to somewhere else; links of media are refused one by one, with a reason.

    Raises:
        PipelineError: there is such a link.
    """
    for path in files_below(folder):
        if not path.is_symlink() or is_medium(path.name):
            continue
        try:
            target = outside_target(path, folder=folder)
        except (OSError, ValueError) as error:
            raise PipelineError(f"{path}: is a link to nothing ({error}); repair it or remove it") from error
        if target is not None:
            raise PipelineError(
                f"{path}: is a link to {target}, outside of the corpus folder; put the file itself there, or let "
                "`python -m pipeline import` do so"
            )


def _within(read: Callable[[Path], list[Candidate]]) -> Callable[[Path], list[Candidate]]:
    """The reader, for folders that hold everything they are read from."""

    def read_whole(folder: Path) -> list[Candidate]:
        _refuse_links_out(folder)
        return read(folder)

    return read_whole


def _read_part(layout: str, folder: Path) -> list[Candidate]:
    return layout_of(layout).read(folder)


@dataclass(frozen=True)
class Layout:
    """One way to organise a corpus.

    Attributes:
        read: reads a corpus folder; a folder that is not of this layout is a `PipelineError`.
        facts: facts that every corpus of this layout has in common, as `corpus.yaml` has them; empty where the layout does not say.
    """

    read: Callable[[Path], list[Candidate]]
    facts: Mapping[str, Any] = field(default_factory=dict)


LAYOUTS: dict[str, Layout] = {
    "folder": Layout(_within(read_folder)),
    "mosi": Layout(
        _within(read_mosi),
        _CMU
        | {
            "splits": {"origin": "that of the CMU-MultimodalSDK, by video"},
            "rated_by": "five annotators of Amazon Mechanical Turk a segment",
            "citation": "Zadeh et al. (2016), MOSI: Multimodal Corpus of Sentiment Intensity and Subjectivity Analysis in Online "
            "Opinion Videos, arXiv:1606.06259",
        },
    ),
    "mosei": Layout(
        _within(read_mosei),
        _CMU
        | {
            "labels": {
                **_CMU_LABELS,
                **{
                    name: _number(0, 3, f"{name} from 0 (none) to 3 (strong), mean of the annotators")
                    for name in MOSEI_EMOTIONS
                },
            },
            "splits": {"origin": "that of the CMU-MultimodalSDK, by video"},
            "rated_by": "three annotators of Amazon Mechanical Turk a segment",
            "citation": "Zadeh et al. (2018), Multimodal Language Analysis in the Wild: CMU-MOSEI Dataset and Interpretable Dynamic "
            "Fusion Graph, ACL, P18-1208",
        },
    ),
    "sims": Layout(
        _within(read_sims),
        _SIMS
        | {
            "rated_by": "five annotators a clip",
            "citation": "Yu et al. (2020), CH-SIMS: A Chinese Multimodal Sentiment Analysis Dataset with Fine-grained Annotation of "
            "Modality, ACL, 2020.acl-main.343",
        },
    ),
    "simsv2": Layout(
        _within(read_sims),
        _SIMS
        | {
            "citation": "Liu et al. (2022), Make Acoustic and Visual Cues Matter: CH-SIMS v2.0 Dataset and AV-Mixup Consistent "
            "Module, ICMI, arXiv:2209.02604",
        },
    ),
    "urfunny": Layout(
        _within(read_urfunny),
        _binary("humor: 1 where the audience laughs after the sentence, 0 where it does not")
        | {
            "splits": {"origin": "published with the corpus"},
            "citation": "Hasan et al. (2019), UR-FUNNY: A Multimodal Language Dataset for Understanding Humor, EMNLP, D19-1211",
        },
    ),
    "mustard": Layout(
        _within(read_mustard),
        _binary("sarcasm: 1 where the utterance is sarcastic, 0 where it is not")
        | {
            # The five folds are stratified by label alone; the standard split tests on one show.
            "splits": {
                "origin": "standard = speaker-independent, tested on one show; fold_1 … fold_5 as published",
                "folds_mix": ("speaker",),
            },
            "citation": "Castro et al. (2019), Towards Multimodal Sarcasm Detection (An Obviously Perfect Paper), ACL, P19-1455",
        },
    ),
    "meld": Layout(
        _within(read_meld),
        {
            "language": "en",
            "labels": {
                "label": _classes(meld.EMOTIONS, "emotion of the utterance"),
                "sentiment": _classes(meld.SENTIMENTS, "sentiment of the utterance", ordered=True),
            },
            # The six friends speak in every part.
            "splits": {"origin": "published with the corpus, by dialogue", "standard_mixes": ("speaker",)},
            "rated_by": "three annotators an utterance, by majority",
            "citation": "Poria et al. (2019), MELD: A Multimodal Multi-Party Dataset for Emotion Recognition in Conversations, ACL, "
            "P19-1050",
        },
    ),
    "iemocap": Layout(
        _within(read_iemocap),
        {
            "language": "en",
            "labels": {
                "label": _classes(iemocap.FOUR, "emotion of the utterance; excitement counts as happiness"),
                "six": _classes(iemocap.SIX, "emotion of the utterance"),
                "valence": _number(1, 5, "from 1 (negative) to 5 (positive)"),
                "activation": _number(1, 5, "from 1 (calm) to 5 (excited)"),
                "dominance": _number(1, 5, "from 1 (weak) to 5 (strong)"),
            },
            # Valid is drawn by dialogue beside a fold, and the two actors of a session share its dialogues.
            "splits": {
                "origin": "sessions 1 to 3, 4 and 5, for want of a published one; fold_1 … fold_5 test on one session each",
                "folds_mix": ("speaker",),
            },
            # Half of the dialogues are played by a script, the same ones in every session.
            "prescribed": True,
            "rated_by": "three annotators an utterance or more, by majority; two or more for the dimensions, their mean",
            "citation": "Busso et al. (2008), IEMOCAP: interactive emotional dyadic motion capture database, Language Resources and "
            "Evaluation 42",
        },
    ),
    "mer2023": Layout(
        _within(read_mer2023),
        {
            "language": "zh",
            "labels": {
                "label": _classes(mer.EMOTIONS, "emotion of the clip"),
                "valence": _number(-10, 10, "sentiment from -10 (negative) to 10 (positive)"),
            },
            "splits": {
                "origin": "train, and the test sets of the challenge; valid is drawn from train by clip"
            },
            "citation": "Lian et al. (2023), MER 2023: Multi-label Learning, Modality Robustness, and Semi-Supervised Learning, ACM MM, "
            "arXiv:2304.08981",
        },
    ),
    "cremad": Layout(
        _within(read_cremad),
        {
            "language": "en",
            "labels": {
                "label": _classes(CREMAD_EMOTIONS, "emotion that was acted"),
                **{
                    name: _classes(CREMAD_EMOTIONS, f"emotion that most raters {what}")
                    for name, what in (("perceived", "saw and heard"), ("voice", "heard"), ("face", "saw"))
                },
                "intensity": _number(1, 3, "1 low, 2 medium, 3 high, where it was prescribed"),
            },
            # Twelve sentences.
            "prescribed": True,
            "licence": "Open Database License 1.0, contents under the Database Contents License",
            "citation": "Cao et al. (2014), CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset, IEEE Transactions on Affective "
            "Computing 5(4)",
        },
    ),
    "ravdess": Layout(
        _within(read_ravdess),
        {
            "language": "en",
            "labels": {
                "label": _classes(RAVDESS_EMOTIONS, "emotion that was acted"),
                "intensity": {"kind": "binary", "meaning": "1 strong, 0 normal"},
            },
            # Two sentences.
            "prescribed": True,
            "licence": "CC BY-NC-SA 4.0",
            "citation": "Livingstone and Russo (2018), The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS), PLoS "
            "ONE 13(5)",
        },
    ),
    **{name: Layout(_within(partial(read_pickled, layout=name))) for name in PICKLE_LAYOUTS},
    "pool": Layout(partial(read_pool, read_part=_read_part)),
}


_PLUGIN = "a function of a folder that gives a list of Candidate, or a Layout"


def layout_of(name: str) -> Layout:
    """The layout of that name, or that a reference to a file in `plugins/` or an installed package names.

    What a reference names is a `Layout`, or the function alone that reads a folder.

    Raises:
        PipelineError: there is no such layout, see `load_plugin`, or what is named is neither of the two.
    """
    if not is_plugin(name):
        if name not in LAYOUTS:
            raise PipelineError(
                f"the layout is {name!r}{did_you_mean(name, LAYOUTS)}; expected {', '.join(LAYOUTS)}, or {REFERENCE}"
            )
        return LAYOUTS[name]
    found = load_plugin(name, parameter="layout", expected=_PLUGIN)
    if isinstance(found, Layout):
        return replace(found, read=_within(_checked(found.read, name)))
    if isinstance(found, type) or not callable(found):
        raise refuse_plugin(name, found, parameter="layout", expected=_PLUGIN)
    return Layout(_within(_checked(found, name)))


def layout_name(text: str) -> str:
    """The name of a layout on a command line, for `argparse`."""
    if text not in LAYOUTS and not is_plugin(text):
        raise argparse.ArgumentTypeError(
            f"{text!r}{did_you_mean(text, LAYOUTS)} is no layout; expected {', '.join(LAYOUTS)}, or {REFERENCE}"
        )
    return text


def _checked(read: Callable[[Path], Any], name: str) -> Callable[[Path], list[Candidate]]:
    """A reader of one's own, which may give anything."""

    def read_checked(folder: Path) -> list[Candidate]:
        with speaking_aside():
            rows = list(read(folder))
        strange = next((row for row in rows if not isinstance(row, Candidate)), None)
        if strange is not None:
            raise PipelineError(
                f"layout {name!r} gives {type(strange).__name__} for {folder}; expected pipeline.corpus.candidates.Candidate"
            )
        if not rows:
            raise PipelineError(f"{folder}: layout {name!r} finds no segment in it")
        return rows

    return read_checked
