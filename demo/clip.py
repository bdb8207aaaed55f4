"""One clip, from its design to the bytes of its file."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
from jaxtyping import Float, UInt8

from demo.acting import perform
from demo.design import Clip, delivery, seed_of
from demo.face import HEIGHT_PX, WIDTH_PX, Head
from demo.voice import Speech, synthesise

FRAME_RATE_HZ = 25
SHORTEST_S, LONGEST_S = 2.0, 4.0
_LEAD_S = (0.12, 0.28)
_TAIL_S = (0.22, 0.38)

_SPEECH_LEVEL_DB = -24.0
_ROOM_LEVEL_DB = -58.0

# x264 cuts its work by thread, so its bytes depend on how many there are; and with assembly they also depend on what
# was in memory before (5 runs gave 4 files from identical frames at this size; without it, one).
_VIDEO_OPTIONS = {"crf": "24", "preset": "slow", "x264-params": "threads=1:lookahead-threads=1:asm=0"}
_AUDIO_BIT_RATE = 40_000
_AAC_FRAME_SAMPLES = 1024


def speak(clip: Clip) -> Speech:
    """The sound of a clip: the sentence, silence around it, the noise of a room; true times from the clip's start.

    Raises:
        ValueError: the sentence takes too long to say.
    """
    rng = np.random.default_rng(seed_of(f"{clip.id} sound"))
    voice = delivery(clip)
    said = synthesise(clip.sentence.text, replace(voice, gain_db=0.0))
    rate_hz = said.sample_rate_hz
    lead_s, tail_s = rng.uniform(*_LEAD_S), rng.uniform(*_TAIL_S)
    n_frames = int(np.ceil(max(lead_s + said.duration_s + tail_s, SHORTEST_S + 0.04) * FRAME_RATE_HZ))
    if n_frames >= LONGEST_S * FRAME_RATE_HZ:
        raise ValueError(
            f"{clip.id}: {clip.sentence.text!r} takes {said.duration_s:.2f} s, too long for a clip"
        )
    n_lead = round(lead_s * rate_hz)
    samples = _room(n_frames * rate_hz // FRAME_RATE_HZ, rng)
    # Variants of espeak-ng differ by 10 dB; only the clip's own gain should be heard.
    level_db = 10 * np.log10(np.mean(said.samples**2))
    gain = _ratio(_SPEECH_LEVEL_DB - level_db + voice.gain_db)
    samples[n_lead : n_lead + len(said.samples)] += gain * said.samples
    lead_s = n_lead / rate_hz
    return Speech(
        samples=np.clip(samples, -1, 1),
        sample_rate_hz=rate_hz,
        words=tuple(
            replace(word, onset_s=None if word.onset_s is None else word.onset_s + lead_s)
            for word in said.words
        ),
        phonemes=tuple(replace(phoneme, onset_s=phoneme.onset_s + lead_s) for phoneme in said.phonemes),
    )


def make(clip: Clip, path: Path) -> None:
    """Speak, act and write a clip as MP4: H.264, 320x240 at 25 frames per second, and mono AAC."""
    speech = speak(clip)
    times_s = np.arange(round(speech.duration_s * FRAME_RATE_HZ)) / FRAME_RATE_HZ
    head = Head(clip.speaker.look)
    pictures = (head.render(actions, pose) for actions, pose in perform(clip, speech, times_s))
    _write(path, pictures, speech)


def _room(n_samples: int, rng: np.random.Generator) -> Float[np.ndarray, " sample"]:
    """Pink noise, so that a pause is quiet but not digital silence."""
    spectrum = np.fft.rfft(rng.normal(size=n_samples))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
    noise = np.fft.irfft(spectrum, n_samples)
    pink: np.ndarray = noise / np.sqrt(np.mean(noise**2)) * _ratio(_ROOM_LEVEL_DB)
    return pink


def _ratio(level_db: float) -> float:
    return float(10 ** (level_db / 20))


def _write(path: Path, pictures: Iterable[UInt8[np.ndarray, "height width rgb=3"]], speech: Speech) -> None:
    with av.open(
        str(path), "w", format="mp4", options={"fflags": "+bitexact", "movflags": "+faststart"}
    ) as file:
        video = file.add_stream("libx264", rate=FRAME_RATE_HZ, options=_VIDEO_OPTIONS)
        video.width, video.height, video.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        video.codec_context.thread_count = 1
        audio = file.add_stream("aac", rate=speech.sample_rate_hz, layout="mono", bit_rate=_AUDIO_BIT_RATE)
        for picture in pictures:
            file.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(video.encode(None))
        samples = speech.samples.astype(np.float32)[None]
        for start in range(0, samples.shape[1], _AAC_FRAME_SAMPLES):
            block = np.ascontiguousarray(samples[:, start : start + _AAC_FRAME_SAMPLES])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = speech.sample_rate_hz, start
            file.mux(audio.encode(frame))
        file.mux(audio.encode(None))
