"""Asking the service for something, for the commands."""

from __future__ import annotations

from collections.abc import Iterator

from app.local import Caller
from core.errors import UserError
from core.messages import Failed, Message, Report


def replies(caller: Caller, request: Message) -> Iterator[Message]:
    """The replies to a request; a failure is raised as UserError."""
    for reply in caller.ask(request):
        if isinstance(reply, Failed):
            raise UserError(reply.title, reply.advice)
        yield reply


def report(caller: Caller, request: Message) -> object:
    for reply in replies(caller, request):
        if isinstance(reply, Report):
            return reply.body
    raise UserError("The service gave no answer.", "Run the command again.")


def table(body: object) -> dict[str, object]:
    return body if isinstance(body, dict) else {}
