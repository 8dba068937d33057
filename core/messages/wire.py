"""Messages as lines of JSON, and which of them end a request."""

from __future__ import annotations

import json

import msgspec

from core.messages.base import PROTOCOL_VERSION, Failed, Message, ProtocolError
from core.messages.extractor import Extracted, FileFailed, PageImage, Passages
from core.messages.replies import (
    AnswerDone,
    DigestDone,
    DigestInstead,
    Done,
    PreviewText,
    RemotePreview,
    Report,
    SearchResults,
)
from core.messages.worker import Fingerprinted, Generated, Gpus, ModelLoaded, TextForetold

# The package imports this module after those whose classes it names here.
_TYPES: dict[str, type[Message]] = {kind.__name__: kind for kind in Message.__subclasses__()}
_ENDINGS = (Failed, Extracted, Passages, PageImage, FileFailed, ModelLoaded, Generated,
            Fingerprinted, TextForetold, Gpus, AnswerDone, RemotePreview, DigestInstead, DigestDone,
            PreviewText, Report, Done)  # fmt: skip


def ends(message: Message) -> bool:
    """Whether this reply is the last one of its request."""
    if isinstance(message, SearchResults):
        return message.final
    return isinstance(message, _ENDINGS)


def encode(message: Message) -> str:
    """The message as one line of ASCII JSON, without the newline."""
    return json.dumps(msgspec.to_builtins(message), ensure_ascii=True, separators=(",", ":"))


def decode(line: str | bytes) -> Message:
    """The message that a line holds.

    Raises ProtocolError when the line is not JSON, names no known type, or has
    fields that are missing or of the wrong type.
    """
    try:
        body = json.loads(line)
        return msgspec.convert(body, _TYPES[body["type"]])
    except (ValueError, KeyError, TypeError, msgspec.ValidationError) as error:
        raise ProtocolError(f"not a message of protocol {PROTOCOL_VERSION}: {error}") from error
