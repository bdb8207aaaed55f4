"""What was spoken of a transcript: the markup of subtitles and web pages and the annotations of transcribers are left out."""

import html
import re
import unicodedata
from dataclasses import dataclass

# With its semicolon alone: "R&D" and "AT&T" are words. Twice, because tables are escaped twice now and then.
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_LINE_BREAK = re.compile(r"<(?:br|BR|p|P) */?>|\\[Nnh]")  # of web pages and of SubStation Alpha
# Inside of a word too, so nothing takes their place.
_MARKUP = re.compile(
    r"</?[A-Za-z][^<>]{0,200}>"  # HTML, SubRip, WebVTT: <i>, <font size="2">, </c.yellow>
    r"|<[0-9][0-9:.,]*>"  # WebVTT: <00:00:01.500>
    r"|\{\\[^{}]{0,200}\}"  # SubStation Alpha: {\an8}
    r"|\{[A-Za-z]{1,2}:[^{}]{0,200}\}"  # MicroDVD: {y:i}
)
_BRACKETED = re.compile(r"\[[^\[\]]{0,200}\]|［[^［］]{0,200}］|【[^【】]{0,200}】|〔[^〔〕]{0,200}〕")
_IN_PARENTHESES = re.compile(r"\(([^()]{0,200})\)|（([^（）]{0,200})）|\*([^*\n]{1,60})\*")
# What transcribers put into parentheses and between asterisks; anything else there was spoken.
_SOUNDS = frozenset(
    [
        "um",
        "umm",
        "ummm",
        "uh",
        "uhh",
        "uhm",
        "hm",
        "hmm",
        "hmmm",
        "mm",
        "mmm",
        "mhm",
        "er",
        "erm",
        "laugh",
        "laughs",
        "laughed",
        "laughing",
        "laughter",
        "chuckle",
        "chuckles",
        "chuckling",
        "giggle",
        "giggles",
        "giggling",
        "snicker",
        "snickers",
        "sigh",
        "sighs",
        "sighing",
        "sniff",
        "sniffs",
        "sniffles",
        "cough",
        "coughs",
        "coughing",
        "throat",
        "gasp",
        "gasps",
        "gasping",
        "groan",
        "groans",
        "groaning",
        "sob",
        "sobs",
        "sobbing",
        "weeping",
        "scream",
        "screams",
        "screaming",
        "whispers",
        "whispering",
        "breath",
        "breathes",
        "inhales",
        "exhales",
        "yawn",
        "yawns",
        "hiccup",
        "hiccups",
        "sneeze",
        "sneezes",
        "smack",
        "smacks",
        "applause",
        "applauds",
        "clapping",
        "claps",
        "cheering",
        "cheers",
        "booing",
        "music",
        "singing",
        "hums",
        "humming",
        "whistles",
        "whistling",
        "inaudible",
        "unintelligible",
        "indistinct",
        "crosstalk",
        "noise",
        "noises",
        "static",
        "beep",
        "beeps",
        "bleep",
        "bleeps",
        "knock",
        "knocks",
        "silence",
        "pause",
        "pauses",
        "stutter",
        "stutters",
        "stuttering",
        "mumbles",
        "mumbling",
        "muttering",
        "chatter",
        "笑",
        "笑声",
        "大笑",
        "掌声",
        "鼓掌",
        "音乐",
        "叹气",
        "哭声",
        "咳嗽",
        "沉默",
        "停顿",
        "噪音",
        "听不清",
        "笑い",
        "拍手",
        "音楽",
        "ため息",
        "웃음",
        "박수",
        "음악",
        "rires",
        "rire",
        "musique",
        "applaudissements",
        "risas",
        "aplausos",
        "gelächter",
        "musik",
        "seufzt",
    ]
)
# Words that stand beside them: "(upbeat music playing)", "(clears throat)", "(speaks indistinctly)" would be nothing without.
_BESIDE_SOUNDS = frozenset(
    [
        "clears",
        "clearing",
        "lip",
        "crowd",
        "audience",
        "theme",
        "upbeat",
        "soft",
        "softly",
        "loud",
        "loudly",
        "quiet",
        "quietly",
        "dramatic",
        "sad",
        "nervous",
        "nervously",
        "background",
        "foreign",
        "language",
        "speech",
        "speaking",
        "speaks",
        "overlapping",
        "long",
        "short",
        "deep",
        "heavy",
        "playing",
        "plays",
        "song",
        "continues",
        "stops",
        "ends",
        "begins",
        "the",
        "a",
        "in",
        "on",
        "of",
        "and",
        "at",
        "with",
    ]
)


@dataclass(frozen=True)
class SpokenText:
    """A transcript as it was spoken.

    Attributes:
        text: spoken words, empty where the transcript holds annotations alone.
        left_out: markup and annotations that were removed, in order, as written.
    """

    text: str
    left_out: tuple[str, ...]


def spoken_text(transcript: str) -> SpokenText:
    r"""Take what was spoken out of a transcript.

    Character references become their characters. Tags of subtitles and web pages, text in square brackets, and sounds in
    parentheses or between asterisks are left out. Everything else stays as it is written.

    Args:
        transcript: text of a table or a subtitle.

    Example:
        >>> spoken_text("[laughs] I don&#39;t (umm) <i>love</i> it (really)")
        SpokenText(text="I don't love it (really)", left_out=('<i>', '</i>', '[laughs]', '(umm)'))
    """
    text = transcript
    for _ in range(2):
        text = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    left_out: list[str] = []

    def without(found: re.Match[str]) -> str:
        left_out.append(found[0])
        return ""

    def dropped(found: re.Match[str]) -> str:
        return without(found) + " "

    def dropped_if_a_sound(found: re.Match[str]) -> str:
        return dropped(found) if _is_a_sound(next(filter(None, found.groups()), "")) else found[0]

    text = _MARKUP.sub(without, _LINE_BREAK.sub(dropped, text))
    text = _BRACKETED.sub(dropped, text)
    text = _IN_PARENTHESES.sub(dropped_if_a_sound, text)
    if not left_out:
        return SpokenText(text, ())
    joined = re.sub(r"\s+", " ", text).strip()
    return SpokenText(re.sub(r" (?=[,.;:!?…])", "", joined), tuple(left_out))


def _is_a_sound(content: str) -> bool:
    words = re.findall(r"\w+", unicodedata.normalize("NFKC", content).lower())
    return any(word in _SOUNDS for word in words) and all(word in _SOUNDS | _BESIDE_SOUNDS for word in words)
