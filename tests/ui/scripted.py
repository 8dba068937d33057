"""A client without a service: requests are kept, and a test or a script answers them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from core.messages import Failed, Message, Report, ends
from ui.client import Client, Link, Make, OnReply, OnSlow
from ui.heard import heard

Kind = TypeVar("Kind", bound=Message)
Answer = Callable[[Message], Message | list[Message] | None]


class ScriptedClient(Client):
    """Stands in for `ui.client.Client`; what `script` holds for a request's type is its answer."""

    def __init__(self) -> None:
        super().__init__(["none"])
        self.sent: list[Message] = []
        self.cancelled: list[int] = []
        self.script: dict[type[Message], Answer] = {}
        self._waiting: dict[int, tuple[OnReply, OnSlow | None]] = {}
        self.starts = 0

    def start(self) -> None:
        self.starts += 1

    def close(self) -> None:
        self.ended.emit()

    def ask(self, make: Make, on_reply: OnReply, on_slow: OnSlow | None = None) -> int:
        number = len(self.sent) + 1
        request = make(number)
        self.sent.append(request)
        self._waiting[number] = (on_reply, on_slow)
        answer = self.script.get(type(request))
        replies = answer(request) if answer is not None else None
        for reply in replies if isinstance(replies, list) else [replies]:
            if reply is not None:
                self.reply(reply)
        return number

    def cancel(self, number: int) -> None:
        if self._waiting.pop(number, None) is not None:
            self.cancelled.append(number)

    def last(self, kind: type[Kind]) -> Kind:
        """The newest request of a type."""
        return next(m for m in reversed(self.sent) if isinstance(m, kind))

    def all(self, kind: type[Kind]) -> list[Kind]:
        """Every request of a type."""
        return [m for m in self.sent if isinstance(m, kind)]

    def reply(self, message: Message) -> None:
        """Deliver a reply; ignored when nobody waits for it, like the real client does."""
        number = int(getattr(message, "id", 0))
        waiting = self._waiting.get(number)
        if waiting is not None:
            if ends(message):
                del self._waiting[number]
            waiting[0](heard(message))

    def report(self, request: Message, body: object) -> None:
        """Answer with a table."""
        self.reply(Report(int(getattr(request, "id", 0)), body))

    def fail(self, request: Message, title: str = "It failed.", advice: str = "Mend it.") -> None:
        """Answer with a failure."""
        self.reply(Failed(int(getattr(request, "id", 0)), title, advice))

    def late(self, request: Message) -> None:
        """Say that an answer is late."""
        on_slow = self._waiting[int(getattr(request, "id", 0))][1]
        assert on_slow is not None
        on_slow()

    def lose(self, link: Link) -> None:
        """Change how it stands with the service."""
        self._set_link(link)
