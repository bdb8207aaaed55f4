"""The table of the facts of a corpus, from `pipeline.corpus.facts`."""

from collections.abc import Iterator, Mapping
from typing import get_args

from generated import ROOT, GeneratedDirective, as_sentence
from sphinx.application import Sphinx

from pipeline.corpus.facts import Facts, LabelFacts
from pipeline.strict import StrictModel


def rows(model: type[StrictModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Each fact by its dotted key, and what it means."""
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        yield key, field.description or ""
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, StrictModel):
            yield from rows(inner, f"{key}.")
        elif Mapping[str, LabelFacts] == inner or LabelFacts in get_args(inner):
            yield from rows(LabelFacts, f"{key}.NAME.")


class FactsReference(GeneratedDirective):
    """A table of the keys of `corpus.yaml`."""

    def markdown(self) -> str:
        """One row per key."""
        self.depends_on(ROOT / "pipeline" / "corpus" / "facts.py")
        lines = ["| key | meaning |", "|---|---|"]
        for key, meaning in rows(Facts):
            lines.append(f"| `{key}` | {as_sentence(meaning)} |".replace("[-", "\\[-"))
        return "\n".join(lines)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("facts-reference", FactsReference)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
