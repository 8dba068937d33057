"""Whether two questions ask for the same, so that the answer to one answers the other. Pure.

Nearness of meaning alone does not tell: "When did it open?" and "When did it close?" are as near
as rewordings are. So what has to be said in both questions is compared word for word (numbers,
names, negations, and which kind of answer is wanted), and only then how near they are counts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from core.chat.words import words

Kind = Literal["count", "time", "person", "place", "reason", "yes or no", "thing"]

_WORD = re.compile(r"[^\W_]+(?:[.,:/'’-][^\W_]+)*%?")
_NUMBER = re.compile(r"\d[\d.,:/-]*")
# What may stand before a question without changing it.
_FRAME = re.compile(
    r"^(?:(?:please|hi|hello|hey|ok|so|and) )*"
    r"(?:(?:can|could|would|will) you (?:please )?(?:tell|show|remind) me|(?:please )?tell me"
    r"|do you know|i (?:want|need|would like) to know|i wonder|remind me|find out)"
    r"(?: please)?(?= (?:what|which|when|where|who|whom|whose|why|how)\b)|^(?:please|hi|hello) "
    r"| please$"
)
_ANY = r"(?:what|which|whose)"
_KINDS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (
        "count",
        re.compile(
            r"\bhow (?:many|much|long|old|far|high|large|big|tall|deep|wide|often|fast|heavy)\b"
            r"|\bpercent(?:age)?\b|\b(?:what|which) (?:\w+ ){0,3}(?:proportion|share|number|amount"
            r"|price|cost|rate|rates|size|length|height|tax)\b|\bby (?:what|how)\b"
        ),
    ),
    (
        "time",
        re.compile(
            r"^(?:\w+ ){0,6}?when (?:is|are|was|were|do|does|did|has|have|had|can|could|should"
            rf"|will|would|must)\b|^(?:in |on |at |by |since )?{_ANY} (?:\w+ )?(?:years?|dates?|day"
            r"|month|time|season|century|decade|period|age|era)\b"
        ),
    ),
    (
        "reason",
        re.compile(rf"\bwhy\b|\b{_ANY} (?:\w+ )?(?:reason|cause)s?\b|\bbecause of what\b"),
    ),
    ("person", re.compile(r"\bwho(?:m|se)?\b")),
    (
        "place",
        re.compile(
            rf"\bwhere\b(?!.* for\b)|\b{_ANY} (?:\w+ )?(?:country|city|town|state|region"
            r"|place|island|street|neighbou?rhood)s?\b"
        ),
    ),
    ("thing", re.compile(r"\b(?:what|which|how)\b")),
    (
        "yes or no",
        re.compile(
            r"^(?:is|are|was|were|do|does|did|has|have|had|can|could|should|will|would|may|must)\b"
        ),
    ),
)
_NEGATIONS = frozenset(
    ("not", "no", "never", "without", "none", "nobody", "nothing", "neither", "nor", "cannot",
     "except", "unlike", "fail", "lack")
)  # fmt: skip
# Words of which a rewording keeps the one that was said: the other side asks for something else.
_SIDES = tuple(
    frozenset(pair.split("/"))
    for pair in (
        "first/last", "oldest/youngest", "oldest/newest", "old/new", "largest/smallest",
        "biggest/smallest", "most/least", "more/less", "more/fewer", "highest/lowest",
        "maximum/minimum", "before/after", "start/end", "begin/end", "began/ended",
        "started/ended", "open/close", "opened/closed", "north/south", "east/west",
        "northern/southern", "eastern/western", "born/died", "birth/death", "bought/sold",
        "buy/sell", "won/lost", "win/lose", "increase/decrease", "advantage/disadvantage",
        "advantages/disadvantages", "male/female", "men/women", "man/woman", "boys/girls",
        "husband/wife", "father/mother", "import/export", "imports/exports", "income/expense",
        "income/expenses", "gross/net", "best/worst", "first/second", "second/third",
        "minimum/average", "maximum/average", "upper/lower", "inner/outer", "left/right",
        "morning/evening", "day/night", "arrival/departure", "arrive/leave", "arrives/leaves",
        "early/late", "earliest/latest", "mother/sister", "tenant/landlord", "deposit/rent",
        "true/false",
        "longest/shortest", "long/short", "hot/cold", "summer/winter", "cause/effect",
        "sender/recipient", "employer/employee", "buyer/seller", "today/yesterday",
        "today/tomorrow", "this/last", "this/next", "last/next",
    )
)  # fmt: skip


# Stems of words that come and go in rewordings.
_LIGHT = frozenset(
    ("name", "call", "kind", "type", "sort", "locat", "situat", "happen", "tak", "mean", "many")
)

# Least cosine by kind of question; fitted by `benchmarks/cache.py --fit`. Questions of two kinds
# of which one is a plain "what" are `MIXED`.
LEAST: Mapping[Kind, float] = {
    "count": 0.94,
    "time": 0.95,
    "person": 0.92,
    "place": 0.92,
    "reason": 0.93,
    "yes or no": 0.95,
    "thing": 0.94,
}
MIXED = 0.965
SWAPPED = 0.955  # where one word of weight was put in another's place, or was added


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a question has to be said in another one too, if both are to mean the same.

    `plain` are its words in lower case, `weighty` the stems of those that say something.
    """

    normal: str
    kind: Kind
    plain: frozenset[str]
    weighty: frozenset[str]
    numbers: frozenset[str]
    names: frozenset[str]
    negated: bool


def read(question: str) -> Asked:
    """Take a question apart."""
    folded = unicodedata.normalize("NFKC", question).replace("’", "'")
    said = _WORD.findall(folded)
    normal = _FRAME.sub("", " ".join(said).casefold()).strip()
    plain = normal.split()
    return Asked(
        normal=normal,
        kind=kind_of(normal),
        plain=frozenset(_stripped(word) for word in plain),
        weighty=frozenset(words(normal)) - _LIGHT,
        numbers=frozenset(_NUMBER.findall(normal)),
        names=frozenset(_stripped(word) for word in said[1:] if word[0].isupper() and word != "I"),
        negated=bool(_NEGATIONS & set(plain)) or "n't" in normal,
    )


def kind_of(question: str) -> Kind:
    """Which kind of answer a question in lower case wants."""
    return next((kind for kind, pattern in _KINDS if pattern.search(question)), "thing")


def least_cosine(one: Asked, other: Asked) -> float | None:
    """How near in meaning two questions have to be to be taken for the same.

    None when they cannot be: a number, a name or a negation is in one of them alone, they want
    another kind of answer, or they name the two sides of something. 0 for the same words.
    """
    if one.normal == other.normal:
        return 0.0
    if one.numbers != other.numbers or one.negated != other.negated:
        return None
    if not (one.names <= other.plain and other.names <= one.plain):
        return None
    common = one.plain & other.plain
    for side in _SIDES:
        if one.plain & side and other.plain & side and not common & side:
            return None
    if one.kind == other.kind:
        least = LEAST[one.kind]
    elif "thing" in (one.kind, other.kind):
        least = MIXED
    else:
        return None
    left, right = one.weighty - other.weighty, other.weighty - one.weighty
    swapped = max(len(left), len(right)) == 1 and len(one.weighty & other.weighty) > 0
    return max(least, SWAPPED) if swapped else least


def _stripped(word: str) -> str:
    """A name without its possessive ending, in lower case."""
    return re.sub(r"'s?$", "", word.casefold())
