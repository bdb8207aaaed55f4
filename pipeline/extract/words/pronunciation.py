"""How an English word that no dictionary holds is spoken, in the 39 phones of the CMU pronouncing dictionary.

Meant for forced alignment, where the sound decides and the phones only have to be near: a name, a number or a
misspelling needs about the right length and about the right consonants.
"""

import re
import unicodedata
from collections.abc import Callable

_WORD = re.compile(r"\S+")
_UNITS = _WORD.findall(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = _WORD.findall("twenty thirty forty fifty sixty seventy eighty ninety")
_LETTER_NAMES = dict(
    re.findall(
        r"(\w):(\S+)",
        "a:EY b:B.IY c:S.IY d:D.IY e:IY f:EH.F g:JH.IY h:EY.CH i:AY j:JH.EY k:K.EY l:EH.L m:EH.M n:EH.N o:OW p:P.IY "
        "q:K.Y.UW r:AA.R s:EH.S t:T.IY u:Y.UW v:V.IY w:D.AH.B.AH.L.Y.UW x:EH.K.S y:W.AY z:Z.IY",
    )
)

# Letters to phones, the first rule that matches at a place wins. ^ and $ are the ends of the word.
_VOWEL, _CONSONANT = "[aeiouy]", "[bcdfghjklmnpqrstvwxz]"
_MAGIC_E = f"(?={_CONSONANT}(?:e$|es$|ed$))"  # the e of "make" is silent and lengthens the vowel before it
_RULES: tuple[tuple[str, str], ...] = (
    # Endings
    ("tion(?=s?$)", "SH AH N"),
    ("[cs]ion(?=s?$)", "ZH AH N"),
    ("que$", "K"),
    ("al(?=s?$)|(?<=[bdfgkpt])el(?=s?$)", "AH L"),
    ("ar(?=s?$)|ar(?=ds?$)", "ER"),
    ("tious$|cious$", "SH AH S"),
    ("ture$", "CH ER"),
    ("ously$", "AH S L IY"),
    ("ous$", "AH S"),
    ("(?<=[td])ed$", "AH D"),
    ("(?<=[fkpsx])ed$|(?<=[cs]h)ed$", "T"),
    (f"(?<={_VOWEL}{_CONSONANT})ed$|(?<={_CONSONANT})ed$", "D"),
    ("(?<=[szx])es$|(?<=[cs]h)es$|(?<=[cg])es$", "AH Z"),
    ("'s$|(?<=[bdglmnrvwy])s$|(?<=[aeiou])'?s$", "Z"),
    (f"(?<={_CONSONANT})le$", "AH L"),
    (f"(?<={_CONSONANT})les$", "AH L Z"),
    (f"(?<={_VOWEL}.)e(?=s$)|(?<=.)e$", ""),
    (f"(?<={_CONSONANT})y$", "IY"),
    # Beginnings
    ("^kn|^gn|^pn", "N"),
    ("^wr", "R"),
    ("^ps", "S"),
    ("^x", "Z"),
    ("^mc", "M AH K"),
    ("^y", "Y"),
    # Groups of consonants
    ("tch|ch", "CH"),
    ("sch", "SH"),
    ("sh", "SH"),
    ("th", "TH"),
    ("ph", "F"),
    ("(?<=[aeiou])gh", ""),
    ("gh", "G"),
    ("wh", "W"),
    ("ck|cc|kk|q(?!u)", "K"),
    ("qu", "K W"),
    ("dg(?=[eiy])", "JH"),
    ("ng$|ng(?=s$)", "NG"),
    ("n(?=[kqx])", "NG"),
    ("sc(?=[eiy])", "S"),
    ("c(?=[eiy])", "S"),
    ("g(?=[eiy])", "JH"),
    ("mb$", "M"),
    # Groups of vowels
    ("eigh|ai|ay|ei|ey(?!$)", "EY"),
    ("ey$|ie$|ee|ea|ie", "IY"),
    ("igh", "AY"),
    ("oor", "AO R"),
    ("oo|ue|ew|eu|ui", "UW"),
    ("ough|aw|augh|au", "AO"),
    ("our", "AO R"),
    ("ou|ow(?!$)", "AW"),
    ("oi|oy", "OY"),
    ("oa|ow$", "OW"),
    ("[eiu]rr?(?![aeiou])", "ER"),
    ("arr?(?![aeiou])", "AA R"),
    ("orr?(?![aeiou])", "AO R"),
    # Single vowels
    (f"a{_MAGIC_E}", "EY"),
    (f"[iy]{_MAGIC_E}", "AY"),
    (f"o{_MAGIC_E}|o$", "OW"),
    (f"u{_MAGIC_E}|u$", "UW"),
    ("a$", "AH"),
    ("i$", "IY"),
    ("a", "AE"),
    ("e", "EH"),
    ("[iy]", "IH"),
    ("o", "AA"),
    ("u", "AH"),
    # Single consonants; a doubled one sounds once
    *((f"{phone[0]}{phone[0]}?".lower(), phone) for phone in _WORD.findall("B D F G HH K L M N P R T V W Z")),
    ("ss|s", "S"),
    ("c", "K"),
    ("jj?", "JH"),
    ("x", "K S"),
    ("'", ""),
)
_RULE = re.compile("|".join(f"({pattern})" for pattern, _ in _RULES))
_PARTS = re.compile(r"[0-9]+|[^0-9]+")


def folded(word: str) -> str:
    """A word as the dictionary spells words: lower case, no accents, a straight apostrophe; other scripts are kept, never empty."""
    plain = unicodedata.normalize("NFKD", word.replace("’", "'").replace("ʼ", "'")).lower()
    return "".join(character for character in plain if character.isalnum() or character in "'-.") or word


def pronounce(word: str, *, look_up: Callable[[str], str | None]) -> str | None:
    """Phones of a word that the dictionary does not hold.

    Numbers are read as words; parts joined by hyphens are read one after the other; `dont` is found as `don't`; letters
    without a vowel among them are spelled; the rest goes by letter-to-sound rules.

    Args:
        word: word as `folded` gives it.
        look_up: gives the phones of a word that the dictionary holds, else None.

    Returns:
        CMU phones separated by spaces; None where no letter of the word has a sound in English.
    """
    phones = [_part(part, look_up) for piece in re.split("[-.]", word) for part in _PARTS.findall(piece)]
    return " ".join(filter(None, phones)) or None


def _part(part: str, look_up: Callable[[str], str | None]) -> str:
    if part.isdecimal():
        return " ".join(look_up(word) or _letters(word) for word in number_words(part))
    with_apostrophe = (f"{part[:cut]}'{part[cut:]}" for cut in range(1, len(part)))
    for spelling in (part, part.strip("'"), *with_apostrophe):
        known = look_up(spelling)
        if known is not None:
            return known
    return _letters(part)


def number_words(digits: str) -> list[str]:
    """How a number is spoken: up to 9999 as a number, from 1100 to 2099 as a year, else digit by digit.

    Example:
        >>> number_words("1997"), number_words("305"), number_words("007")
        (['nineteen', 'ninety', 'seven'], ['three', 'hundred', 'five'], ['zero', 'zero', 'seven'])
    """
    if len(digits) > 4 or (len(digits) > 1 and digits[0] == "0"):
        return [_UNITS[int(digit)] for digit in digits]
    number = int(digits)
    if number < 20:
        return [_UNITS[number]]
    if number < 100:
        return [_TENS[number // 10 - 2], *_below_hundred(number % 10)]
    if 1100 <= number < 2100 and number // 100 % 10:
        return [*_below_hundred(number // 100), *(_below_hundred(number % 100) or ["hundred"])]
    thousands, hundreds = divmod(number // 100, 10)
    words = [_UNITS[thousands], "thousand"] if thousands else []
    if hundreds:
        words += [_UNITS[hundreds], "hundred"]
    return words + _below_hundred(number % 100)


def _below_hundred(number: int) -> list[str]:
    return number_words(str(number)) if number else []


def _letters(word: str) -> str:
    if not re.search(_VOWEL, word):
        return " ".join(_LETTER_NAMES[letter] for letter in word if letter in _LETTER_NAMES).replace(".", " ")
    return " ".join(_letters_to_phones(word))


def _letters_to_phones(word: str) -> list[str]:
    phones: list[str] = []
    for found in _RULE.finditer(word):
        assert found.lastindex is not None
        phones.extend(_RULES[found.lastindex - 1][1].split())
    return phones
