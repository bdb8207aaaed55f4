"""Does a test fail when the code is wrong? Each mutant is a bug that would be easy to make and hard to see."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Mutant:
    """One bug: `old` becomes `new` in `file`, and `test` has to turn red."""

    file: str
    old: str
    new: str
    test: str


MUTANTS = {
    "sign of the margin": Mutant(
        "pipeline/grcf/loss/margins.py",
        "(above - base)[..., :, None]",
        "(above + base)[..., :, None]",
        "tests/grcf/loss/test_groupwise.py::test_a_larger_margin_never_costs_less",
    ),
    "order of the pair": Mutant(
        "pipeline/grcf/loss/margins.py",
        "group[:, None] > group[None, :]",
        "group[:, None] < group[None, :]",
        "tests/grcf/loss/test_groupwise.py::test_the_right_order_costs_less_than_the_wrong_one",
    ),
    "other dropout in the second pass": Mutant(
        "pipeline/grcf/fit/gradient_caching.py",
        "        _set_random_state(state, device)\n        computed",
        "        computed",
        "tests/grcf/fit/test_gradient_caching.py::test_gradients_with_dropout_equal_those_of_the_plain_computation",
    ),
    "easy pairs weigh more": Mutant(
        "pipeline/grcf/loss/advantages.py",
        "(-advantage).clamp(min=0)",
        "advantage.clamp(min=0)",
        "tests/grcf/loss/test_groupwise.py::test_the_harder_of_two_peers_weighs_more",
    ),
    "test split in training": Mutant(
        "stages/rank.py",
        'Path("data/align/valid")',
        'Path("data/align/test")',
        "tests/test_dag.py::test_only_evaluate_sees_the_test_split",
    ),
    "a shared page tells what was said": Mutant(
        "pipeline/inspector/page.py",
        "        if self.with_text:\n            clip",
        "        if self.root:\n            clip",
        "tests/inspector/test_page.py::test_without_text_neither_transcripts_nor_recordings_are_told",
    ),
    "a tie is in the wrong order": Mutant(
        "pipeline/inspector/discordant_pairs.py",
        "prediction[rows, None] < prediction[below]",
        "prediction[rows, None] <= prediction[below]",
        "tests/inspector/test_discordant_pairs.py::test_equal_predictions_are_not_in_the_wrong_order",
    ),
    "truth and prediction swapped": Mutant(
        "pipeline/evaluation/tables.py",
        "measure(truth, row, protocol=protocol)",
        "measure(row, truth, protocol=protocol)",
        "tests/evaluation/test_tables.py::test_truth_comes_first",
    ),
    "a corpus is measured on all segments": Mutant(
        "pipeline/artifacts/evaluated/predictions.py",
        'enumerate(self.names_of("corpus")) if corpus == name',
        'enumerate(self.names_of("corpus")) if corpus',
        "tests/evaluation/test_corpora.py::test_a_corpus_is_measured_on_its_own_segments_alone",
    ),
    "labels of test calibrate": Mutant(
        "pipeline/crossing/table.py",
        "source = _of(splits, CALIBRATED_ON, trained_on)",
        "source = _of(splits, settings.split, trained_on)",
        "tests/crossing/test_table.py::test_calibration_reads_labels_of_valid_alone",
    ),
    "mask inverted": Mutant(
        "pipeline/grcf/network/batches.py",
        "flat[row] & inside for",
        "~flat[row] & inside for",
        "tests/grcf/network/test_network.py::test_what_stands_in_an_invalid_row_changes_nothing",
    ),
    "invalid frames pooled": Mutant(
        "pipeline/align/pooling.py",
        "seen = np.where(sequence.valid[:, None],",
        "seen = np.where(~sequence.valid[:, None],",
        "tests/align/test_pooling.py::test_invalid_frames_do_not_count",
    ),
    "stage 2 from scratch": Mutant(
        "pipeline/grcf/calibrate.py",
        "network, _ = restore(ranked, device=device)",
        "from pipeline.grcf.network.checkpoints import build_network\n    network = build_network(columns=train.columns, settings=restore(ranked, device=device)[0].settings, seed=ranked.seed + 1)",
        "tests/grcf/test_stages_of_training.py::test_stage_two_starts_from_the_weights_of_stage_one",
    ),
    "normalisation on all words": Mutant(
        "pipeline/align/splits.py",
        "yield features[block][valid[block]].astype",
        "yield features[block].astype",
        "tests/align/test_splits.py::test_normalisation_is_fitted_on_the_valid_words_of_train",
    ),
    "a new recording without the scaler of training": Mutant(
        "pipeline/prediction/predicting.py",
        "return normalise(split, preprocessing.normalisation)",
        "return split",
        "tests/prediction/test_predicting.py::test_rows_are_scaled_by_the_numbers_of_training",
    ),
    "a playlist is followed": Mutant(
        "pipeline/media/container.py",
        '"format_whitelist": _FORMATS, ',
        "",
        "tests/media/test_broken.py::test_a_playlist_is_refused_and_nothing_in_it_is_opened",
    ),
    "a renamed file keeps the reason of its old name": Mutant(
        "pipeline/execution/clips.py",
        "self.name(results[position], segments[position])",
        "results[position]",
        "tests/extract/cached/test_naming.py::test_a_renamed_file_meets_its_entry_and_is_named_as_it_is_now",
    ),
    "a reworded progress line encodes a corpus again": Mutant(
        "pipeline/execution/workers.py",
        "import os\n",
        "import os\n\nimport pipeline.execution.progress\n",
        "tests/extract/test_closures.py::test_no_extractor_imports_what_carries_its_results",
    ),
    "a mirror is not undone": Mutant(
        "pipeline/media/video.py",
        "image[:: axes[1, 1], :: axes[0, 0]]",
        "image[:: axes[0, 0], :: axes[0, 0]]",
        "tests/media/test_video.py::test_mirrors_are_undone_like_turns",
    ),
    "a picture stands for pictures that are lost": Mutant(
        "pipeline/media/video.py",
        "if any(shown.time_s < lost_s < next_s for lost_s in facts.lost_s):",
        "if not facts:",
        "tests/media/test_video.py::test_pictures_that_cannot_be_decoded_are_counted_and_none_holds_in_their_place",
    ),
    "channels cancel": Mutant(
        "pipeline/media/audio.py",
        "cancels = of_mix < _CANCELLED * apart or",
        "cancels =",
        "tests/media/test_audio.py::test_channels_of_opposite_phase_do_not_cancel",
    ),
    "a pitch flips by an octave": Mutant(
        "pipeline/extract/audio/pitch.py",
        "_OCTAVE_JUMP = 1.0",
        "_OCTAVE_JUMP = 0.0",
        "tests/extract/audio/test_pitch.py::test_a_few_rows_of_doubtful_octave_do_not_flip",
    ),
    "a mesh is trusted unseen": Mutant(
        "pipeline/extract/visual/tracking.py",
        "followed.trusted = fresh is not None and place.agrees(_Place.of(fresh))",
        "followed.trusted = True",
        "tests/extract/visual/test_tracking.py::test_a_mesh_that_turns_onto_the_back_of_a_head_is_left_within_a_few_pictures",
    ),
    "rare rows leave words out": Mutant(
        "pipeline/align/splits.py",
        "max_gap_s=reach_s(sequence, max_gap_s=max_gap_s)",
        "max_gap_s=max_gap_s",
        "tests/align/test_splits.py::test_one_picture_a_second_reaches_every_short_word",
    ),
    "a half entry is a hit": Mutant(
        "pipeline/execution/cache.py",
        "content if is_whole(content) else None",
        "content",
        "tests/execution/test_cache_and_executor.py::test_a_damaged_entry_is_a_miss",
    ),
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """The code and its tests, to be broken."""
    path = tmp_path_factory.mktemp("mutants")
    for folder in ("pipeline", "stages", "plugins", "examples", "tests"):
        shutil.copytree(ROOT / folder, path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / file, path / file)
    return path


@pytest.fixture(scope="module")
def run_test(tree) -> Iterator[Callable[[str], dict[str, Any]]]:
    """Runs a test of the tree as it is now: `status` of pytest and what it `printed`."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV"))}
    with subprocess.Popen(
        [sys.executable, "tests/mutants_server.py"],
        cwd=tree,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:

        def ask(test: str) -> dict[str, Any]:
            server.stdin.write(f"{test}\n")
            server.stdin.flush()
            return json.loads(server.stdout.readline())

        yield ask
        server.stdin.close()


@pytest.mark.slow
def test_the_same_test_of_the_whole_code_is_green(run_test):
    green = run_test(MUTANTS["sign of the margin"].test)
    assert green["status"] == 0, green["printed"][-2000:]


@pytest.mark.parametrize("name", list(MUTANTS))
def test_a_mutant_fits_the_code_and_its_test_is_there(name):
    mutant = MUTANTS[name]
    assert (ROOT / mutant.file).read_text().count(mutant.old) == 1
    file, test = mutant.test.split("[")[0].split("::")
    assert f"def {test}(" in (ROOT / file).read_text()


@pytest.mark.slow
@pytest.mark.parametrize("name", list(MUTANTS))
def test_a_mutant_turns_its_test_red(tree, run_test, name):
    mutant = MUTANTS[name]
    file = tree / mutant.file
    text = file.read_text()
    assert text.count(mutant.old) == 1, "the mutant no longer fits the code"
    broken = text.replace(mutant.old, mutant.new)
    times = file.stat()
    try:
        file.write_text(broken)
        red = run_test(mutant.test)
    finally:
        file.write_text(text)
        # Byte code belongs to a source of its size and its second; those of the mutant and of the code may be the same.
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    # Exit status 1 means that a test failed; 2 to 5 that none could be run.
    assert red["status"] == 1, red["printed"][-2000:]
