"""What there is to tell about one prediction, in sentences: what was available, and what makes it doubtful."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.artifacts.corpus.sequences import MODALITIES
from pipeline.corpus.scripts import foreign_script
from pipeline.extract.audio.classic import VOICED
from pipeline.pages.numbers import short
from pipeline.prediction.model import Model
from pipeline.prediction.observed import LEARNT_FROM
from pipeline.prediction.predicting import Prediction

# Times the longest segment of training, from where a recording is called long.
_MUCH_LONGER = 1.5

_CALLED = {"text": "text", "audio": "sound", "visual": "face"}
METHODS = {
    "given": "at the times that were given",
    "forced": "timed by forced alignment with the sound",
    "proportional": "spread over the voiced part in proportion to their length",
    "recognised": "recognised without a transcript, so roughly",
    "none": "no words",
}


@dataclass(frozen=True)
class Available:
    """How much of a recording reached the model; `n_` are counts, `_s` seconds, None where nothing was looked at.

    `sound_s` is how much of the segment was recorded, `voiced_share` the part of that in which a voice was heard.
    `n_frames` pictures were looked at, and `n_faces` of them showed a face.
    """

    n_words: int
    n_words_used: int
    align_method: str
    sound_s: float | None
    voiced_share: float | None
    n_frames: int | None
    n_faces: int


def available(prediction: Prediction, columns_of_audio: list[str]) -> Available:
    """Count what the extractors found."""
    observed = prediction.observed
    audio, visual = observed.sequences["audio"], observed.sequences["visual"]
    recorded = audio.valid
    sound_s = voiced_share = None
    if len(recorded):
        sound_s = float(recorded.mean()) * observed.segment.duration_s
        if "voicing" in columns_of_audio and recorded.any():
            voicing = audio.values[recorded, columns_of_audio.index("voicing")]
            voiced_share = float(np.mean(voicing >= VOICED))
    return Available(
        n_words=len(observed.spoken.words),
        n_words_used=len(prediction.words),
        align_method=observed.spoken.align_method,
        sound_s=sound_s,
        voiced_share=voiced_share,
        n_frames=len(visual.valid) or None,
        n_faces=int(visual.valid.sum()),
    )


def words_sentence(found: Available) -> str:
    """How many words there are and where their times come from."""
    if not found.n_words:
        return "none"
    return f"{found.n_words}, {METHODS[found.align_method]}"


def sound_sentence(found: Available, duration_s: float) -> str:
    """How much sound there is."""
    if found.sound_s is None:
        return "none"
    voiced = "" if found.voiced_share is None else f", a voice in {100 * found.voiced_share:.0f} % of it"
    return f"{found.sound_s:.2f} of {duration_s:.2f} s{voiced}"


def face_sentence(found: Available) -> str:
    """In how many pictures there is a face."""
    if found.n_frames is None:
        return "none"
    share = 100 * found.n_faces / found.n_frames
    return f"in {found.n_faces} of {found.n_frames} pictures ({share:.0f} %)"


def notes(model: Model, prediction: Prediction, found: Available) -> list[str]:
    """Whatever makes this recording unlike those of training, a sentence each."""
    return list(_notes(model, prediction, found))


def _notes(model: Model, prediction: Prediction, found: Available) -> Iterator[str]:
    observed, train = prediction.observed, model.preprocessing.train
    segment = observed.segment
    yield from observed.notes
    if segment.media is None:
        yield "There is no recording, so the sound and the face count as absent."
    for modality in MODALITIES:
        sequence = observed.sequences[modality]
        yield from (f"{note[:1].upper()}{note[1:]}." for note in sequence.notes)
        failure = sequence.failure
        if failure is None or (segment.media is None and modality != "text"):
            continue
        lacking = observed.lacking(modality)
        if lacking is None or "precomputed" in model.preprocessing.extractors[modality]:
            yield f"{failure[:1].upper()}{failure[1:]}".rstrip(".") + "."
        else:
            yield f"{segment.media} has {lacking}, so the {_CALLED[modality]} counts as absent."
    for modality in model.checkpoints[0].network.get("unlearnt", ()):
        if observed.sequences[modality].valid.any():
            yield (
                f"No segment that the model learnt from had {LEARNT_FROM[modality]}, so it goes on without {_CALLED[modality]}."
            )
    if found.n_frames and not found.n_faces:
        yield f"No face was found in any of {found.n_frames} pictures, so the face counts as absent."
    if found.sound_s == 0:
        yield "The sound track is muted, so the sound counts as absent."
    if not found.n_words and segment.text is None:
        yield (
            "There is no transcript and no word was recognised (words.recogniser was "
            f"{model.preprocessing.words['settings']['recogniser']} in training); give one with --transcript."
        )
    if found.align_method == "recognised":
        yield (
            f"Recognised words are rough (confidence {observed.spoken.confidence:.2f} of 1); give a transcript with "
            "--transcript."
        )
    if found.n_words > found.n_words_used:
        yield (
            f"Only the first {found.n_words_used} of {found.n_words} words count, as in training (align.max_words); what "
            "comes later is not looked at."
        )
    lasted = train["duration_s"]
    if segment.duration_s > _MUCH_LONGER * lasted["max"]:
        yield (
            f"It lasts {segment.duration_s:.1f} s and is predicted as a whole, but the segments of training lasted "
            f"{lasted['median']:.1f} s in the median and {lasted['max']:.1f} s at most; cut it by --start-s and --end-s."
        )
    spoken, known = (
        re.split("[-_]", code.lower())[0] for code in (segment.language, model.preprocessing.language)
    )
    if spoken != known:
        yield f"It is in {segment.language}, but the model was trained on {model.preprocessing.language}."
    words = " ".join(word.text for word in observed.spoken.words)
    foreign = foreign_script([(spoken, words)])
    if foreign is not None:
        script, _, share = foreign
        yield (
            f"{share:.0%} of its letters are {script}, but its language is {segment.language}; name another with --language, and a model "
            "that was trained on it with --model."
        )
    if not model.classes and not train["label_min"] <= prediction.mean <= train["label_max"]:
        yield (
            f"The prediction lies outside the range of the training labels, {short(train['label_min'])} to {short(train['label_max'])}."
        )
