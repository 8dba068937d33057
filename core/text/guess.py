"""Naming the encoding of a text that is not Unicode: which reading looks like a language?

Each candidate decodes the text, and what it makes of the bytes above ASCII is
compared with the letters that languages written in it really use: a wrong
reading puts signs between letters, capitals inside words, letters of one language
among those of another. Tables are letters by their frequency, nothing is learnt.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

_HIGH = re.compile(r"[^\x00-\x7f]")
_MOST_LOOKED_AT = 800
_LEAST_SCORE = 0.1

# What stands after a blank is rare in that language.
_WESTERN = (
    "äöüß", "éèàêç âôîùûëïœæ", "áéíóñ úü", "ãçáéíóõ âêàú", "àèéìòù íó", "åäö é", "æøå é",
    "éëïè óöü", "áíðóéþúæö ý", "àèéíòó úïüç·", "äõüö",
)  # fmt: skip
_CENTRAL = (
    "ąćęłńóśźż", "áčéěířšůýž ďňóťú", "áčéíľšťúýž ďĺňóôŕä", "áéíóöőúüű", "ăâîșțşţ", "čćđšž",
    "äöüß",
)  # fmt: skip
_TURKISH = ("ığüşöç âîû",)
_BALTIC = ("ąčęėįšųūž", "āčēģīķļņšūž", "äõüö šž")
_VIETNAMESE = ("àáâãèéêìíòóôõùúăđĩũơư\u0300\u0301\u0303\u0309\u0323",)
_RUSSIAN = (
    "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё",
    "оанивіетрсклдмупязьбгчйхцїжєюшщфґ",
    "аиоенрстјукдвмлпзгбшчцћжђњљфхџ",
)
_GREEK = ("αοιτεσνηυρπκμλςάίόέωγδήύώχθφβξζψϊϋΐΰ",)
_HEBREW = ("יוהלארתבמשנםדעקחפכטגסזןצךףץ",)
_ARABIC = ("الينمرتبوةدسعهفكقحجطشصخأذىثضزغئءظؤإآپچژگکی",)
_THAI = ("านรอกเง่้ีัมยลวดทิตสบปแคุหไพื็์ูขชจะำึโใถธศผซณภญฟษฐฉ",)

# What is read how, and how much better it must look than the first to be believed.
_ONE_BYTE: tuple[tuple[str, tuple[str, ...], float], ...] = (
    ("cp1252", _WESTERN, 0.0),
    ("cp1250", _CENTRAL, 0.05),
    ("iso8859_2", _CENTRAL, 0.07),
    ("cp1251", _RUSSIAN, 0.05),
    ("koi8_r", _RUSSIAN[:1], 0.06),
    ("koi8_u", _RUSSIAN[1:2], 0.07),
    ("cp1253", _GREEK, 0.05),
    ("iso8859_7", _GREEK, 0.06),
    ("cp1254", _TURKISH, 0.05),
    ("cp1255", _HEBREW, 0.05),
    ("cp1256", _ARABIC, 0.05),
    ("cp1257", _BALTIC, 0.08),
    ("cp874", _THAI, 0.05),
    ("cp1258", _VIETNAMESE, 0.12),
    ("mac_roman", _WESTERN, 0.1),
    ("cp850", _WESTERN, 0.1),
    ("cp852", _CENTRAL, 0.12),
    ("cp866", _RUSSIAN[:1], 0.06),
    ("iso8859_5", _RUSSIAN, 0.08),
    ("mac_cyrillic", _RUSSIAN, 0.08),
)
_TWO_BYTES = ("cp932", "euc_jp", "gb18030", "big5hkscs", "cp949")

_QUOTES = frozenset("‘’‚“”„«»‹›–—…•€£§°ºª·\xa0\xad¡¿")
_INSIDE_WORDS = frozenset("’·\xad")
_CJK_SIGNS = frozenset("、。，．・：；？！「」『』（）〈〉《》【】“”‘’—…～〜　ー")
_COMMON = {
    "gb18030": "的一是不了在人有我他这中大来上国个到说们为子和你地出道也时年得就那要下以生",
    "big5hkscs": "的一是不了在人有我他這中大來上國個到說們為子和你地出道也時年得就那要下以生",
    "cp949": "이다는의에을를가고하지은로한사기도시어자니그리인서",
}
# The rows of each standard that hold the frequent characters, by their first byte.
_FREQUENT_ROWS = {
    "cp932": (0x88, 0x97),
    "euc_jp": (0xB0, 0xCF),
    "gb18030": (0xB0, 0xD7),
    "big5hkscs": (0xA4, 0xC6),
    "cp949": (0xB0, 0xC8),
}


class _Seen(NamedTuple):
    """One character above ASCII and what stands beside it."""

    before: str
    char: str
    after: str


def guess_encoding(sample: bytes) -> str | None:
    """The encoding in which these bytes look most like a language; None when none fits.

    Looks at the first 800 characters above ASCII. The sample may end inside one.
    """
    if _is_ebcdic(sample):
        return "cp500"
    best, best_score = None, _LEAST_SCORE
    for encoding, alphabets, handicap in _ONE_BYTE:
        text = _read(sample, encoding)
        if text is not None:
            seen = list(_look(text))
            score = max(_letters(seen, letters) for letters in alphabets)
            score -= handicap * _doubt(seen)
            if score > best_score:
                best, best_score = encoding, score
    for encoding in _TWO_BYTES:
        text = _read(sample, encoding)
        if text is not None:
            seen = list(_look(text))
            score = _characters([one.char for one in seen], encoding) - 0.1 * _doubt(seen)
            if score > best_score:
                best, best_score = encoding, score
    return best


def looks_written(text: str) -> bool:
    """Whether a text in any of these languages would look like this (for UTF-16 without a mark)."""
    seen = list(_look(text))
    if not seen:
        return text.isprintable() or bool(text.split())
    alphabets = [letters for _, group, _ in _ONE_BYTE for letters in group]
    scores = [_letters(seen, letters) for letters in alphabets]
    scores += [_characters([one.char for one in seen], encoding) for encoding in _TWO_BYTES]
    return max(scores) > 0.4


def _doubt(seen: list[_Seen]) -> float:
    """How much the likelier encoding is to be preferred: few characters prove little."""
    return 1 + 8 / max(1, len(seen))


def _read(sample: bytes, encoding: str) -> str | None:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        # A byte that the code page leaves open here and there is no proof against it.
        if encoding in _TWO_BYTES:
            return None
        text = sample.decode(encoding, "replace")
        return text if text.count("\ufffd") * 20 < len(_HIGH.findall(text)) else None


def _look(text: str) -> Iterator[_Seen]:
    for match in islice(_HIGH.finditer(text), _MOST_LOOKED_AT):
        at = match.start()
        yield _Seen(text[at - 1 : at], match[0], text[at + 1 : at + 2])


@lru_cache(maxsize=64)
def _weights(letters: str) -> dict[str, float]:
    """What finding a letter is worth: all of a few, the frequent ones of a whole alphabet."""
    if len(letters) < 26:
        usual, _, rare = letters.partition(" ")
        return dict.fromkeys(usual, 1.0) | dict.fromkeys(rare, 0.6)
    return {
        letter: 1.0 if rank < 12 else 0.7 if rank < 24 else 0.3
        for rank, letter in enumerate(letters)
    }


def _letters(seen: list[_Seen], letters: str) -> float:
    """How well characters fit an alphabet: 1 is perfectly, below 0 is not at all."""
    weights = _weights(letters)
    other_script = letters[0] > "\u036f"
    total = 0.0
    for before, char, after in seen:
        weight = weights.get(char)
        if char in _QUOTES:
            sides = before.isalnum() + after.isalnum()
            total += 1.0 if sides == 1 else 0.7 if sides == 0 or char in _INSIDE_WORDS else -1.0
        elif other_script and (_is_latin(before) or _is_latin(after)):
            total -= 1.0
        elif weight is not None:
            # A capital on one side: "schönER" was never written.
            total += weight if not after.isupper() or before.isupper() or other_script else 0.0
        elif char.isupper() and (weight := weights.get(char.lower())) is not None:
            total += weight * 0.8 if not before.isalpha() or before.isupper() else -1.0
        else:
            total -= 1.0 if char.isalpha() else 1.5
    return total / max(1, len(seen))


def _is_latin(char: str) -> bool:
    return char.isascii() and char.isalpha()


def _characters(chars: list[str], encoding: str) -> float:
    """The same for the scripts of East Asia, by how frequent the characters are."""
    first, last = _FREQUENT_ROWS[encoding]
    common = _COMMON.get(encoding, "")
    japanese = encoding in ("cp932", "euc_jp")
    kana = 0
    total = 0.0
    for char in chars:
        if "\u3041" <= char <= "\u30ff":
            kana += 1
            total += 1.0 if japanese else -0.5
        elif char in _CJK_SIGNS:
            total += 0.9
        elif "\u4e00" <= char <= "\u9fff" or "\uac00" <= char <= "\ud7a3":
            code = char.encode(encoding, "replace")
            hangul = char >= "\uac00"
            if len(code) != 2 or hangul != (encoding == "cp949"):
                total -= 0.7
            elif char in common:
                total += 1.2
            else:
                total += 0.8 if first <= code[0] <= last and code[1] >= 0x40 else -0.5
                # The rest of the codes is what the standard did not need.
                total -= 1.0 if encoding in ("gb18030", "cp949") and code[1] < 0xA1 else 0.0
        elif "\uff01" <= char <= "\uff5e":
            total += 0.7  # wide letters and digits
        else:
            total -= 1.0
    if japanese and kana * 8 < len(chars):
        total -= 0.5 * len(chars)
    return total / max(1, len(chars))


def _is_ebcdic(sample: bytes) -> bool:
    """Mainframe text has its letters above 0x80, its blank at 0x40, and nearly nothing below."""
    if len(sample) < 8:
        return False
    letters = sum(
        0x81 <= byte <= 0x89 or 0x91 <= byte <= 0x99 or 0xA2 <= byte <= 0xA9 for byte in sample
    )
    blanks = sample.count(0x40)
    return blanks * 20 > len(sample) and letters * 2 > len(sample) - blanks
