"""Blocks of sound that vary in size are on no grid, though the first of them may look as if they were."""

import av
import numpy as np
import pytest

from pipeline.media.container import identity
from pipeline.media.sample_grid import _grid

RATE_HZ = 48_000


def write(path, sizes):
    """PCM in packets of these sizes."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono")
        first = 0
        for size in sizes:
            frame = av.AudioFrame.from_ndarray(np.ones((1, size), np.int16), "s16", "mono")
            frame.sample_rate, frame.pts = RATE_HZ, first
            container.mux(stream.encode(frame))
            first += size
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("sizes", "size"),
    [
        ([1024] * 80, 1024),
        ([512] + [1024] * 80, 1024),
        ([1024] * 9 + [300], 1024),
        ([1024] * 4 + [128, 576, 1024] * 30, None),
        ([1024] * 40 + [576] * 40, None),
        ([1024] * 2, None),
    ],
)
def test_a_grid_is_what_all_of_the_first_blocks_fit(tmp_path, sizes, size):
    path = tmp_path / "a.mkv"
    write(path, sizes)
    grid = _grid(path, identity(path), 0)
    assert grid == (None if size is None else (sizes[0], size))
