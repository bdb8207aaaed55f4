"""The tables of metrics, one for each protocol, from `pipeline.evaluation.protocols`."""

import math
from collections.abc import Iterator

from generated import ROOT, GeneratedDirective, as_sentence
from sphinx.application import Sphinx

from pipeline.evaluation.protocols import PROTOCOLS

UNITS = {"label": "label units", "share": "0 to 1", "1": ""}


class ProtocolReference(GeneratedDirective):
    """A table for each value of `evaluate.protocol`."""

    def markdown(self) -> str:
        """Headings and tables."""
        self.depends_on(ROOT / "pipeline" / "evaluation" / "protocols.py")
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        for name, protocol in PROTOCOLS.items():
            bounded = math.isfinite(protocol.label_min)
            labels = (
                f"Labels from {protocol.label_min:g} to {protocol.label_max:g}"
                if bounded
                else "Labels of any range"
            )
            yield f"## {name}\n\n{labels}. "
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
