"""How a stage that trains starts: what its workers import is imported while the stage itself does without torch."""

import os

from stages.entry import PROGRAM, run

from pipeline.execution.device import may_have_gpu
from pipeline.execution.engines.protocol import VARIABLE as ENGINE
from pipeline.execution.preloading import preload

__all__ = ["run"]

_PRELOADED = {
    "stages.rank": (
        "pipeline.grcf.rank",
        "pipeline.grcf.hardest_pairs",
        "pipeline.grcf.pair_statistics",
        "stages.ranking_settings",
        "stages.settings",
    ),
    "stages.calibrate": (
        "pipeline.grcf.calibrate",
        "scipy.optimize",
        "scipy.sparse",
        "stages.ranking_settings",
        "stages.settings",
    ),
    "stages.pointwise": ("pipeline.grcf.pointwise", "stages.settings"),
}
if PROGRAM in _PRELOADED and not (os.environ.get(ENGINE) or may_have_gpu()):
    preload(["pipeline.execution.seeds", *_PRELOADED[PROGRAM]])
