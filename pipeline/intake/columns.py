"""Which column of somebody's table is what: named on the command line, or known by the names that the field uses."""

import fnmatch
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.artifacts.corpus.sequences import MODALITIES, Modality
from pipeline.corpus.cells import language_code, shortened
from pipeline.errors import PipelineError, did_you_mean

ABSENT = "none"
"""Instead of the name of a column: the table has none, whatever its columns are called."""

# The names of a role, the surest first. The names of columns are compared in lower case, with _ for blanks and hyphens.
_ROLES: Mapping[str, Sequence[str]] = {
    "id": ("id", "segment_id", "utterance_id", "utt_id", "sample_id", "clip_name", "uid", "sent_id", "sentence_id"),
    "text": (
        "text", "transcript", "transcription", "utterance", "sentence", "raw_text", "spoken", "content", "review", "comment",
        "tweet",
    ),
    "split": ("split", "mode", "partition", "subset", "set"),
    "speaker": ("speaker", "speaker_id", "speaker_name", "author", "actor", "actor_id", "participant", "participant_id", "subject"),
    "video": ("video", "video_id", "recording", "recording_id", "dialogue_id", "dialog_id", "document", "doc_id", "show_id"),
    "language": ("language", "lang"),
    "start_s": ("start_s", "start", "start_time", "begin"),
    "end_s": ("end_s", "end", "end_time", "stop"),
    "spread": ("label_spread", "label_std"),
}  # fmt: skip
# What a column beside one called `label` may hold that is to be learnt.
_LABELS = (
    "sentiment", "sentiment_score", "emotion", "sarcasm", "sarcastic", "humor", "humour", "funny", "valence", "arousal",
    "activation", "dominance", "rating", "score", "stars", "polarity", "intensity", "class", "target", "y",
    "regression_labels", "classification_labels",
)  # fmt: skip
_FEATURE_PREFIXES: Mapping[Modality, Sequence[str]] = {
    "text": ("text_feature", "text_emb", "liwc_", "glove_", "bert_", "tfidf_", "text_feat"),
    "audio": ("audio_", "aud_", "acoustic_", "mfcc", "egemaps", "covarep_", "hubert_", "wav2vec_", "wavlm_"),
    "visual": ("visual_", "vis_", "vision_", "face_", "facet_", "openface_", "clip_feature", "au_"),
}
_OF_ONE_MODALITY = {"T": "text", "A": "audio", "V": "visual"}
_FURTHER_LABEL = re.compile(r"label_\w+|label[0-9]+", re.IGNORECASE)
_ANNOTATOR = re.compile(r"label_[0-9]+", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class ColumnChoice:
    """What a person says of the columns of a table; what is None or empty is known by the name of the column.

    Attributes:
        roles: column of each role (`id`, `label`, `text`, …), `none` for a role that no column has.
        other_labels: columns to be kept as further labels.
        features: patterns of the columns that hold features of a modality, such as `liwc_*`; `!` in front takes columns away.
        complete: whether rows that lack a feature are left out.
    """

    roles: Mapping[str, str] = field(default_factory=dict)
    other_labels: Sequence[str] = ()
    features: Mapping[Modality, Sequence[str]] = field(default_factory=dict)
    complete: bool = False

    @property
    def says_nothing(self) -> bool:
        """Whether everything is to be known by the names of the columns."""
        return not (self.roles or self.other_labels or self.features or self.complete)


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which column of a table is what.

    Attributes:
        roles: column of each role that there is.
        annotators: columns with the label of one annotator each, `label_1` and so on.
        other_labels: columns of further labels, by the names that these get.
        features: columns of the features of each modality that has some.
        language: language that the name of the column of the text gives (`text_zh`), None where it gives none.
        left_out: columns that are nothing of these, in the order of the table.
    """

    roles: Mapping[str, str]
    annotators: Sequence[str]
    other_labels: Mapping[str, str]
    features: Mapping[Modality, Sequence[str]]
    language: str | None
    left_out: Sequence[str]


def find_columns(header: Sequence[str], choice: ColumnChoice, *, source: str) -> Columns:
    """Decide what the columns of a table are.

    Args:
        header: names of the columns.
        choice: what a person says of them.
        source: name of the table, for errors.

    Raises:
        PipelineError: a column that is named is not there, or it cannot be told which column holds the label or the text.
    """
    _refuse_absent(header, choice, source)
    roles: dict[str, str] = {}
    for role, names in _ROLES.items():
        named = choice.roles.get(role)
        found = named or next((column for name in names for column in header if _plain(column) == name), None)
        if found is not None and found != ABSENT and (named or found not in roles.values()):
            roles[role] = found
    language = None
    if "text" not in choice.roles and "text" not in roles:
        translated = {column: code for column in header if (code := _language_of(column)) is not None}
        if len(translated) > 1:
            raise PipelineError(
                f"{source}: has its text in the columns {' and '.join(map(repr, translated))}; name one of them by --text"
            )
        roles.update(("text", column) for column in translated)
    if "text" in roles:
        language = _language_of(roles["text"])
    annotators = [column for column in header if _ANNOTATOR.fullmatch(column)]
    label = _label(header, choice, [*roles.values(), *choice.other_labels], source, annotators)
    if label is not None:
        roles["label"] = label
    features = _features(header, choice, set(roles.values()), source)
    taken = {*roles.values(), *annotators, *(column for columns in features.values() for column in columns)}
    others = {_name_of_label(column): column for column in header if column in choice.other_labels}
    for column in header:
        found_label = _FURTHER_LABEL.fullmatch(column)
        if found_label is not None and column not in taken and column not in others.values():
            others.setdefault(_name_of_label(column), column)
    taken |= set(others.values())
    return Columns(
        roles=roles,
        annotators=annotators,
        other_labels=others,
        features=features,
        language=language,
        left_out=[column for column in header if column and column not in taken],
    )


def _refuse_absent(header: Sequence[str], choice: ColumnChoice, source: str) -> None:
    named = [column for column in (*choice.roles.values(), *choice.other_labels) if column != ABSENT]
    missing = [column for column in named if column not in header]
    if missing:
        shown = ", ".join(map(shortened, header[:12])) + (", …" if len(header) > 12 else "")
        raise PipelineError(
            f"{source}: has no column {missing[0]!r}{did_you_mean(missing[0], header)}; its columns are {shown}"
        )


def _plain(column: str) -> str:
    return re.sub(r"[\s-]+", "_", column.strip()).casefold()


def _language_of(column: str) -> str | None:
    """The code of a column such as `text_zh`."""
    name, _, code = _plain(column).rpartition("_")
    if name not in ("text", "transcript", "sentence", "utterance", "raw_text") or not 2 <= len(code) <= 3:
        return None
    try:
        return language_code(code, column)
    except PipelineError:
        return None


def _label(
    header: Sequence[str],
    choice: ColumnChoice,
    taken: Collection[str],
    source: str,
    annotators: Sequence[str],
) -> str | None:
    named = choice.roles.get("label")
    if named is not None and named != ABSENT:
        return named
    certain = [column for column in header if _plain(column) in ("label", "labels")]
    possible = [column for column in header if _plain(column) in _LABELS and column not in taken]
    found = certain or possible
    if len(found) == 1:
        return found[0]
    if annotators and not certain:
        return None
    if found:
        raise PipelineError(
            f"{source}: the label could be {' or '.join(map(repr, found))}; name it by --label"
        )
    rest = [column for column in header if column not in taken]
    shown = ", ".join(map(shortened, rest[:12])) + (", …" if len(rest) > 12 else "")
    raise PipelineError(
        f"{source}: no column is called label; name the one to learn by --label (there are {shown})"
    )


def _features(
    header: Sequence[str], choice: ColumnChoice, taken: Collection[str], source: str
) -> Mapping[Modality, Sequence[str]]:
    found: dict[Modality, Sequence[str]] = {}
    known = {*taken, *choice.other_labels}
    for modality in MODALITIES:
        patterns = choice.features.get(modality)
        if patterns is None and not choice.features:
            patterns = [f"{prefix}*" for prefix in _FEATURE_PREFIXES[modality]]
        wanted = [p for p in patterns or () if not p.startswith("!")]
        unwanted = [p[1:] for p in patterns or () if p.startswith("!")]
        columns = [
            column
            for column in header
            if column not in known and _fits(column, wanted) and not _fits(column, unwanted)
        ]
        if modality in choice.features and not columns and patterns != [ABSENT]:
            raise PipelineError(
                f"{source}: no column fits --{modality}-features {' '.join(patterns or ())}; name columns or patterns such as "
                "'mfcc*', in quotes"
            )
        if columns:
            found[modality] = columns
            known |= set(columns)
    return found


def _fits(column: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(column.casefold(), pattern.casefold()) for pattern in patterns)


def _name_of_label(column: str) -> str:
    """The name of a further label: `label_T` is that of the text, `label3` stays as it is."""
    found = re.fullmatch(r"labels?_(\w+)", column, re.IGNORECASE)
    name = _OF_ONE_MODALITY.get(found[1], found[1]) if found else column
    return re.sub(r"\W+", "_", name)
