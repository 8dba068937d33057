"""A desktop's portal for global shortcuts, on the bus of the environment.

usage: fake_portal.py grant|deny. Says "ready" once it has its name; each line it reads is a press.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

from jeepney.bus_messages import message_bus
from jeepney.io.blocking import open_dbus_connection
from jeepney.low_level import HeaderFields, MessageType
from jeepney.wrappers import DBusAddress, new_error, new_method_return, new_signal

NAME, PATH = "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop"
SHORTCUTS = "org.freedesktop.portal.GlobalShortcuts"
PROPERTIES = "org.freedesktop.DBus.Properties"


class Portal:
    def __init__(self, denies: bool) -> None:
        self.denies = denies
        self.session = self.client = self.shortcut = ""
        self.bus = open_dbus_connection("SESSION")
        self.bus.send_and_get_reply(message_bus.RequestName(NAME))

    def serve(self) -> None:
        while True:
            message = self.bus.receive()
            if message.header.message_type is MessageType.method_call:
                self.answer(message)

    def answer(self, message: Any) -> None:
        fields = message.header.fields
        about = (fields[HeaderFields.interface], fields[HeaderFields.member])
        self.client = fields[HeaderFields.sender]
        if about == (PROPERTIES, "Get") and message.body == (SHORTCUTS, "version"):
            self.bus.send(new_method_return(message, "v", (("u", 1),)))
        elif about == (SHORTCUTS, "CreateSession"):
            [options] = message.body
            self.session = self.child("session", options["session_handle_token"])
            self.respond(message, options, 0, {"session_handle": ("s", self.session)})
        elif about == (SHORTCUTS, "BindShortcuts"):
            session, [(self.shortcut, what)], _, options = message.body
            assert session == self.session
            assert what["description"][0] == "s"
            keys = what["preferred_trigger"][1].replace("CTRL+ALT+space", "Ctrl+Alt+Space")
            given = [(self.shortcut, {"trigger_description": ("s", f"{keys} ")})]
            results = {} if self.denies else {"shortcuts": ("a(sa{sv})", given)}
            self.respond(message, options, int(self.denies), results)
        elif about == ("org.freedesktop.portal.Session", "Close"):
            print("closed", flush=True)
            self.bus.send(new_method_return(message))
        else:
            self.bus.send(new_error(message, "org.freedesktop.DBus.Error.UnknownMethod"))

    def child(self, kind: str, token: tuple[str, str]) -> str:
        return f"{PATH}/{kind}/{self.client[1:].replace('.', '_')}/{token[1]}"

    def respond(self, message: Any, options: Any, code: int, results: dict[str, Any]) -> None:
        """First the answer, then the reply: a client must have listened before it called."""
        path = self.child("request", options["handle_token"])
        request = DBusAddress(path, NAME, "org.freedesktop.portal.Request")
        self.emit(request, "Response", "ua{sv}", (code, results))
        self.bus.send(new_method_return(message, "o", (path,)))

    def press(self) -> None:
        body = (self.session, self.shortcut, 1, {"activation_token": ("s", "a-token")})
        self.emit(DBusAddress(PATH, NAME, SHORTCUTS), "Activated", "osta{sv}", body)

    def emit(self, emitter: DBusAddress, member: str, signature: str, body: Any) -> None:
        self.bus.send(new_signal(emitter, member, signature, body))


def main() -> None:
    portal = Portal(sys.argv[1] == "deny")
    threading.Thread(target=portal.serve, daemon=True).start()
    print("ready", flush=True)
    for _ in sys.stdin:
        portal.press()


if __name__ == "__main__":
    main()
