"""What a person says of themselves in a message, so that it can be offered to be remembered.

Rules on the words let few sentences through; nearness of meaning to sentences of either kind
then decides. A sentence too few is better than one too many: nothing is kept unasked, but
whoever is asked too often stops reading. Pure, but for reading the sentences that ship.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from core.chat.words import sentence_spans

Floats = NDArray[np.float32]
MemoryKind = Literal["fact", "preference"]
Label = Literal["fact", "preference", "no"]

EXAMPLES = Path(__file__).resolve().parents[2] / "resources" / "memory-examples.tsv"
NEIGHBOURS = 3
# Fitted on the examples themselves, each left out in turn; see tests/core/test_chat_noticing.py.
LEAST_LEAD = 0.05
LONGEST_CHARS = 200
_LEAST_WORDS, _MOST_WORDS = 2, 40

_OF_ME = re.compile(r"\b(?:i|i'm|i've|i'd|my|mine|me|we|we're|we've|our|us)\b")
_WISH = re.compile(
    r"^(?:please )?(?:always|never|from now on|call me|in future)\b"
    r"|^(?:please )?(?:answer|reply|write|speak|use) .*\b(?:from now on|always|in future)\b"
)
_PREFERS = re.compile(
    r"\b(?:prefer|rather|like|love|hate|dislike|favou?rite|want|always|never)\b|\bcall me\b"
    r"|\bfrom now on\b|\bdon't (?:eat|drink|use)\b|\bdo not (?:eat|drink|use)\b"
)
_ABOUT_ANSWERS = re.compile(
    r"\b(?:answers?|repl(?:y|ies)|explanations?|explain|units?|euros|celsius|format|dates?"
    r"|bullet|words|abbreviations|tables?|address me|call me|called|language|clock|amounts?"
    r"|temperatures?)\b"
)
_ASKS = re.compile(
    r"^(?:what|which|when|where|who|whom|whose|why|how|is|are|was|were|do|does|did|have|has|had"
    r"|can|could|should|would|will|may|tell|show|find|list|give|search|look|open|compare"
    r"|summari[sz]e|read|explain|thanks|thank|that|this|he|she|it|they)\b"
)
_OF_THE_MOMENT = re.compile(
    r"\b(?:today|tonight|tomorrow|yesterday|now|just|already|again|ago|this|that|these|those"
    r"|monday|tuesday|wednesday|thursday|friday|saturday|sunday"
    r"|(?:last|next) (?:week|month|year|question|meeting))\b"
)
_OF_THE_TASK = re.compile(
    r"\b(?:i|we)(?:'m| am| was| are| were)? (?:really |also |still |would )?(?:want|need|wanted"
    r"|needed|wish|like to|looking|trying|searching|wondering|wonder|think|thought|guess|hope"
    r"|suppose|know|remember|forgot|forget|mean|meant|see|saw|read|reading|found|find|asked|ask"
    r"|agree|understand|confused|sure|got|received|sent|wrote|scanned|saved|moved|paid|put|met"
    r"|decided|talked|discussed|changed|sold|bought|lost|going)\b"
    r"|\b(?:i|we) (?:can't|cannot|could not|couldn't|don't (?:know|remember|understand|see)"
    r"|do not (?:know|remember|understand|see)|am not|will|have to|must|should)\b"
    r"|\bquestions?\b|\bfiles?\b|\bdocuments?\b|\bfolders?\b|\bnotes?\b|\bpages?\b"
)
_SECRET = re.compile(
    r"\b(?:passwords?|passcode|pin|secret|token|card number|iban|account number|cvv|ssn"
    r"|social security)\b|\d(?:[ -]?\d){7,}"
)


@dataclass(frozen=True, slots=True)
class Noticed:
    """A sentence that may be worth remembering, and what it is."""

    text: str
    kind: MemoryKind


@dataclass(frozen=True, slots=True)
class Examples:
    """Sentences of either kind and their unit vectors (n, d)."""

    labels: tuple[Label, ...]
    vectors: Floats


def load_examples(path: Path = EXAMPLES) -> list[tuple[Label, str]]:
    """The labelled sentences that ship with Satchel."""
    rows = (line.split("\t") for line in path.read_text("utf-8").splitlines() if line)
    return [(cast(Label, label), text) for label, text in rows]


def worth_asking(message: str) -> list[str]:
    """The sentences of a message that, by their words, say something lasting of the person."""
    found = []
    for start, end in sentence_spans(message):
        sentence = " ".join(message[start:end].split())
        if _passes(sentence):
            found.append(sentence)
    return list(dict.fromkeys(found))


def _passes(sentence: str) -> bool:
    lowered = sentence.casefold().replace("’", "'")
    if sentence.endswith("?") or len(sentence) > LONGEST_CHARS:
        return False
    if not _LEAST_WORDS <= len(lowered.split()) <= _MOST_WORDS:
        return False
    wish = _WISH.search(lowered) is not None
    if not wish and (_OF_ME.search(lowered) is None or _ASKS.search(lowered)):
        return False
    if _SECRET.search(lowered) or _OF_THE_MOMENT.search(lowered.replace("from now on", "")):
        return False
    return not _OF_THE_TASK.search(lowered)


def kind_of_memory(text: str) -> MemoryKind:
    """Whether a sentence says what the person is or what they want."""
    return "preference" if _PREFERS.search(text.casefold().replace("’", "'")) else "fact"


def wants_of_answers(text: str) -> bool:
    """Whether a preference is about answers as such, so that it bears on every question."""
    lowered = text.casefold()
    return kind_of_memory(text) == "preference" and _ABOUT_ANSWERS.search(lowered) is not None


def lead(vector: Floats, examples: Examples) -> float:
    """How much nearer a sentence is to what is worth remembering than to what is not."""
    cosines = examples.vectors @ vector
    wanted = np.array([label != "no" for label in examples.labels])
    return _nearest(cosines[wanted]) - _nearest(cosines[~wanted])


def _nearest(cosines: Floats) -> float:
    return float(np.sort(cosines)[-NEIGHBOURS:].mean())


def notice(sentences: Sequence[str], vectors: Floats, examples: Examples) -> list[Noticed]:
    """Those of some sentences, with their vectors, that are to be offered."""
    return [
        Noticed(sentence, kind_of_memory(sentence))
        for sentence, vector in zip(sentences, vectors, strict=True)
        if lead(vector, examples) >= LEAST_LEAD
    ]
