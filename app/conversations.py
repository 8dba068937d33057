"""The kept conversations: listed, shown, renamed, exported and deleted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from app.kept_data import forget_conversations
from core.atomic import write_atomic
from core.chat.citations import unmarked
from core.chat.export import markdown
from core.errors import UserError
from core.messages import (
    ConversationDelete,
    ConversationExport,
    ConversationGet,
    ConversationRename,
    ConversationsList,
    Message,
)

if TYPE_CHECKING:
    from app.service import Service

KINDS = (
    ConversationsList,
    ConversationGet,
    ConversationRename,
    ConversationExport,
    ConversationDelete,
)
MOST_QUERY_CHARS = 1000


class Conversations:
    """Carries out what is asked of the history."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def carry_out(self, message: Message) -> dict[str, object]:
        """The report for one of KINDS. Raises UserError."""
        history = self._service.history
        if isinstance(message, ConversationsList):
            return {"conversations": history.conversations(message.query[:MOST_QUERY_CHARS])}
        if isinstance(message, ConversationGet):
            title = self._title(message.conversation)
            if message.turn is not None and not history.show_branch(
                message.conversation, message.turn
            ):
                raise UserError(
                    "This answer is no longer kept.", "Open the conversation from the list again."
                )
            turns = history.show(message.conversation)
            pinned = self._service.pins.of(message.conversation)
            return {"title": title, "turns": [_judged(turn) for turn in turns], "pinned": pinned}
        if isinstance(message, ConversationRename):
            return {"title": self._rename(message)}
        if isinstance(message, ConversationExport):
            return self._export(message)
        assert isinstance(message, ConversationDelete)
        deleted = history.delete(message.conversation)
        forget_conversations(self._service, [message.conversation])
        return {"deleted": deleted}

    def _title(self, conversation: int) -> str:
        title = self._service.history.title(conversation)
        if title is None:
            raise UserError(
                f"There is no conversation {conversation}.",
                "See them with `satchel conversations list`.",
            )
        return title

    def _rename(self, message: ConversationRename) -> str:
        self._title(message.conversation)
        title = message.title.encode("utf-8", "replace").decode()
        if not title.strip():
            raise UserError(
                "A title needs at least one letter.", "Write the title after the number."
            )
        return self._service.history.rename(message.conversation, title) or ""

    def _export(self, message: ConversationExport) -> dict[str, object]:
        title = self._title(message.conversation)
        history = self._service.history
        branch = history.show(message.conversation)
        shown = {turn["turn"] for turn in branch}
        every = history.show(message.conversation, whole=True)
        text = markdown(title, branch, [turn for turn in every if turn["turn"] not in shown])
        if message.path is None:
            return {"markdown": text, "turns": len(every)}
        path = Path(message.path)
        if path.is_dir() or (os.path.lexists(path) and not message.replace):
            raise UserError(f"{path} is there already.", "Name another file to write to.")
        try:
            write_atomic(path, text.encode("utf-8", "replace"))
        except OSError as error:
            raise UserError(
                f"{path} cannot be written: {error.strerror}.", "Choose another place for it."
            ) from error
        return {"path": str(path), "turns": len(every)}


def _judged(turn: dict[str, object]) -> dict[str, object]:
    """A kept turn with the parts of its answer that no passage supports."""
    spans = unmarked(str(turn["answer"])) if turn["citations"] else ()
    return {**turn, "unsupported": [list(span) for span in spans]}
