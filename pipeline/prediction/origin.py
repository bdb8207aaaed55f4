"""What trained a model: of which corpora, how many segments, and who gave their labels."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.corpus.facts import NAME, read_facts
from pipeline.errors import PipelineError
from pipeline.pages.numbers import count, plural
from pipeline.prediction.model import Model

RAW = Path("data/raw")
"""Where corpora lie in a repository; a model that was copied elsewhere comes without them."""


def corpora_of(model: Model) -> dict[str, int]:
    """The number of training segments of each corpus; empty for a model that is older than this record."""
    found = model.preprocessing.train.get("corpora")
    if not isinstance(found, Mapping):
        return {}
    return {str(name): n for name, n in found.items() if isinstance(n, int)}


def origin_sentence(model: Model) -> str:
    """What trained the model, without its full stop; who gave the labels is told where the corpus is here."""
    corpora = corpora_of(model)
    language = model.preprocessing.language
    if len(corpora) > 1:
        listed = ", ".join(f"{name} {count(n)}" for name, n in corpora.items())
        text = f"trained on {plural(sum(corpora.values()), 'segment')}, most in {language}: {listed}"
    else:
        n_segments = next(iter(corpora.values()), model.preprocessing.train.get("segments", 0))
        of_corpus = "".join(f" of {name}" for name in corpora)
        text = f"trained on {plural(n_segments, 'segment')}{of_corpus}, most in {language}"
    raters = [f"{name}: {rated_by}" for name in corpora if (rated_by := _rated_by(name)) is not None]
    if len(corpora) == 1:
        raters = [rater.partition(": ")[2] for rater in raters]
    return f"{text}; labels by {'; '.join(raters)}" if raters else text


def as_record(model: Model) -> dict[str, Any]:
    """The same as values of JSON."""
    corpora = corpora_of(model)
    return {
        "segments": sum(corpora.values()) or model.preprocessing.train.get("segments"),
        "language": model.preprocessing.language,
        "corpora": corpora,
        "rated_by": {name: _rated_by(name) for name in corpora},
    }


def _rated_by(name: str) -> str | None:
    """Who gave the labels of a corpus that is here; None where it is not, or does not say."""
    folder = RAW / name
    # A model may come from anywhere, and its names must not lead out of the folder of corpora.
    if not re.fullmatch(NAME, name) or not folder.is_dir():
        return None
    try:
        return read_facts(folder).rated_by
    except PipelineError:
        return None
