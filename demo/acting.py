"""What the face does over time: lips after the phonemes, expression after the clip's face, and idle motion."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from demo.design import Clip, seed_of
from demo.face import Pose
from demo.voice import Speech

# How far the first letter of a phoneme's name opens the mouth; other sounds open it by `_CONSONANT`.
_OPENNESS = {
    "a": 0.75, "A": 0.8, "0": 0.7, "O": 0.65, "o": 0.6, "V": 0.65, "E": 0.6, "3": 0.45, "e": 0.5, "@": 0.4,
    "I": 0.32, "i": 0.28, "u": 0.28, "U": 0.3, "m": 0.0, "b": 0.0, "p": 0.0, "f": 0.05, "v": 0.05,
}  # fmt: skip
_CONSONANT = 0.16
_ROUNDED = "uUwoO"
_STRESS_MARKS = "',_:;|%="

_RESTING_SMILE = -0.7
_CLOSED = 0.95


def perform(
    clip: Clip, speech: Speech, times_s: Float[np.ndarray, " frame"]
) -> Iterator[tuple[dict[str, float], Pose]]:
    """The actions and the pose of every frame.

    Args:
        clip: the clip whose face view is acted.
        speech: the speech of the clip.
        times_s: times of the frames, relative to the first sample of the speech.
    """
    rng = np.random.default_rng(seed_of(f"{clip.id} acting"))
    openness, rounding = _lips(speech, times_s)
    felt = clip.face_view * clip.speaker.expressiveness
    smile_felt, brow_felt = np.clip(felt + rng.normal(0.0, 0.08, 2), -1.1, 1.1)
    presence = _onset(times_s) * _waver(times_s, rng)
    smile = (
        _RESTING_SMILE
        + clip.speaker.resting_smile
        + (1.15 if smile_felt > 0 else 1.0) * smile_felt * presence
    )
    accents = _accents(speech, times_s, rng)
    brow_raise = np.clip(0.55 * max(brow_felt, 0.0) * presence + 0.3 * accents, 0, 0.9)
    furrow = max(-brow_felt, 0.0) * presence
    blink = _blinks(times_s, rng)
    actions = {
        "open": openness,
        "close": _CLOSED * np.clip(1 - openness / 0.45, 0, 1),
        "pucker": 0.6 * rounding,
        "smile": smile,
        "brow_raise": brow_raise,
        "furrow": furrow,
        "blink": blink,
    }
    roll_deg, shift_x, shift_y, zoom = (size * _sway(times_s, rng) for size in (1.8, 3.0, 1.6, 0.012))
    for i in range(len(times_s)):
        pose = Pose(
            roll_deg=float(roll_deg[i]),
            shift_px=(float(shift_x[i]), float(shift_y[i] + 1.5 * accents[i])),
            zoom=1 + float(zoom[i]),
        )
        yield {name: float(track[i]) for name, track in actions.items()}, pose


def _lips(
    speech: Speech, times_s: Float[np.ndarray, " frame"]
) -> tuple[Float[np.ndarray, " frame"], Float[np.ndarray, " frame"]]:
    openness, rounding = np.zeros((2, len(times_s)))
    ends_s = [phoneme.onset_s for phoneme in speech.phonemes[1:]] + [speech.duration_s]
    for phoneme, end_s in zip(speech.phonemes, ends_s, strict=True):
        sound = phoneme.name.lstrip(_STRESS_MARKS)[:1]
        during = (times_s >= phoneme.onset_s) & (times_s < end_s)
        openness[during] = _OPENNESS.get(sound, _CONSONANT) if sound else 0.0
        rounding[during] = float(bool(sound) and sound in _ROUNDED)
    # Lips cannot jump: about 0.1 s of inertia at 25 frames per second.
    inertia = np.array([0.25, 0.5, 0.25])
    return np.convolve(openness, inertia, "same"), np.convolve(rounding, inertia, "same")


def _onset(times_s: Float[np.ndarray, " frame"]) -> Float[np.ndarray, " frame"]:
    """Expressions are half there from the start and fully there after half a second."""
    return 0.5 + 0.5 * np.clip((times_s + 0.1) / 0.5, 0, 1)


def _waver(times_s: Float[np.ndarray, " frame"], rng: np.random.Generator) -> Float[np.ndarray, " frame"]:
    return 0.85 + 0.15 * _sway(times_s, rng)


def _sway(times_s: Float[np.ndarray, " frame"], rng: np.random.Generator) -> Float[np.ndarray, " frame"]:
    """Slow, irregular motion in [-1, 1]."""
    slow_hz, fast_hz = rng.uniform(0.2, 0.35), rng.uniform(0.45, 0.7)
    slow, fast = rng.uniform(0, 2 * np.pi, 2)
    swing: np.ndarray = 0.7 * np.sin(2 * np.pi * slow_hz * times_s + slow)
    swing += 0.3 * np.sin(2 * np.pi * fast_hz * times_s + fast)
    return swing


def _accents(
    speech: Speech, times_s: Float[np.ndarray, " frame"], rng: np.random.Generator
) -> Float[np.ndarray, " frame"]:
    """A nod and a twitch of the brows on some stressed vowels; they mean nothing."""
    accents = np.zeros(len(times_s))
    for phoneme in speech.phonemes:
        if phoneme.name.startswith("'") and rng.random() < 0.4:
            size = rng.uniform(0.4, 1.0)
            accents = np.maximum(accents, size * np.exp(-(((times_s - phoneme.onset_s - 0.05) / 0.1) ** 2)))
    return accents


def _blinks(times_s: Float[np.ndarray, " frame"], rng: np.random.Generator) -> Float[np.ndarray, " frame"]:
    blink = np.zeros(len(times_s))
    at_s = times_s[0] + rng.uniform(0.2, 2.2)
    while at_s < times_s[-1]:
        blink = np.maximum(blink, np.exp(-(((times_s - at_s) / 0.06) ** 2)))
        at_s += rng.uniform(1.6, 3.5)
    return blink
