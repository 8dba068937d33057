"""The line-delimited JSON channel between a child and its parent, over stdin and stdout."""

from __future__ import annotations

import os
import sys
import threading
from typing import IO

from core.messages import Hello, Message, decode, encode


class Channel:
    """Sends and receives one message a line; sending is safe from any thread."""

    def __init__(self, reader: IO[bytes], writer: IO[bytes]) -> None:
        self._reader = reader
        self._writer = writer
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        """Write one message and flush it. Raises BrokenPipeError when the other side is gone."""
        line = encode(message).encode("ascii") + b"\n"
        with self._lock:
            self._writer.write(line)
            self._writer.flush()

    def receive(self) -> Message | None:
        """The next message, or None when the other side has closed.

        Raises ProtocolError for a line that is not a message.
        """
        line = self._reader.readline()
        return decode(line) if line else None


def child_channel(hello: Hello) -> Channel:
    """The channel of a child process to its parent, with the greeting sent.

    What native libraries print to stdout goes to stderr from here on, so that
    it cannot break the protocol.
    """
    wire = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    channel = Channel(sys.stdin.buffer, os.fdopen(wire, "wb"))
    channel.send(hello)
    return channel
