"""Makes a question that leans on its conversation stand alone, for searching. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.chat.words import words
from core.messages import ChatTurn

MOST_TERMS = 8
TURNS_LOOKED_AT = 4  # questions before this one

_POINTS_BACK = re.compile(
    r"\b(?:it|its|itself|they|them|their|theirs|he|him|his|she|her|hers|this|that|these|those|"
    r"there|then|one|ones|same|former|latter|both)\b",
    re.IGNORECASE,
)
_PERSON = re.compile(r"\b(?:he|him|his|she|her|hers|they|them|their)\b", re.IGNORECASE)
# What "this year" and "that is" point at does not stand in the conversation.
_POINTS_ELSEWHERE = re.compile(
    r"\b(?:this|that|these|those) (?:year|month|week|day|morning|time)s?\b|\bthat is\b|"
    r"\bthere (?:is|are|was|were|be|been|a|an|any)\b|\b(?:is|are|was|were) there\b|"
    r"\b(?:fact|say|says|said|know|knew|so|now|sure|show|shows|shown|mean|means|think) that\b",
    re.IGNORECASE,
)
_GOES_ON = re.compile(
    r"\s*(?:and|but|or|so|also|then|what about|how about|what else|who else|where else|why|"
    r"how so|since when|really)\b",
    re.IGNORECASE,
)
_BEGINS = re.compile(
    r"\s*(?:and|but|so|or|also|then|ok(?:ay)?|well|what about|how about)\b[\s,]*", re.I
)
_NAMED = re.compile(r"[\"“”„«»]([^\"“”„«»]{2,60})[\"“”„«»]|\b([A-Z0-9][\w'’.-]*\w)")
_NEXT_NAME = re.compile(r" [A-Z]|[\"”]")
_MARK = re.compile(r"\[\d[\d,; ]*\]")
_FEW_WORDS = 2
_NO_TOPIC = frozenset(("much", "many", "say", "said", "know", "happen", "happened", "mean", "else"))


def stand_alone(question: str, history: Sequence[ChatTurn]) -> str:
    """The question with what it leans on from the turns before, oldest first.

    The words of the question stay as they are; terms of what was spoken of come after them,
    so that both words and embedding of the whole lie near the topic. A question that
    stands alone, or has nothing to lean on, comes back unchanged.
    """
    if not leans(question):
        return question
    asked = set(words(question))
    found: dict[str, None] = {}
    for term in _topic(history, person=bool(_PERSON.search(question))):
        if not set(words(term)) <= asked | {word for had in found for word in words(had)}:
            found[term] = None
        if len(found) == MOST_TERMS:
            break
    return f"{question.rstrip()} ({', '.join(found)})" if found else question


def leans(question: str) -> bool:
    """Whether a question cannot be understood without what was said before."""
    own = words(_BEGINS.sub("", question, count=1))
    named = [match for match in _NAMED.finditer(question) if match.start() > 0]
    if _POINTS_BACK.search(_POINTS_ELSEWHERE.sub(" ", question)):
        return True
    if _GOES_ON.match(question) and not named:
        return len(own) <= 2 * _FEW_WORDS
    return len(own) < _FEW_WORDS and not named


def _topic(history: Sequence[ChatTurn], person: bool) -> list[str]:
    """What was spoken of, that which was asked last first; people of the last answer before it."""
    asked = [turn.text for turn in history if turn.role == "user"][-TURNS_LOOKED_AT:]
    answers = [turn.text for turn in history if turn.role == "assistant"]
    terms: list[str] = []
    if person and answers:
        terms += _names(_MARK.sub("", answers[-1]))[:2]
    for text in reversed(asked):
        names = _names(text)
        terms += names
        held = {word for name in names for word in words(name)}
        for raw in re.findall(r"\w+", text):
            own = words(raw)
            if own and not set(own) <= held and raw.casefold() not in _NO_TOPIC:
                terms.append(raw)
        if not leans(text):
            break  # what was asked before that was another topic, as far as can be told
    return terms


def _names(text: str) -> list[str]:
    """Names, numbers and what stands between quotation marks, neighbours together."""
    found: list[str] = []
    last_end = -2
    for match in _NAMED.finditer(text):
        term = match.group(1) or match.group(2)
        if not words(term) or (match.start() == 0 and not _NEXT_NAME.match(text, match.end())):
            continue
        if found and text[last_end : match.start()] == " ":
            found[-1] = f"{found[-1]} {term}"
        else:
            found.append(term)
        last_end = match.end()
    return found
