"""What kind of thing a question asks for, and where a text has things of that kind. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from core.chat.words import Span, words

Kind = Literal["who", "when", "count", "where", "name", "why", "other"]

_MONTHS = (
    "january|february|march|april|june|july|august|september|october|november|december|"
    "jan|feb|mar|apr|jun|jul|aug|sept|sep|oct|nov|dec"
)
_NUMBER_WORDS = (
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|"
    "sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|"
    "hundreds?|thousands?|millions?|billions?|dozens?|half|third|quarter|percent|single|several"
)
_CUES: tuple[tuple[Kind, str], ...] = (
    (
        "count",
        r"\bhow (?:many|much|long|old|tall|high|large|big|far|deep|wide|often|fast|heavy)\b|"
        r"\bwhat (?:\w+ )?(?:percentage|percent|number|amount|proportion|distance|price|cost|"
        r"rate|size|length|height|weight|population|age|score|share|fraction)\b",
    ),
    (
        "when",
        r"\bwhen\b|\b(?:what|which|whose) (?:\w+ )?(?:years?|dates?|days?|months?|century|"
        r"centuries|decades?|time period|period|era|time)\b",
    ),
    ("why", r"\bwhy\b|\bbecause of what\b|\bfor what (?:reason|purpose)\b|\bwhat caused?\b"),
    (
        "who",
        r"\b(?:who|whom|whose)\b|\bwhat (?:person|man|woman|author|king|queen|president)\b",
    ),
    (
        "where",
        r"\bwhere\b|\b(?:what|which) (?:\w+ )?(?:city|cities|country|countries|state|states|"
        r"town|place|island|region|street|river|continent|county|province|location|"
        r"neighbou?rhood|district|area)\b",
    ),
    (
        "name",
        r"\b(?:called|named?|nickname|known as|term|title|synonym|abbreviat\w+|word for|"
        r"refer(?:red)? to)\b",
    ),
)
_QUESTIONS = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _CUES)
_DATE = re.compile(
    rf"\b(?:1[0-9]{{3}}|20[0-9]{{2}})(?:s|\b)|\b\d{{1,2}}(?:st|nd|rd|th)[ -]centur|"
    rf"\b(?:{_MONTHS})\b\.?(?: \d[\d,]*)+|\b\d{{1,2}} (?:{_MONTHS})\b|"
    rf"\b\d{{1,4}}[./-]\d{{1,2}}[./-]\d{{1,4}}\b|"
    r"\b(?:\w+teenth|twentieth|twenty-first|first|second|third|fourth|fifth) century\b|"
    r"\b\d+ (?:years|million years|BCE?|AD|CE|a\.m\.|p\.m\.|am|pm)\b|\b\d{1,2}[:.]\d{2}\b",
    re.IGNORECASE,
)
_COUNT = re.compile(rf"\d[\d.,]*(?: ?(?:%|percent|million|billion))?|\b(?:{_NUMBER_WORDS})\b", re.I)
_PROPER = re.compile(
    r"(?:\b[A-Z][\w'’.-]*\w|\b[A-Z]\b)(?: (?:(?:of|the|de|la|von|van|and|for) )*[A-Z][\w'’.-]*)*"
)
_BY_PLACE = re.compile(r"\b(?:in|at|on|near|from|to|of|between|by|through|across) (?:the )?\Z")
_NAMING = re.compile(
    r"[\"“”„«»‘]|\b(?:called|named?|known as|termed|referred to as|nicknamed|abbreviated|i\.e\.|"
    r"stands for|means|meaning)\b",
    re.IGNORECASE,
)
_REASON = re.compile(
    r"\b(?:because|due to|since|so that|in order to|as a result|caused? (?:by|of)|owing to|"
    r"therefore|thus|leads? to|led to|thanks to|reasons?|result(?:ed|s|ing)?)\b",
    re.IGNORECASE,
)


_REQUEST = re.compile(
    r"\s*(?:please |can you |could you )?"
    r"(?:tell|describe|explain|summari[sz]e|list|outline|compare|give|show|write|name)\b",
    re.IGNORECASE,
)


def is_request(question: str) -> bool:
    """Whether something is asked for that no single sentence could answer, like a description."""
    return _REQUEST.match(question) is not None


def kind_of(question: str) -> Kind:
    """What the question asks for; "other" when no cue tells."""
    return next((kind for kind, pattern in _QUESTIONS if pattern.search(question)), "other")


def candidates(kind: Kind, text: str, question: str) -> list[Span]:
    """Where `text` has things of the kind asked for that the question has not named itself."""
    asked = set(words(question))

    def new(spans: Iterable[Span]) -> list[Span]:
        return [span for span in spans if not set(words(text[slice(*span)])) <= asked]

    if kind == "when":
        return new(match.span() for match in _DATE.finditer(text))
    if kind == "count":
        return new(match.span() for match in _COUNT.finditer(text))
    if kind in ("who", "where"):
        return new(_proper(text, kind == "where"))
    if kind == "name":
        return [match.span() for match in _NAMING.finditer(text)]
    if kind == "why":
        return [match.span() for match in _REASON.finditer(text)]
    return []


def _proper(text: str, places: bool) -> Iterable[Span]:
    """Capitalised names; the first word of a text only where more of the name follows it."""
    for match in _PROPER.finditer(text):
        if match.start() == 0 and " " not in match.group():
            continue
        if not places or _BY_PLACE.search(text, 0, match.start()) or "," in text[match.end() :][:1]:
            yield match.span()
