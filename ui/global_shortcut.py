"""A key that works everywhere, from the desktop's portal: carried over the session bus.

Nothing is asked of the desktop, and no D-Bus code loaded, before it is switched on. The window has
one thread, so the socket never blocks: Qt tells when there is something to read or room to write.
"""

from __future__ import annotations

import os
import secrets
import socket
import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal

from PySide6.QtCore import QObject, QSocketNotifier, Signal
from PySide6.QtGui import QGuiApplication

from ui.portal import ENDED, Call, Heard, Outcome, Portal, Step, begin, end, hear
from ui.text import tr

ADDRESS_VARIABLE = "DBUS_SESSION_BUS_ADDRESS"
ACTIVATION_VARIABLE = "XDG_ACTIVATION_TOKEN"  # Qt takes it as a window comes forward
READ_BYTES = 1 << 16


class GlobalShortcut(QObject):
    """Asks the desktop for the key while it is switched on, and tells when it is pressed."""

    changed = Signal(object)  # a Portal: how far it has come
    pressed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.portal = Portal("", "", "")
        self._wanted = False
        self._bus: Bus | None = None

    def switch(self, on: bool) -> None:
        """Ask the desktop for the key, or give it back; nothing where that is so already."""
        if on == self._wanted:
            return
        self._wanted = on
        if on:
            self._begin()
        else:
            self._follow(end(self.portal))

    def _begin(self) -> None:
        self.portal = Portal(
            secrets.token_hex(8),
            tr("Search your files with Satchel"),
            QGuiApplication.desktopFileName(),
        )
        try:
            self._bus = Bus(os.environ.get(ADDRESS_VARIABLE, ""), self)
        except OSError:
            self._stop("no_bus")
            return
        self._bus.heard.connect(lambda heard: self._follow(hear(self.portal, heard)))
        self._bus.lost.connect(lambda: self._stop("lost" if self.portal.session else "no_bus"))
        self._follow(begin(self.portal))

    def _follow(self, outcome: Outcome) -> None:
        before, self.portal = self.portal, outcome.portal
        if self._bus is not None:
            self._bus.send(outcome.calls)
        if self.portal.step in ENDED:
            self._let_go()
        if self.portal != before:
            self.changed.emit(self.portal)
        if outcome.activation is not None:
            if outcome.activation:
                os.environ[ACTIVATION_VARIABLE] = outcome.activation
            self.pressed.emit()

    def _stop(self, step: Step) -> None:
        self._follow(Outcome(replace(self.portal, step=step, session="", keys="")))

    def _let_go(self) -> None:
        if self._bus is not None:
            bus, self._bus = self._bus, None
            bus.close()


class Bus(QObject):
    """A connection to the session bus that never waits."""

    heard = Signal(object)  # a Heard
    lost = Signal()

    def __init__(self, address: str, parent: QObject) -> None:
        """Connect. Raises OSError where there is no bus at that address."""
        super().__init__(parent)
        self._socket = connect(address)
        from jeepney.auth import Authenticator
        from jeepney.low_level import Parser

        self._parser: Any = Parser()
        self._greeting: Any = Authenticator()
        self._unsent = bytearray(self._greeting.data_to_send())
        self._held = bytearray()  # until the bus knows who we are
        self._readable = QSocketNotifier(self._socket.fileno(), QSocketNotifier.Type.Read, self)
        self._writable = QSocketNotifier(self._socket.fileno(), QSocketNotifier.Type.Write, self)
        self._readable.activated.connect(lambda *_: self._read())
        self._writable.activated.connect(lambda *_: self._write())

    def send(self, calls: Iterable[Call]) -> None:
        """Send calls, as soon as the bus takes them."""
        for call in calls:
            self._held += encoded(call)
        self._write()

    def close(self) -> None:
        """Leave the bus, which ends whatever was asked for there."""
        self._readable.setEnabled(False)
        self._writable.setEnabled(False)
        self._socket.close()
        self.deleteLater()

    def _write(self) -> None:
        if self._greeting.authenticated:
            self._unsent += self._held
            self._held.clear()
        try:
            if self._unsent:
                del self._unsent[: self._socket.send(self._unsent)]
        except BlockingIOError:
            pass
        except OSError:
            self._unsent.clear()  # reading tells that the bus has gone
        self._writable.setEnabled(bool(self._unsent))

    def _read(self) -> None:
        try:
            data = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        try:
            messages = self._take(data) if data else None
        except (ValueError, LookupError, TypeError):  # jeepney's, of bytes that are no message
            messages = None
        if messages is None:
            self._readable.setEnabled(False)
            self.lost.emit()
            return
        for message in messages:
            self.heard.emit(message)

    def _take(self, data: bytes) -> list[Heard]:
        if self._greeting.authenticated:
            return [heard for each in self._parser.feed(data) if (heard := decoded(each))]
        self._greeting.feed(data)
        if self._greeting.authenticated:
            self._unsent += b"BEGIN\r\n"
            self._write()
        return []


def connect(address: str) -> socket.socket:
    """A socket to the first Unix address of a D-Bus address list. Raises OSError without one."""
    if sys.platform != "linux":
        raise OSError("Only Linux desktops have a portal.")
    from jeepney.bus import get_connectable_addresses

    try:
        where = next(iter(get_connectable_addresses(address)))
    except (ValueError, RuntimeError, StopIteration) as error:
        raise OSError("This session names no bus.") from error
    made = socket.socket(socket.AF_UNIX)
    made.setblocking(False)
    try:
        made.connect(where)
    except OSError:
        made.close()
        raise
    return made


def encoded(call: Call) -> bytes:
    """A call as it travels."""
    from jeepney.wrappers import DBusAddress, new_method_call

    to = DBusAddress(call.path, call.destination, call.interface)
    message = new_method_call(to, call.member, call.signature or None, call.body)
    return bytes(message.serialise(call.serial))


def decoded(message: Any) -> Heard | None:
    """What came in; None for a call, which nobody has a reason to make here."""
    from jeepney.low_level import HeaderFields, MessageType

    header = message.header
    kinds: dict[Any, Literal["reply", "error", "signal"]] = {
        MessageType.method_return: "reply",
        MessageType.error: "error",
        MessageType.signal: "signal",
    }
    if header.message_type not in kinds:
        return None
    fields = header.fields
    return Heard(
        kinds[header.message_type],
        fields.get(HeaderFields.reply_serial, 0),
        fields.get(HeaderFields.path, ""),
        fields.get(HeaderFields.interface, ""),
        fields.get(HeaderFields.member, ""),
        tuple(message.body),
    )
