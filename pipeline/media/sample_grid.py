"""Where a block of sound begins, to the sample: a container that counts milliseconds tells it to half of one."""

from contextlib import suppress
from functools import lru_cache
from itertools import islice
from pathlib import Path

from pipeline.media.container import MediaError, identity, open_media, streams_of
from pipeline.media.linear_pass import Decoded, decode

# A decoder cuts the encoder's delay off the first block that it gives out, wherever a pass begins: such a block is shorter, and its
# time is rounded once more. That of the first block of all is rounded, too. Half a tick each, and half a sample.
_ROUNDINGS = 1.6
# Blocks that have to be of one size, for others to be taken for that; steady sound has long ones for a while in codecs that vary them.
_LOOKED_AT = 65
_VARYING = {"vorbis", "libvorbis", "wmav1", "wmav2", "wmapro", "wmalossless"}


def first_sample(path: Path, block: Decoded, *, rank: int) -> int:
    """The place of a block's first sample, in samples from the start of the recording.

    Matroska, WebM, Flash and ASF round times to milliseconds. A pass that begins in the middle of a recording would be off by half of
    one from a pass that counted from the start. But most codecs have blocks of one size, so a block ends a whole number of them
    behind the end of the first; where that is as close as rounding allows, it is the place.

    Args:
        path: the recording.
        block: a decoded block of its sound.
        rank: which sound track, see `decode`.
    """
    rate_hz, n_samples = int(block.frame.sample_rate), int(block.frame.samples)
    told, tick = block.time_s * rate_hz, float(block.frame.time_base * rate_hz)
    if tick <= 1 or block.time_s <= 0:
        return round(told)
    grid = _grid(path, identity(path), rank)
    if grid is None:
        return round(told)
    first_end, size = grid
    counted = first_end + round((told + n_samples - first_end) / size) * size - n_samples
    return counted if abs(counted - told) < _ROUNDINGS * tick else round(told)


@lru_cache(maxsize=64)
def _grid(path: Path, _: tuple[int, ...], rank: int) -> tuple[int, int] | None:
    """Where the first block of a track ends, and how many samples the next ones have; None where that varies or is unknown."""
    if _codec(path, rank) in _VARYING:
        return None
    blocks = decode(path, "audio", start_s=0.0, rank=rank)
    try:
        found = list(islice(blocks, _LOOKED_AT))
    except MediaError:
        return None
    finally:
        blocks.close()
    # The last block of a recording may be cut off.
    whole = found[1:] if len(found) == _LOOKED_AT else found[1:-1]
    sizes = {int(block.frame.samples) for block in whole}
    if len(sizes) != 1:
        return None
    rate_hz = int(found[0].frame.sample_rate)
    return round(found[0].time_s * rate_hz) + int(found[0].frame.samples), sizes.pop()


def _codec(path: Path, rank: int) -> str | None:
    """Name of the codec of a sound track; None where the recording cannot be opened."""
    with suppress(MediaError), open_media(path) as container:
        return str(streams_of(container, "audio")[rank].codec_context.name)
    return None
