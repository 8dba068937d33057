"""The base of every message, and what all children say."""

from __future__ import annotations

from typing import Literal

import msgspec

PROTOCOL_VERSION = 1


class ProtocolError(Exception):
    """A line is not a message of this version: the other side is broken or of another release."""


class Message(msgspec.Struct, frozen=True, tag=True):
    """Base of all messages."""


class Hello(Message, frozen=True):
    """First line of every child: who it is and which protocol it speaks."""

    role: Literal["service", "model-worker", "extractor"]
    pid: int
    version: int = PROTOCOL_VERSION
    protections: tuple[str, ...] = ()  # what it can do no more: "network", "writing", "memory"


class Cancel(Message, frozen=True):
    """Give up request `id`. Silent when it has ended already."""

    id: int


class Failed(Message, frozen=True):
    """Ends a request that could not be done: what happened and what to do.

    `missing` says that a model has to be chosen first.
    """

    id: int
    title: str
    advice: str
    missing: Literal["model"] | None = None
