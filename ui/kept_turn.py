"""A turn as it was kept: read from a table, of which nothing is taken for granted."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from core.messages import EVERYWHERE, Citation, Made, Scope
from ui.tables import Row, rows_of, text_of, whole_of
from ui.turn import TurnView

Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True)
class KeptTurn:
    """A row of a ConversationGet's report. What is damaged in it counts as missing."""

    row: Row

    @property
    def question(self) -> str:
        """What was asked."""
        return text_of(self.row, "question")

    @property
    def scope(self) -> Scope:
        """What it was put to."""
        return _read(self.row.get("scope") or {}, EVERYWHERE)

    def place(self, turn: TurnView) -> None:
        """Tell a turn where it stands in its conversation."""
        versions: tuple[int, ...] = ()
        with contextlib.suppress(msgspec.ValidationError):
            versions = msgspec.convert(self.row.get("versions", ()), tuple[int, ...])
        turn.keep_as(whole_of(self.row, "turn"), whole_of(self.row, "after"), versions)

    def fill(self, turn: TurnView) -> None:
        """Show the answer as it was kept."""
        self.place(turn)
        citations = []
        for item in rows_of(self.row, "citations"):
            with contextlib.suppress(msgspec.ValidationError):
                citations.append(msgspec.convert(item, Citation))
        answer, found = text_of(self.row, "answer"), bool(self.row.get("found"))
        if self.row.get("stopped") == "cancelled":
            turn.sources(citations)
            turn.add(answer)
            turn.stopped()
            return
        unsupported: list[tuple[int, int]] = []
        with contextlib.suppress(msgspec.ValidationError):
            unsupported = msgspec.convert(self.row.get("unsupported", ()), list[tuple[int, int]])
        leads = citations[0] if citations and citations[0].n == 1 and found else None
        turn.sources(citations, extract=leads)
        turn.finish(answer, found, citations, unsupported)
        turn.say_where(_read(self.row.get("made") or {}, Made()))


def _read(value: object, otherwise: Kind) -> Kind:
    with contextlib.suppress(msgspec.ValidationError):
        return msgspec.convert(value, type(otherwise))
    return otherwise
