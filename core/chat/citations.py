"""Ties an answer to its passages: marks like [2], exact quotes, and what has no support. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.chat.words import Span, rarity, sentence_spans, words

# A mark is short and its numbers have at most three digits, so "[1987]" stays text.
_NUMBER = r"\d{1,3}"
_MARK = re.compile(rf"\[ ?{_NUMBER}(?: ?[,;] ?{_NUMBER}){{0,5}} ?\]")
_MARK_BEGINS = re.compile(rf"\[(?: ?(?:{_NUMBER} ?[,;] ?){{0,5}}(?:{_NUMBER})? ?)?\Z")
_TAIL_CHARS = 40  # longer than any mark
_NAME = re.compile(r"(?<=[^.!?\s] )[A-Z]\w+")
_REFUSAL = re.compile(
    r"\b(?:(?:do|does|did|is|are|was|were|has|have)(?: not|n['’]t)|not|no|can(?:not|['’]t)|"
    r"could(?: not|n['’]t)|unable to|never)\b[^.!?]{0,40}?\b(?:say|state[ds]?|mention(?:ed|s)?|"
    r"provided?|specif(?:y|ied)|know|found|find|answer(?:ed)?|information|contain|included?|"
    r"determine|given|discuss(?:ed)?|clear)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class CitationConfig:
    """When a passage counts as support, as a share of a sentence's word weights (0 to 1).

    A mark set by the model is kept from `keep_share` on, since a paraphrase shares
    few words; a mark of ours is only set from `attach_share` on. Numbers and names
    weigh `strong_factor` times as much as other words.
    """

    keep_share: float = 0.15
    attach_share: float = 0.5
    strong_factor: float = 2.0


@dataclass(frozen=True, slots=True)
class Support:
    """Passage `n` (from 1) supports something: the exact words and where they stand in it."""

    n: int
    quote: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class CheckedAnswer:
    """An answer whose every mark rests on a quote. `found` is false when it says nothing.

    `unsupported` are the sentences of it that claim something which no passage supports.
    """

    answer: str
    found: bool
    citations: tuple[Support, ...]
    unsupported: tuple[Span, ...] = ()


class CitationFilter:
    """Takes marks of unknown passages out of an answer while it streams."""

    def __init__(self, passages: int) -> None:
        """`passages` is how many there are; their numbers count from 1."""
        self._passages = passages
        self._held = ""
        self._tail = ""

    def feed(self, piece: str) -> str:
        """What can be shown now: whatever may still become a mark is held back."""
        self._held += piece
        shown = ""
        while self._held:
            taken = self._take()
            if taken is None:
                break
            shown += taken
        return shown

    def finish(self) -> str:
        """The rest, held back until the text ended."""
        rest, self._held = self._held, ""
        return rest

    def _take(self) -> str | None:
        """Move the next settled part from held to shown; None when nothing is settled."""
        opening = self._held.find("[")
        plain = self._held if opening < 0 else self._held[:opening]
        # A space before a mark goes with it, so it waits for what comes after.
        kept = plain.rstrip(" ")
        if kept:
            return self._show(kept)
        after = self._held[len(plain) :]
        if not after:
            return None
        mark = _MARK.match(after)
        if mark is None:
            if _MARK_BEGINS.match(after):
                return None
            return self._show(plain + "[")
        self._held = after[mark.end() :]
        return self._remember(self._rewrite(plain, mark.group()))

    def _show(self, text: str) -> str:
        self._held = self._held[len(text) :]
        return self._remember(text)

    def _remember(self, text: str) -> str:
        self._tail = (self._tail + text)[-_TAIL_CHARS:]
        return text

    def _rewrite(self, space: str, mark: str) -> str:
        numbers = _numbers(mark)
        known = [n for n in numbers if 1 <= n <= self._passages]
        if len(known) == len(numbers):
            return space + mark
        if known:
            return f"{space}[{', '.join(map(str, known))}]"
        if _MARK_BEGINS.search(self._tail + space):
            # Dropping it would join its neighbours to a mark that nobody wrote.
            return f"{space}({mark[1:-1]})"
        return ""


def drop_unknown(answer: str, passages: int) -> str:
    """The whole answer without marks of unknown passages."""
    stream = CitationFilter(passages)
    return stream.feed(answer) + stream.finish()


def check_answer(
    answer: str, question: str, passages: Sequence[str], config: CitationConfig | None = None
) -> CheckedAnswer:
    """The answer with marks only where a passage supports the sentence, and the quotes.

    Marks of the model stay where their passage shares words with the sentence and has
    all its numbers and names. A sentence without a mark that holds gets that of the passage
    that covers it best, if that covers enough of it.
    Citations come in the order of their numbers, one a passage: that of the
    sentence it supports best.
    """
    config = config or CitationConfig()
    text = drop_unknown(answer, len(passages)).strip()
    finder = _Finder(question, passages, config)
    best: dict[int, tuple[float, Support]] = {}
    spoke = refused = supported = False
    out: list[str] = []
    at = 0
    for start, end in answer_sentences(text):
        sentence = text[start:end]
        plain = _MARK.sub("", sentence)
        numbers = [n for mark in _MARK.findall(sentence) for n in _numbers(mark)]
        refuses = is_refusal(plain) and not finder.says_beyond_question(plain)
        refused, spoke = refused or refuses, spoke or bool(words(plain))
        supports = [] if refuses else finder.of_cited(plain, numbers) or finder.of_best(plain)
        for share, support in supports:
            supported = True
            if support.n not in best or share > best[support.n][0]:
                best[support.n] = (share, support)
        kept = {support.n for _, support in supports}
        out += [text[at:start], _mark(sentence, kept)]
        at = end
    out.append(text[at:])
    checked = "".join(out).strip()
    citations = tuple(best[n][1] for n in sorted(best))
    found = spoke and (supported or not refused)
    return CheckedAnswer(checked, found, citations, unmarked(checked) if found else ())


def unmarked(answer: str) -> tuple[Span, ...]:
    """The sentences of a checked answer that claim something and have no mark."""
    return tuple(
        (start, end)
        for start, end in answer_sentences(answer)
        if not _MARK.search(answer[start:end])
        and words(answer[start:end])
        and not is_refusal(answer[start:end])
    )


def is_refusal(sentence: str) -> bool:
    """Whether a sentence says that the answer is not there or not known."""
    return _REFUSAL.search(sentence) is not None


def answer_sentences(text: str) -> list[Span]:
    """The sentences of an answer; marks after a full stop belong to the sentence before."""
    spans: list[Span] = []
    for start, end in sentence_spans(text):
        lead = re.match(rf"(?:\s*{_MARK.pattern})+[.,;]?\s*", text[start:end])
        if lead and spans:
            spans[-1] = (spans[-1][0], start + len(lead.group().rstrip()))
            if start + lead.end() < end:
                spans.append((start + lead.end(), end))
        else:
            spans.append((start, end))
    return spans


class _Finder:
    """Finds the sentence of a passage that supports a sentence of the answer."""

    def __init__(self, question: str, passages: Sequence[str], config: CitationConfig) -> None:
        self._config = config
        self._asked = set(words(question))
        self._texts = passages
        self._sentences = [
            [(span, set(words(text[slice(*span)]))) for span in sentence_spans(text)]
            for text in passages
        ]
        self._rarity: Mapping[str, float] = rarity(
            text[slice(*span)] for text in passages for span in sentence_spans(text)
        )
        self._rarest = max(self._rarity.values(), default=1.0)

    def of_cited(self, sentence: str, cited: Sequence[int]) -> list[tuple[float, Support]]:
        """How much each cited passage supports the sentence, as far as it does."""
        return self._supports(sentence, dict.fromkeys(cited), self._config.keep_share)

    def of_best(self, sentence: str) -> list[tuple[float, Support]]:
        """The passage that covers the sentence best, if strongly."""
        numbers = range(1, len(self._texts) + 1)
        supports = self._supports(sentence, numbers, self._config.attach_share)
        return [max(supports, key=lambda one: (one[0], -one[1].n))] if supports else []

    def _supports(
        self, sentence: str, numbers: Iterable[int], least_share: float
    ) -> list[tuple[float, Support]]:
        """What covers so much of the sentence, of the passages that hold its numbers and names."""
        return [
            one
            for n in numbers
            if (one := self._in_passage(sentence, n))
            and one[0] >= least_share
            and self._holds(sentence, n)
        ]

    def says_beyond_question(self, sentence: str) -> bool:
        """Whether a passage covers what the sentence adds to the words of the question.

        A refusal echoes the question; a passage about something missing says more.
        """
        added = " ".join(word for word in words(sentence) if word not in self._asked)
        return bool(added) and bool(self.of_best(added))

    def _in_passage(self, sentence: str, n: int) -> tuple[float, Support] | None:
        weights = self._weights(sentence)
        total = sum(weights.values())
        best: tuple[float, float, Span] | None = None
        for span, held in self._sentences[n - 1]:
            share = sum(weight for word, weight in weights.items() if word in held)
            asked = len(self._asked & held) / (len(self._asked) or 1)
            # Short answers stand in many sentences: the question's words settle which.
            if share > 0 and (best is None or share + asked * total > best[0]):
                best = (share + asked * total, share / total, span)
        if best is None:
            return None
        _, share, (start, end) = best
        return share, Support(n, self._texts[n - 1][start:end], start, end)

    def _weights(self, sentence: str) -> dict[str, float]:
        strong = {word for name in _NAME.findall(sentence) for word in words(name)}
        return {
            word: self._rarity.get(word, self._rarest)
            * (self._config.strong_factor if word in strong or word[0].isdigit() else 1.0)
            for word in words(sentence)
        }

    def _holds(self, sentence: str, n: int) -> bool:
        """Whether passage n, or the question, holds every number and name of the sentence."""
        named = {word for name in _NAME.findall(sentence) for word in words(name)}
        literal = named | {word for word in words(sentence) if word[0].isdigit()}
        return literal <= set().union(self._asked, *(held for _, held in self._sentences[n - 1]))


def _numbers(mark: str) -> list[int]:
    return [int(number) for number in re.findall(_NUMBER, mark)]


def _mark(sentence: str, kept: set[int]) -> str:
    """The sentence with the marks in `kept`: where they stand, else before its full stop."""

    def keep(match: re.Match[str]) -> str:
        numbers = [n for n in _numbers(match.group("mark")) if n in kept]
        stayed.update(numbers)
        return f"{match.group('space')}[{', '.join(map(str, numbers))}]" if numbers else ""

    stayed: set[int] = set()
    text = re.sub(rf"(?P<space> *)(?P<mark>{_MARK.pattern})", keep, sentence)
    added = kept - stayed
    if not added:
        return text
    body = text.rstrip(".!?。！？")
    return f"{body} [{', '.join(map(str, sorted(added)))}]{text[len(body) :]}"
