"""How often `history` sees a step in a series without one, and whether it finds one that is there: `python -m benchmarks.steps`.

Runs of simulated trainings have errors of four sources: what is hard for all runs, for one run, for one training, and for it
alone. A series has a step of `STEP` in its middle, or none.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.comparison.steps import Segmentation, find_steps, series_noise

RESULTS = Path(__file__).parent / "results" / "steps.json"
N_SEGMENTS, N_RESAMPLES, CONFIDENCE = 40, 200, 0.95
SIZES = tuple((n_runs, n_seeds) for n_runs in (2, 5, 10, 30) for n_seeds in (1, 2, 5))
OF_TRAINING = (0.0, 0.3)
"""Standard deviation of what a training is worse on all segments than another of its kind; that of a segment alone is 1."""

STEP = 0.6


def errors_of(
    rng: np.random.Generator, levels: Sequence[float] | np.ndarray, *, n_seeds: int, of_training: float
) -> list[np.ndarray]:
    """An error for each seed and segment of each run: what is hard for all, for a run, for a training, and for it alone."""
    hard = rng.normal(size=N_SEGMENTS)
    return [
        level
        + hard
        + 0.3 * rng.normal(size=N_SEGMENTS)
        + of_training * rng.normal(size=(n_seeds, 1))
        + rng.normal(size=(n_seeds, N_SEGMENTS))
        for level in levels
    ]


def segmented(
    rng: np.random.Generator, errors: Sequence[np.ndarray], *, n_resamples: int = N_RESAMPLES
) -> Segmentation:
    """The steps of a series of these errors."""
    shares = rng.multinomial(N_SEGMENTS, [1 / N_SEGMENTS] * N_SEGMENTS, size=n_resamples) / N_SEGMENTS
    values = [rows.mean(axis=1) for rows in errors]
    resampled = [shares @ rows.T for rows in errors]
    noise = series_noise(values, resampled, same_seeds=True, n_units=N_SEGMENTS)
    return find_steps(np.array([each.mean() for each in values]), noise, confidence=CONFIDENCE)


def measured(n_runs: int, n_seeds: int, of_training: float, n_series: int) -> dict[str, float]:
    """Shares of series: with a step where there is none, and with the step that is there, at its run and anywhere."""
    rng = np.random.default_rng((n_runs, n_seeds, round(10 * of_training)))
    at = (n_runs + 1) // 2
    found = {"false_alarm": 0, "seen": 0, "at_its_run": 0}
    for _ in range(n_series):
        without = errors_of(rng, np.zeros(n_runs), n_seeds=n_seeds, of_training=of_training)
        found["false_alarm"] += bool(segmented(rng, without).steps)
        levels = np.where(np.arange(n_runs) < at, 0.0, STEP)
        steps = segmented(rng, errors_of(rng, levels, n_seeds=n_seeds, of_training=of_training)).steps
        found["seen"] += bool(steps)
        found["at_its_run"] += at in [step.at for step in steps]
    return {name: count / n_series for name, count in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=400, help="simulated series a line (400)")
    args = parser.parse_args()
    lines = []
    for of_training in OF_TRAINING:
        for n_runs, n_seeds in SIZES:
            line = {"runs": n_runs, "seeds": n_seeds, "of_training": of_training}
            lines.append(line | measured(n_runs, n_seeds, of_training, args.series))
            print(lines[-1], flush=True)
    settings = {
        "segments": N_SEGMENTS,
        "resamples": N_RESAMPLES,
        "confidence": CONFIDENCE,
        "series": args.series,
        "step": STEP,
    }
    RESULTS.write_text(json.dumps({**settings, "lines": lines}, indent=2) + "\n")


if __name__ == "__main__":
    main()
