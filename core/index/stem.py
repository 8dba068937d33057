"""English stemming after Porter ("An algorithm for suffix stripping", Program 14, 1980).

The rules are the published ones with the author's two later changes (-bli, -logi).
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping

# A word is a run of consonants and a run of vowels, in turn; y is a vowel after a consonant.
_CONSONANTS = "(?:[^aeiou][^aeiouy]*)"
_VOWELS = "(?:[aeiouy][aeiou]*)"
_START = f"(?:{_CONSONANTS}{_VOWELS}|[aeiou]+)"
_HAS_VOWEL = re.compile(_START)
_ONE_TURN = re.compile(f"{_START}{_CONSONANTS}")  # m > 0
_JUST_ONE_TURN = re.compile(f"{_START}{_CONSONANTS}{_VOWELS}?$")  # m = 1
_TWO_TURNS = re.compile(f"{_START}{_CONSONANTS}{_VOWELS}{_CONSONANTS}")  # m > 1
_SHORT_END = re.compile(f"{_CONSONANTS}[aeiouy][^aeiouwxy]$")
_DOUBLED = re.compile(r"([^aeiouylsz])\1$")

_LONG_SUFFIXES = dict(
    pair.split(":")
    for pair in "ational:ate tional:tion enci:ence anci:ance izer:ize bli:ble alli:al entli:ent "
    "eli:e ousli:ous ization:ize ation:ate ator:ate alism:al iveness:ive fulness:ful ousness:ous "
    "aliti:al iviti:ive biliti:ble logi:log".split()
)
_MIDDLE_SUFFIXES = dict(
    pair.split(":") for pair in "icate:ic ative: alize:al iciti:ic ical:ic ful: ness:".split()
)
_LAST_SUFFIXES = frozenset(
    "al ance ence er ic able ible ant ement ment ent ion ou ism ate iti ous ive ize".split()
)
_LAST_LETTERS = frozenset(
    suffix[-2:] for suffix in {*_LONG_SUFFIXES, *_MIDDLE_SUFFIXES, *_LAST_SUFFIXES}
)


def stem(word: str) -> str:
    """The stem of an English word in lower case, a to z only."""
    if len(word) < 3:
        return word
    word = _without_plural(word)
    word = _without_participle(word)
    if word[-1] == "y" and _HAS_VOWEL.match(word[:-1]):
        word = word[:-1] + "i"
    word = _with_shorter(word, _LONG_SUFFIXES)
    word = _with_shorter(word, _MIDDLE_SUFFIXES)
    word = _without_last(word)
    if word[-1] == "e":
        rest = word[:-1]
        if _TWO_TURNS.match(rest) or (_ONE_TURN.match(rest) and not _SHORT_END.match(rest)):
            word = rest
    if word.endswith("ll") and _TWO_TURNS.match(word[:-1]):
        word = word[:-1]
    return word


def _without_plural(word: str) -> str:
    if word[-1] != "s" or word.endswith("ss"):
        return word
    return word[:-2] if word.endswith(("sses", "ies")) else word[:-1]


def _without_participle(word: str) -> str:
    if word.endswith("eed"):
        return word[:-1] if _ONE_TURN.match(word[:-3]) else word
    for ending in ("ed", "ing"):
        rest = word.removesuffix(ending)
        if rest != word and _HAS_VOWEL.match(rest):
            if rest.endswith(("at", "bl", "iz")):
                return rest + "e"
            if _DOUBLED.search(rest):
                return rest[:-1]
            if _JUST_ONE_TURN.match(rest) and _SHORT_END.match(rest):
                return rest + "e"
            return rest
    return word


def _longest(word: str, suffixes: Container[str]) -> str:
    """The longest of some suffixes of two to seven letters that a word ends in, or nothing."""
    if word[-2:] not in _LAST_LETTERS:
        return ""
    for letters in range(min(7, len(word)), 1, -1):
        if word[-letters:] in suffixes:
            return word[-letters:]
    return ""


def _with_shorter(word: str, suffixes: Mapping[str, str]) -> str:
    suffix = _longest(word, suffixes)
    if not suffix:
        return word
    rest = word[: -len(suffix)]
    return rest + suffixes[suffix] if _ONE_TURN.match(rest) else word


def _without_last(word: str) -> str:
    suffix = _longest(word, _LAST_SUFFIXES)
    rest = word[: -len(suffix)] if suffix else ""
    if suffix == "ion" and not rest.endswith(("s", "t")):
        return word
    return rest if _TWO_TURNS.match(rest) else word
