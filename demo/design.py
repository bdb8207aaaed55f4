"""The corpus on paper: who says what, how it sounds and looks, and what the panel made of it.

Everything here is drawn from one seed, without media. `demo/README.md` describes the design.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from demo.cast import SPEAKERS, Speaker, Split
from demo.script import SENTENCES, Sentence
from demo.voice import Voice

Condition = Literal["congruent", "plain_words", "flat_voice", "neutral_face", "irony"]

SEED = 2602
N_CLIPS_PER_SPEAKER = 16
N_ANNOTATORS = 5

# Of every five sentences, taken in the order of their rating, so many go to a split.
_SENTENCES_OF_FIVE: dict[Split, int] = {"train": 3, "valid": 1, "test": 1}

# Two mixes that alternate over the speakers of a split, so that every split has the same shares.
_MIXES: tuple[dict[Condition, int], ...] = (
    {"plain_words": 3, "irony": 2, "flat_voice": 2, "neutral_face": 5, "congruent": 4},
    {"plain_words": 3, "irony": 1, "flat_voice": 3, "neutral_face": 4, "congruent": 5},
)
_N_MISLABELLED: dict[Split, int] = {"train": 9, "valid": 2, "test": 2}
_MISLABELLED_BY_AT_LEAST = 1.5

# Shares of the rounded sentiments -3 … 3 among clips whose words are plain: about those of CMU-MOSI.
_PRIOR = np.array([4, 17, 18, 18, 18, 21, 4]) / 100

_LATENT_SD: dict[Condition, float] = {
    "congruent": 0.6,
    "plain_words": 0.0,
    "flat_voice": 0.6,
    "neutral_face": 0.6,
    "irony": 0.4,
}
_ANNOTATOR_SD = 0.7


@dataclass(frozen=True)
class Channel:
    """How well a voice or a face shows the sentiment: `strength · z / 3 + noise`, strength uniform in its range."""

    strength: tuple[float, float]
    noise_sd: float


_HEARD = Channel(strength=(0.5, 1.0), noise_sd=0.18)
_WELL_HEARD = Channel(strength=(0.8, 1.1), noise_sd=0.12)
# A face is easier to measure than a voice, so it is the less honest of the two: else it would be all that one needs.
_SEEN = Channel(strength=(0.45, 0.95), noise_sd=0.25)
_WELL_SEEN = Channel(strength=(0.8, 1.1), noise_sd=0.15)
_HIDDEN = Channel(strength=(0.0, 0.0), noise_sd=0.05)

_CHANNELS: dict[Condition, dict[Literal["voice", "face"], Channel]] = {
    "congruent": {"voice": _HEARD, "face": _SEEN},
    "plain_words": {"voice": _WELL_HEARD, "face": _WELL_SEEN},
    "flat_voice": {"voice": _HIDDEN, "face": _SEEN},
    "neutral_face": {"voice": _HEARD, "face": _HIDDEN},
    "irony": {"voice": _HEARD, "face": _WELL_SEEN},
}


@dataclass(frozen=True)
class Clip:
    """One clip of the corpus, and what lies behind it.

    Attributes:
        id: id made of speaker and number, such as `s01_01`.
        speaker: the person who speaks.
        sentence: sentence that is spoken.
        condition: modalities that carry the sentiment.
        sentiment: the latent sentiment z in [-3, 3].
        voice_view: sentiment that the voice shows, in [-1, 1].
        face_view: sentiment that the face shows, in [-1, 1].
        mislabelled: whether the panel rated something else.
        label: mean of the panel's whole-numbered ratings, in [-3, 3].
    """

    id: str
    speaker: Speaker
    sentence: Sentence
    condition: Condition
    sentiment: float
    voice_view: float
    face_view: float
    mislabelled: bool
    label: float


def seed_of(name: str) -> int:
    """A seed that depends on a name alone, not on what was drawn before."""
    return int.from_bytes(hashlib.sha256(f"{SEED} {name}".encode()).digest()[:8], "big")


def corpus() -> tuple[Clip, ...]:
    """All clips, ordered by id; the same at every call."""
    clips: list[Clip] = []
    for split, sentences in _deal_to_splits(SENTENCES).items():
        clips += _split_clips(split, sentences)
    return tuple(sorted(clips, key=lambda clip: clip.id))


def delivery(clip: Clip) -> Voice:
    """The speaker's voice coloured by what the clip's voice shows; rate, pitch, range and level each err a little."""
    rng = np.random.default_rng(seed_of(f"{clip.id} delivery"))
    rate, pitch, pitch_range, gain = clip.voice_view + rng.normal(0.0, 0.15, 4)
    rest = clip.speaker.voice
    return Voice(
        name=rest.name,
        rate_wpm=round(rest.rate_wpm * (1 + 0.12 * rate)),
        pitch=int(np.clip(round(rest.pitch + 18 * pitch), 0, 99)),
        pitch_range=int(np.clip(round(rest.pitch_range + 35 * pitch_range), 0, 99)),
        gain_db=round(rest.gain_db + 4.0 * gain + rng.normal(0.0, 1.0), 2),
    )


def _deal_to_splits(sentences: Iterable[Sentence]) -> dict[Split, list[Sentence]]:
    """Deal every fifth sentence of each kind of clip to `valid` and `test`, so that the splits have like ratings."""
    rng = np.random.default_rng(seed_of("splits"))
    hands: dict[Split, list[Sentence]] = {split: [] for split in _SENTENCES_OF_FIVE}
    order = [split for split, share in _SENTENCES_OF_FIVE.items() for _ in range(share)]
    for deck in _decks(sentences).values():
        for start in range(0, len(deck), len(order)):
            for place, sentence in zip(
                rng.permutation(len(order)), deck[start : start + len(order)], strict=True
            ):
                hands[order[place]].append(sentence)
    return hands


def _decks(sentences: Iterable[Sentence]) -> dict[Literal["plain", "ironic", "felt"], list[Sentence]]:
    """The sentences by the kind of clip that they can serve, in the order of their rating."""
    decks: dict[Literal["plain", "ironic", "felt"], list[Sentence]] = {"plain": [], "ironic": [], "felt": []}
    for sentence in sorted(sentences, key=lambda sentence: (sentence.meant, sentence.text)):
        decks[sentence.kind if sentence.kind in ("plain", "ironic") else "felt"].append(sentence)
    return decks


def _split_clips(split: Split, sentences: Iterable[Sentence]) -> list[Clip]:
    rng = np.random.default_rng(seed_of(f"{split} clips"))
    speakers = [speaker for speaker in SPEAKERS if speaker.split == split]
    mixes = [_MIXES[i % len(_MIXES)] for i in range(len(speakers))]
    decks = _decks(sentences)
    hands = {
        "plain": _deal_to_speakers(decks["plain"], [mix["plain_words"] for mix in mixes], rng),
        "ironic": _deal_to_speakers(decks["ironic"], [mix["irony"] for mix in mixes], rng),
        "felt": _deal_to_speakers(
            decks["felt"],
            [mix["flat_voice"] + mix["neutral_face"] + mix["congruent"] for mix in mixes],
            rng,
        ),
    }
    plain_sentiments = iter(_spread_sentiments(len(decks["plain"]), rng))
    mislabelled = set(
        rng.choice(len(speakers) * N_CLIPS_PER_SPEAKER, _N_MISLABELLED[split], replace=False).tolist()
    )
    clips: list[Clip] = []
    for i, (speaker, mix) in enumerate(zip(speakers, mixes, strict=True)):
        felt = iter([hands["felt"][i][k] for k in rng.permutation(len(hands["felt"][i]))])
        cast: list[tuple[Condition, Sentence, float]] = [
            *(("plain_words", sentence, next(plain_sentiments)) for sentence in hands["plain"][i]),
            *(("irony", sentence, sentence.meant) for sentence in hands["ironic"][i]),
        ]
        for condition in ("flat_voice", "neutral_face", "congruent"):
            cast += [(condition, s, s.meant) for s in (next(felt) for _ in range(mix[condition]))]
        for number, place in enumerate(rng.permutation(len(cast)), start=1):
            condition, sentence, centre = cast[place]
            clip_id = f"{speaker.id}_{number:02d}"
            clips.append(
                _clip(clip_id, speaker, sentence, condition, centre, mislabelled=len(clips) in mislabelled)
            )
    return clips


def _deal_to_speakers(
    deck: Sequence[Sentence], hand_sizes: Sequence[int], rng: np.random.Generator
) -> list[list[Sentence]]:
    """Deal in rounds, in a new order each round, until every hand is full."""
    hands: list[list[Sentence]] = [[] for _ in hand_sizes]
    left = iter(deck)
    while open_hands := [i for i, size in enumerate(hand_sizes) if len(hands[i]) < size]:
        for i in rng.permutation(open_hands):
            hands[i].append(next(left))
    return hands


def _clip(
    clip_id: str,
    speaker: Speaker,
    sentence: Sentence,
    condition: Condition,
    centre: float,
    *,
    mislabelled: bool,
) -> Clip:
    rng = np.random.default_rng(seed_of(clip_id))
    sentiment = float(np.clip(centre + rng.normal(0.0, _LATENT_SD[condition]), -3, 3))
    views = {name: _view(sentiment, channel, rng) for name, channel in _CHANNELS[condition].items()}
    rated = sentiment
    while mislabelled and abs(rated - sentiment) < _MISLABELLED_BY_AT_LEAST:
        rated = _spread_sentiments(1, rng)[0]
    ratings = np.clip(np.rint(rated + rng.normal(0.0, _ANNOTATOR_SD, N_ANNOTATORS)), -3, 3)
    return Clip(
        id=clip_id,
        speaker=speaker,
        sentence=sentence,
        condition=condition,
        sentiment=round(sentiment, 4),
        voice_view=round(views["voice"], 4),
        face_view=round(views["face"], 4),
        mislabelled=mislabelled,
        label=round(float(ratings.mean()), 1) + 0.0,
    )


def _view(sentiment: float, channel: Channel, rng: np.random.Generator) -> float:
    shown = rng.uniform(*channel.strength) * sentiment / 3 + rng.normal(0.0, channel.noise_sd)
    return float(np.clip(shown, -1, 1))


def _spread_sentiments(n: int, rng: np.random.Generator) -> list[float]:
    """Draws from the prior, one from each of n equal shares of it, in random order."""
    quantiles = (np.arange(n) + rng.uniform(0, 1, n)) / n
    edges = np.arange(-3.5, 4.0, 1.0)
    drawn = np.interp(quantiles, np.concatenate([[0.0], np.cumsum(_PRIOR)]), edges)
    return [float(z) for z in rng.permutation(np.clip(drawn, -3, 3))]
