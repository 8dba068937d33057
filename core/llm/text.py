"""What goes into a model without a template, and what comes out of one, as text."""

from __future__ import annotations

import codecs
from collections.abc import Sequence

PLAIN_STOPS = ("\nQuestion:", "\nUser:", "\n\n\n")


def plain_format(messages: Sequence[tuple[str, str]]) -> str:
    """The chat as plain text, for models without a template that llama.cpp knows."""
    names = {"system": "", "user": "User: ", "assistant": "Assistant: "}
    return "".join(f"{names[role]}{text}\n\n" for role, text in messages) + "Assistant:"


class TextPieces:
    """Turns token bytes into text of whole characters, held back before a stop string."""

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stops = tuple(stops)
        self._held = ""
        self.stopped = False

    def feed(self, piece: bytes) -> str:
        """The text that is safe to show after this token; empty while it is incomplete."""
        self._held += self._decoder.decode(piece)
        for stop in self._stops:
            at = self._held.find(stop)
            if at >= 0:
                self.stopped = True
                return self._release(at)
        return self._release(len(self._held) - self._possible_stop())

    def finish(self) -> str:
        """What was held back; a character cut in the middle is dropped."""
        return "" if self.stopped else self._release(len(self._held))

    def _release(self, count: int) -> str:
        text, self._held = self._held[:count], self._held[count:]
        return text

    def _possible_stop(self) -> int:
        """How many characters at the end may be the beginning of a stop string."""
        longest = max((len(stop) for stop in self._stops), default=1) - 1
        for count in range(min(longest, len(self._held)), 0, -1):
            if any(stop.startswith(self._held[-count:]) for stop in self._stops):
                return count
        return 0
