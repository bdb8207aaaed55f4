"""Pictures that are blurred, taken in low light, and encoded again."""

import io
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from pipeline.media.video import Frame

Image = UInt8[np.ndarray, "height width 3"]
OtherSize = UInt8[np.ndarray, "_ _ 3"]

# A small sensor, as in a telephone or a webcam: electrons that a white pixel collects in good light, and those of reading it out.
_WHITE_ELECTRONS, _READ_ELECTRONS = 5000.0, 3.0
# Not H.264: its encoder is under the GPL. A bit rate of 0 leaves the size to the rate factor.
_VP9 = {"b": "0", "deadline": "good", "cpu-used": "4"}
TIME_BASE = Fraction(1, 1_000_000)
"""Unit of the times of pictures in what is encoded."""


def blurred(image: Image, *, sigma_px: float) -> Image:
    """A picture through a Gaussian with a standard deviation of `sigma_px` pixels."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), np.uint8)


def in_low_light(image: Image, *, light: float, rng: np.random.Generator) -> Image:
    """A picture taken with a share of the light, by a camera that does not adapt.

    Light is linear, so values are taken through the curve of sRGB (IEC 61966-2-1) and back. The photons that are left come by
    chance (shot noise, with 5000 electrons in a white pixel at full light), and reading them out adds 3 electrons of noise.

    Args:
        image: the picture in sRGB.
        light: share of the light that is left, above 0 and at most 1.
        rng: generator of the noise.
    """
    electrons = _LINEAR[image] * np.float32(light * _WHITE_ELECTRONS)
    noise = rng.standard_normal(image.shape, np.float32)
    electrons += noise * np.sqrt(electrons + np.float32(_READ_ELECTRONS**2))
    linear = np.clip(electrons / np.float32(_WHITE_ELECTRONS), 0, 1)
    encoded = np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** np.float32(1 / 2.4) - np.float32(0.055)
    )
    return np.asarray(np.rint(255 * encoded), np.uint8)


def encoded_again(frames: Iterable[Frame], *, crf: float) -> Iterator[Frame]:
    """Pictures that went through VP9 (libvpx, 4:2:0) with a constant rate factor, at their own times.

    The encoded stream is held in memory, no picture but those under way. Pictures of another size than the first are scaled to it.

    Args:
        frames: the pictures.
        crf: constant rate factor, 0 to 63; more is worse.
    """
    encoded, times_s = io.BytesIO(), list[float]()
    size: tuple[int, int] | None = None
    with av.open(encoded, "w", format="nut") as container:
        stream: Any = None
        for frame in frames:
            if stream is None or size is None:
                size = frame.image.shape[0], frame.image.shape[1]
                stream = video_stream(
                    container, "libvpx-vp9", _even(frame.image), "yuv420p", {**_VP9, "crf": f"{crf:g}"}
                )
            times_s.append(frame.time_s)
            container.mux(stream.encode(as_video(_even(scaled(frame.image, size)), frame.time_s)))
        if stream is not None:
            container.mux(stream.encode(None))
    if size is None:
        return
    encoded.seek(0)
    height, width = size
    with av.open(encoded, format="nut") as container:
        # An encoder may move the times of its stream.
        for time_s, decoded in zip(times_s, container.decode(video=0), strict=True):
            yield Frame(time_s, np.ascontiguousarray(decoded.to_ndarray(format="rgb24")[:height, :width]))


def video_stream(container: Any, codec: str, image: Image, pixels: str, options: dict[str, str]) -> Any:
    """A stream for pictures of one size with times in `TIME_BASE`; one thread, so that bits do not depend on the machine."""
    stream = container.add_stream(codec, options=options)
    stream.height, stream.width = image.shape[:2]
    stream.pix_fmt = pixels
    stream.codec_context.time_base = stream.time_base = TIME_BASE
    stream.codec_context.thread_count = 1
    return stream


def scaled(image: Image, size: tuple[int, int]) -> OtherSize:
    """A picture of the height and width that are wanted."""
    if image.shape[:2] == size:
        return image
    return np.asarray(cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)


def as_video(image: Image, time_s: float) -> Any:
    """A picture for an encoder, at its time in seconds."""
    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    picture.pts, picture.time_base = round(time_s / TIME_BASE), TIME_BASE
    return picture


def _even(image: Image) -> OtherSize:
    """A picture whose sides are even, as 4:2:0 needs it: the last row or column comes twice."""
    height, width = image.shape[:2]
    return np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _linear() -> Float32[np.ndarray, "256"]:
    value = np.arange(256) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return linear.astype(np.float32)


_LINEAR = _linear()
