"""Error of word onsets, and what is refused: `python -m benchmarks.alignment [--ctc MODEL]`.

espeak-ng speaks sentences that are not those of the demo corpus, in several voices and rates, and tells when each word begins. The
stage's own function finds the words again in the recordings: by forced alignment, by spreading them over the voiced part, and
(as what anyone could do without listening) by giving each the same share of the recording. Noise is white, its power that of the speech at 0 dB. Wrong
transcripts are other sentences of the list, whole, and their first three words.

`--ctc` measures a CTC model that the user names besides, and prints the table without writing it: results are those of
anybody who has the repository alone.
"""

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from demo.voice import Voice, synthesise
from pipeline.artifacts.corpus.segments import Segment
from pipeline.artifacts.corpus.words import SegmentWords
from pipeline.artifacts.formats.files import write_text
from pipeline.extract.tokens import tokenise
from pipeline.extract.words.locate import WordSettings, locate_words

RESULTS = Path(__file__).parent / "results/alignment.json"
RATE_HZ = 16_000
SILENCE_S = 0.5
NOISE_DB: tuple[float | None, ...] = (None, 10.0, 0.0)
VOICES = (
    Voice("en-us", rate_wpm=150),
    Voice("en-us+m3", rate_wpm=180, pitch=40),
    Voice("en-us+m7", rate_wpm=130, pitch_range=70),
    Voice("en-us+f2", rate_wpm=165),
    Voice("en-us+f3", rate_wpm=200, pitch=60),
    Voice("en", rate_wpm=170),
)
SENTENCES = (
    "The second half drags, but the last ten minutes are worth the wait.",
    "My neighbor returned hers twice before she gave up.",
    "I expected a comedy and got a lecture about taxes.",
    "Nobody told us that the kitchen closes at nine.",
    "Her voice carries the whole album, even the weaker songs.",
    "They fixed the engine for free and apologized for the delay.",
    "If you like long walks and quiet beaches, this island is for you.",
    "The keyboard feels cheap, yet it has survived two years of travel.",
    "We laughed so hard that the people behind us complained.",
    "It rained every day, the tent leaked, and we want to go back.",
    "Honestly, the plot makes no sense after the first murder.",
    "The doctor listened carefully and explained every step.",
    "Support never answered my messages, not even once.",
    "This soup tastes like my grandmother made it.",
    "He reads the audiobook as if he were ordering lunch.",
    "Fast delivery, good price, terrible smell.",
)


@dataclass(frozen=True)
class Spoken:
    """A sentence as a segment, and the true onset of most of its words."""

    segment: Segment
    onset_s: Mapping[int, float]


def speak(folder: Path, noise_db: float | None) -> Iterator[Spoken]:
    """Every sentence in every voice, between half seconds of silence."""
    random = np.random.default_rng(0)
    for n, voice in enumerate(VOICES):
        for k, text in enumerate(SENTENCES):
            speech = synthesise(text, voice)
            silence = np.zeros(round(SILENCE_S * RATE_HZ))
            sound = soxr.resample(speech.samples, speech.sample_rate_hz, RATE_HZ)
            samples = np.concatenate([silence, sound, silence])
            if noise_db is not None:
                scale = np.sqrt(np.square(sound).mean()) * 10 ** (-noise_db / 20)
                samples = samples + scale * random.standard_normal(len(samples))
            media = folder / f"{n}_{k}_{noise_db}.wav"
            soundfile.write(media, 0.5 * samples / np.abs(samples).max(), RATE_HZ)
            onset_s = {
                i: SILENCE_S + word.onset_s for i, word in enumerate(speech.words) if word.onset_s is not None
            }
            yield Spoken(_segment(media, text, len(samples) / RATE_HZ), onset_s)


def _segment(media: Path, text: str, duration_s: float) -> Segment:
    return Segment(
        id=media.stem,
        split="test",
        label=0.0,
        speaker="espeak",
        video=media.stem,
        language="en",
        text=text,
        media=str(media),
        media_sha256=None,
        has_audio=True,
        has_video=False,
        start_s=0.0,
        end_s=duration_s,
    )


def located(segment: Segment, aligner: Any, ctc_model: str | None = None) -> SegmentWords:
    """The words as stage `words` finds them."""
    settings = WordSettings(
        aligner=aligner,
        ctc_model=ctc_model,
        ctc_revision="main",
        recogniser="none",
        whisper_model=None,
        whisper_revision="main",
    )
    return locate_words(segment, settings)


def errors_ms(spoken: Spoken, starts_s: Sequence[float]) -> list[float]:
    """How far the onsets are from the true ones."""
    return [1000 * abs(starts_s[i] - onset_s) for i, onset_s in spoken.onset_s.items()]


def measure(noise_db: float | None, aligners: Mapping[str, str | None]) -> dict[str, Any]:
    """Errors and refusals at one level of noise."""
    errors: dict[str, list[float]] = defaultdict(list)
    refused: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory() as folder:
        everything = list(speak(Path(folder), noise_db))
        for n, spoken in enumerate(everything):
            tokens = tokenise(spoken.segment.text or "")
            even_s = np.arange(len(tokens)) / len(tokens) * spoken.segment.duration_s
            errors["uniform"] += errors_ms(spoken, even_s.tolist())
            spread = located(spoken.segment, "proportional")
            errors["proportional"] += errors_ms(spoken, [word.start_s for word in spread.words])
            other = SENTENCES[(n + 5) % len(SENTENCES)]
            texts = {
                "right": spoken.segment.text,
                "another_sentence": other,
                "three_other_words": " ".join(tokenise(other)[:3]),
            }
            for aligner, model in aligners.items():
                for kind, text in texts.items():
                    found = located(replace(spoken.segment, text=text), aligner, model)
                    refused[aligner][kind].append(found.align_method != "forced")
                    if kind == "right":
                        own = errors_ms(spoken, [word.start_s for word in found.words])
                        errors[f"{aligner}, else proportional"] += own
                        errors[aligner] += own if found.align_method == "forced" else []
    return {
        "onset_error_ms": {name: _summary(own) for name, own in sorted(errors.items())},
        "refused_share": {
            aligner: {kind: round(float(np.mean(own)), 3) for kind, own in kinds.items()}
            for aligner, kinds in refused.items()
        },
    }


def _summary(errors: Sequence[float]) -> dict[str, float]:
    if not errors:
        return {"n_words": 0}
    return {
        "mean": round(float(np.mean(errors)), 1),
        "median": round(float(np.median(errors)), 1),
        "percentile_95": round(float(np.percentile(errors, 95)), 1),
        "n_words": len(errors),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--ctc", metavar="MODEL", help="a CTC model to measure besides: folder or Hugging Face name"
    )
    arguments = parser.parse_args()
    aligners = {"pocketsphinx": None} | ({"ctc": arguments.ctc} if arguments.ctc else {})
    conditions = {
        "clean" if noise_db is None else f"noise_{noise_db:g}_db": measure(noise_db, aligners)
        for noise_db in NOISE_DB
    }
    found = {
        "mean_onset_error_ms": conditions["clean"]["onset_error_ms"]["pocketsphinx"]["mean"],
        "n_sentences": len(SENTENCES) * len(VOICES),
        "libraries": {name: version(name) for name in ("espeakng-loader", "numpy", "pocketsphinx")},
        "conditions": conditions,
    }
    text = json.dumps(found, indent=2) + "\n"
    print(text)
    if not arguments.ctc:
        write_text(RESULTS, text)


if __name__ == "__main__":
    main()
