"""The tables of metrics, one for each protocol, from `pipeline.evaluation.protocols`."""

from collections.abc import Iterator

from generated import ROOT, GeneratedDirective, as_sentence
from sphinx.application import Sphinx

from pipeline import params
from pipeline.evaluation.protocols import protocol_named

UNITS = {"label": "label units", "share": "0 to 1", "1": ""}


class ProtocolReference(GeneratedDirective):
    """A table for each value of `evaluate.protocol`."""

    def markdown(self) -> str:
        """Headings and tables."""
        self.depends_on(ROOT / "pipeline" / "evaluation" / "protocols.py")
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        names: list[str] = params.Evaluate.model_json_schema()["properties"]["protocol"]["enum"]
        for name in names:
            protocol = protocol_named(name)
            yield f"## {name}\n\nLabels from {protocol.label_min:g} to {protocol.label_max:g}. "
            yield "Headline: " + ", ".join(f"`{metric}`" for metric in protocol.headline) + ".\n"
            yield "| metric | meaning | better | unit |\n|---|---|---|---|"
            for metric in protocol.metrics:
                meaning = as_sentence(metric.description).replace("|", "\\|")
                yield f"| `{metric.name}` | {meaning} | {metric.better} | {UNITS[metric.unit]} |"
            yield ""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("protocol-reference", ProtocolReference)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
