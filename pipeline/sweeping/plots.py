"""Optuna's own plots of a search, as files."""

import io
import warnings
from pathlib import Path

import matplotlib
import numpy as np
import optuna
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from optuna.visualization import matplotlib as drawing

from pipeline.artifacts.formats.files import write_bytes
from pipeline.sweeping.study import Search

matplotlib.use("Agg")  # files only, and no display is needed


def _png(figure: Figure) -> bytes:
    figure.set_size_inches(10, 6)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120, bbox_inches="tight", metadata={"Software": None})
    return content.getvalue()


def write_plots(search: Search, *, metric: str) -> list[Path]:
    """Draw what can be drawn of the trials so far, into the folder of the search.

    Args:
        search: the trials.
        metric: name of the values.

    Returns:
        the files: the values by trial, by each parameter and as parallel lines, and which parameters mattered. Fewer
        than two values give none, and equal values say nothing of what mattered.
    """
    values = [trial.value for trial in search.study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))]
    if len(values) < 2:
        return []

    plots = {
        "history": drawing.plot_optimization_history,
        "parameters": drawing.plot_slice,
        "parallel": drawing.plot_parallel_coordinate,
    }
    if len(set(values)) > 1:
        plots["importance"] = drawing.plot_param_importances
    written = []
    for name, draw in plots.items():
        with warnings.catch_warnings():
            # That the drawings may change from one version of Optuna to the next, which is pinned.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            axes = draw(search.study, target_name=metric)
        figure = np.atleast_1d(np.asarray(axes, dtype=object)).flat[0].figure
        path = search.folder / f"{name}.png"
        write_bytes(path, _png(figure))
        plt.close(figure)
        written.append(path)
    return written
