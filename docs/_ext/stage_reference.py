"""The list of stages, from `dvc.yaml`: what each does, which parameters it reads, what it writes."""

from collections.abc import Iterator
from typing import Any

import yaml
from generated import ROOT, GeneratedDirective, as_sentence
from sphinx.application import Sphinx

DVC_YAML = ROOT / "dvc.yaml"


def outputs_of(stage: dict[str, Any]) -> list[str]:
    """The paths that a stage writes: `outs`, `metrics` and `plots`."""
    entries = [entry for kind in ("outs", "metrics", "plots") for entry in stage.get(kind, [])]
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]


class StageReference(GeneratedDirective):
    """An entry for each stage."""

    def markdown(self) -> str:
        """A definition list with the description, the sections of `params.yaml`, and the outputs."""
        self.depends_on(DVC_YAML)
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        stages = yaml.safe_load(DVC_YAML.read_text(encoding="utf-8"))["stages"]
        for name, stage in stages.items():
            sections = ", ".join(f"[{entry}](/reference/parameters.md)" for entry in stage.get("params", []))
            outputs = ", ".join(f"`{path}`" for path in outputs_of(stage))
            yield f"`{name}`\n: {as_sentence(stage['desc'])}\n"
            yield f"  Parameters: {sections}.\n"
            yield f"  Writes: {outputs}.\n"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("stage-reference", StageReference)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
