"""What samples remember is bounded: many rows of predictions are measured in the memory of few."""

import tracemalloc

import numpy as np

from pipeline.evaluation.protocols import MOSI
from pipeline.evaluation.samples import Samples, digest_of

N_SEGMENTS = 20_000


def measure_rows(n_rows: int, rng: np.random.Generator) -> None:
    truth = np.round(rng.uniform(-3, 3, N_SEGMENTS), 1)
    for _ in range(n_rows):
        MOSI.ranking.function(truth, rng.normal(size=N_SEGMENTS))


def test_rows_that_were_measured_leave_nothing_behind():
    rng = np.random.default_rng(0)
    measure_rows(3, rng)
    tracemalloc.start()
    measure_rows(3, rng)
    before, _ = tracemalloc.get_traced_memory()
    measure_rows(30, rng)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 10 * N_SEGMENTS * 8, (
        "the tables of one row are some twenty numbers for each segment"
    )


def test_what_blocks_share_of_a_row_is_computed_once_and_what_they_do_not_share_is_not_kept():
    computed = []
    shared: dict = {}
    for of_rows, n in ((shared, 1), (None, 4)):
        computed.clear()
        for _ in range(2):
            samples = Samples(np.ones((1, 3)), of_rows)
            for _ in range(2):
                samples.of_row("row", lambda: computed.append("row"))
        assert len(computed) == n


def test_an_array_that_is_changed_between_two_sums_is_added_up_anew():
    samples = Samples(np.ones((1, 3)), {})
    values = np.array([1.0, 2.0, 3.0])
    assert samples.total(values).tolist() == [6.0]
    values *= 2
    assert samples.total(values).tolist() == [12.0]


def test_an_array_in_the_place_of_one_that_is_gone_has_a_digest_of_its_own():
    samples = Samples(np.ones((1, 3)), {})
    for number in range(50):
        values = np.full(3, float(number))
        assert samples.digest(values) == samples.digest(values) == digest_of(np.full(3, float(number)))
        del values
