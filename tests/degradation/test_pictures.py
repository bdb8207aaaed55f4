"""What is done to pictures is of the size that its name says."""

import numpy as np
import pytest

from pipeline.degradation.pictures import blurred, encoded_again, in_low_light
from pipeline.media.video import Frame


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def scene(height: int = 90, width: int = 120) -> np.ndarray:
    """A smooth picture with an edge and some texture."""
    y, x = np.mgrid[:height, :width]
    grey = 110 + 60 * np.sin(x / 9) * np.cos(y / 7) + 40 * (x > width / 2)
    return np.repeat(grey[:, :, None], 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize("sigma_px", [1.0, 2.5, 6.0])
def test_a_point_is_spread_with_the_standard_deviation_that_is_asked_for(sigma_px):
    image = np.zeros((101, 101, 3), np.uint8)
    image[:, 50:] = 255  # an edge becomes the integral of the Gaussian
    profile = np.diff(blurred(image, sigma_px=sigma_px)[50, :, 0].astype(float)) / 255
    position = np.arange(len(profile)) + 0.5
    mean = np.dot(profile, position)
    assert np.sqrt(np.dot(profile, (position - mean) ** 2)) == pytest.approx(sigma_px, rel=0.06)


@pytest.mark.parametrize("light", [1.0, 0.25, 0.05])
def test_the_share_of_light_is_one_of_linear_light(light):
    grey = np.full((200, 200, 3), 188, np.uint8)  # half of the light of white
    values = in_low_light(grey, light=light, rng=rng()) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    assert linear.mean() == pytest.approx(0.503 * light, rel=0.02)


def test_less_light_is_noisier_for_its_brightness():
    grey = np.full((200, 200, 3), 188, np.uint8)
    relative = [
        (image := in_low_light(grey, light=light, rng=rng())).std() / image.mean()
        for light in (1.0, 0.2, 0.04)
    ]
    assert relative == sorted(relative)
    assert relative[0] < 0.02


def test_noise_of_a_seed_is_the_same_and_that_of_another_is_not():
    first, again, other = (in_low_light(scene(), light=0.1, rng=rng(seed)) for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes()
    assert (first != other).mean() > 0.3


@pytest.mark.parametrize("size", [(90, 120), (91, 121), (17, 2), (1, 1)])
def test_pictures_of_every_size_are_encoded_at_their_own_times(size):
    times_s = [0.1, 0.14, 0.3, 1.9, 1.95, 4.0]  # a variable frame rate
    frames = [Frame(time_s, np.roll(scene(*size), n, axis=1)) for n, time_s in enumerate(times_s)]
    made = list(encoded_again(frames, crf=20.0))
    assert [frame.time_s for frame in made] == times_s
    assert {frame.image.shape for frame in made} == {(*size, 3)}
    if size[0] > 50:
        for frame, picture in zip(frames, made, strict=True):
            assert np.abs(frame.image.astype(int) - picture.image).mean() < 4


def test_a_higher_rate_factor_leaves_less_of_the_picture():
    frames = [Frame(n / 25, np.roll(scene(), n, axis=1)) for n in range(10)]

    def error(crf: float) -> float:
        pairs = zip(frames, encoded_again(frames, crf=crf), strict=True)
        return float(np.mean([np.abs(a.image.astype(int) - b.image).mean() for a, b in pairs]))

    errors = [error(crf) for crf in (10.0, 40.0, 60.0)]
    assert errors == sorted(errors)
    assert errors[-1] > 3 * errors[0]


def test_a_picture_whose_size_changes_is_scaled_and_none_is_no_reason_to_fail():
    made = list(encoded_again([Frame(0.0, scene()), Frame(0.1, scene(180, 240))], crf=20.0))
    assert [frame.image.shape for frame in made] == [(90, 120, 3)] * 2
    assert list(encoded_again([], crf=20.0)) == []
