"""How a stage starts whose workers need what takes long to import: the process that they are forked from imports it, meanwhile."""

from stages.entry import PROGRAM, run

from pipeline.execution.device import may_have_gpu
from pipeline.execution.engines.protocol import VARIABLE as ENGINE
from pipeline.execution.preloading import preload
from pipeline.execution.variables import variable

__all__ = ["run"]

# Seeds are trained by workers on a CPU of this machine; elsewhere by the stage itself, or by slots that load for themselves.
_TRAINING = {
    "stages.rank": (
        "pipeline.execution.seeds",
        "pipeline.grcf.rank",
        "pipeline.grcf.pairs.hardest_pairs",
        "pipeline.grcf.pairs.pair_statistics",
        "stages.ranking_settings",
        "stages.settings",
    ),
    "stages.calibrate": (
        "pipeline.execution.seeds",
        "pipeline.grcf.calibrate",
        "scipy.optimize",
        "scipy.sparse",
        "stages.ranking_settings",
        "stages.settings",
    ),
    "stages.pointwise": ("pipeline.execution.seeds", "pipeline.grcf.pointwise", "stages.settings"),
}
# Splits are measured by workers unless there is a GPU.
_MEASURING = {
    "stages.evaluate": (
        "pipeline.execution.pool",
        "pipeline.grcf.scoring",
        "pipeline.degradation.measuring",
        "pipeline.evaluation.comparisons",
        "pipeline.evaluation.corpora",
        "pipeline.evaluation.own_metrics",
        "pipeline.evaluation.robustness",
        "pipeline.evaluation.tables",
        "pipeline.grcf.perturbations",
        "pipeline.artifacts.evaluated.masks",
        "pipeline.artifacts.evaluated.representations",
        "pipeline.artifacts.evaluated.run_record",
    )
}
# Figures are drawn by workers everywhere. Each runs the stage's file again, because it is what was started; what takes long then is
# what the file imports. The stage itself may not be here: Python warns on the terminal of a module that is run and was imported.
_DRAWING = {
    "stages.report": (
        "vl_convert",
        "pipeline.execution.pool",
        "pipeline.inspector.html",
        "pipeline.inspector.page",
        "pipeline.pages.vega",
        "pipeline.reporting.model_card",
        "pipeline.reporting.report",
        "pipeline.reporting.results",
        "pipeline.settled.task",
    )
}

_preloaded: dict[str, tuple[str, ...]] = {**_DRAWING}
if not may_have_gpu():
    _preloaded |= _MEASURING
    if variable(ENGINE) is None:
        _preloaded |= _TRAINING
if PROGRAM in _preloaded:
    preload(_preloaded[PROGRAM])
