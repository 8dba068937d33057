"""What is said to the desktop's portal for one global shortcut, and what its answers mean.

Decides only: `ui/global_shortcut.py` carries the messages over the session bus. Interfaces:
org.freedesktop.portal.GlobalShortcuts, .Request and .Session (XDG desktop portal documentation).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

BUS, BUS_PATH = "org.freedesktop.DBus", "/org/freedesktop/DBus"
PORTAL, PORTAL_PATH = "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop"
SHORTCUTS = "org.freedesktop.portal.GlobalShortcuts"
REQUEST, SESSION = "org.freedesktop.portal.Request", "org.freedesktop.portal.Session"
REGISTRY = "org.freedesktop.host.portal.Registry"
SHOW = "show"  # how the portal knows the one shortcut
WANTED_KEYS = "CTRL+ALT+space"
WATCHED = (  # the bus passes on nothing that was not asked for
    f"type='signal',sender='{PORTAL}',interface='{REQUEST}',member='Response'",
    f"type='signal',sender='{PORTAL}',interface='{SHORTCUTS}'",
    f"type='signal',sender='{PORTAL}',interface='{SESSION}',member='Closed'",
    f"type='signal',sender='{BUS}',member='NameOwnerChanged',arg0='{PORTAL}'",
)

Step = Literal[
    "off", "hello", "version", "create", "bind", "on", "no_bus", "none", "denied", "lost"
]
ENDED: tuple[Step, ...] = ("off", "no_bus", "none", "denied", "lost")


@dataclass(frozen=True, slots=True)
class Call:
    """A method call, to be sent with its serial."""

    serial: int
    destination: str
    path: str
    interface: str
    member: str
    signature: str = ""
    body: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that came in. `answers` is the serial of the call it replies to; 0 for a signal."""

    kind: Literal["reply", "error", "signal"]
    answers: int = 0
    path: str = ""
    interface: str = ""
    member: str = ""
    body: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Portal:
    """How far it has come. `token` is part of the names of requests and cannot be guessed."""

    token: str
    description: str  # of the shortcut, which the desktop shows
    app_id: str
    step: Step = "off"
    own_name: str = ""  # as the bus calls us
    session: str = ""  # an object path
    keys: str = ""  # what to press, as the desktop writes it
    awaited: int = 0  # the serial of the call whose reply decides
    last_serial: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What follows from a message. `activation` is None unless the shortcut was pressed.

    Pressed, it is the desktop's token with which a window may come forward; "" where it gave none.
    """

    portal: Portal
    calls: tuple[Call, ...] = ()
    activation: str | None = None


def begin(portal: Portal) -> Outcome:
    """Greet the bus, which is the first thing to do on it."""
    return _say(replace(portal, step="hello"), _bus("Hello"))


def end(portal: Portal) -> Outcome:
    """Give the shortcut back."""
    off = replace(portal, step="off", keys="", awaited=0)
    if not portal.session:
        return Outcome(off)
    close = Call(0, PORTAL, portal.session, SESSION, "Close")
    return _say(replace(off, session=""), close)


def hear(portal: Portal, heard: Heard) -> Outcome:
    """Go on after a message; one that is not for us, or not as it should be, changes nothing."""
    if portal.step in ENDED:
        return Outcome(portal)
    if heard.kind == "signal":
        return _signal(portal, heard)
    if heard.answers != portal.awaited:
        return Outcome(portal)
    if heard.kind == "error":
        return Outcome(replace(portal, step="none"))
    if portal.step == "hello" and heard.body and isinstance(heard.body[0], str):
        return _look_for_portal(replace(portal, own_name=heard.body[0]))
    if portal.step == "version":
        return _create(portal)
    return Outcome(portal)  # of a request: what counts comes as a signal


def request_path(portal: Portal) -> str:
    """Where the answer to the present request is to come from."""
    sender = portal.own_name.removeprefix(":").replace(".", "_")
    return f"{PORTAL_PATH}/request/{sender}/{_token(portal)}"


def _token(portal: Portal) -> str:
    return f"satchel_{portal.step}_{portal.token}"


def _look_for_portal(portal: Portal) -> Outcome:
    # A program that is not in a sandbox tells which it is; portals that do not ask refuse that.
    register = Call(0, PORTAL, PORTAL_PATH, REGISTRY, "Register", "sa{sv}", (portal.app_id, {}))
    version = Call(
        0, PORTAL, PORTAL_PATH, "org.freedesktop.DBus.Properties", "Get", "ss",
        (SHORTCUTS, "version"),
    )  # fmt: skip
    watch = (_bus("AddMatch", "s", (rule,)) for rule in WATCHED)
    return _say(replace(portal, step="version"), *watch, register, version)


def _create(portal: Portal) -> Outcome:
    portal = replace(portal, step="create")
    options = {
        "handle_token": ("s", _token(portal)),
        "session_handle_token": ("s", f"satchel_{portal.token}"),
    }
    return _say(portal, _shortcuts("CreateSession", "a{sv}", (options,)))


def _bind(portal: Portal, session: str) -> Outcome:
    portal = replace(portal, step="bind", session=session)
    what = {
        "description": ("s", portal.description),
        "preferred_trigger": ("s", WANTED_KEYS),
    }
    options = {"handle_token": ("s", _token(portal))}
    body = (session, [(SHOW, what)], "", options)
    return _say(portal, _shortcuts("BindShortcuts", "oa(sa{sv})sa{sv}", body))


def _signal(portal: Portal, heard: Heard) -> Outcome:
    about = (heard.interface, heard.member)
    if about == (REQUEST, "Response") and heard.path == request_path(portal):
        return _response(portal, heard.body)
    if about == (SESSION, "Closed") and portal.session and heard.path == portal.session:
        return Outcome(replace(portal, step="lost", session=""))
    if about == (BUS, "NameOwnerChanged") and heard.body[:1] == (PORTAL,):
        gone = portal.session and heard.body[-1] == ""
        return Outcome(replace(portal, step="lost", session="") if gone else portal)
    if heard.interface == SHORTCUTS and portal.session and heard.body[:1] == (portal.session,):
        return _of_shortcut(portal, heard)
    return Outcome(portal)


def _response(portal: Portal, body: tuple[Any, ...]) -> Outcome:
    code, results = body if len(body) == 2 else (2, {})
    if code != 0 or not isinstance(results, Mapping):
        denied = portal.step == "bind" and code == 1
        return Outcome(replace(portal, step="denied" if denied else "none"))
    if portal.step == "create":
        session = _value(results, "session_handle")
        if isinstance(session, str) and session.startswith("/"):
            return _bind(portal, session)
        return Outcome(replace(portal, step="none"))
    if portal.step == "bind":
        keys = _keys(_value(results, "shortcuts"))
        bound = keys is not None
        return Outcome(replace(portal, step="on" if bound else "denied", keys=keys or ""))
    return Outcome(portal)


def _of_shortcut(portal: Portal, heard: Heard) -> Outcome:
    if heard.member == "Activated" and heard.body[1:2] == (SHOW,) and portal.step == "on":
        options = heard.body[3] if len(heard.body) > 3 else {}
        token = _value(options, "activation_token") if isinstance(options, Mapping) else None
        return Outcome(portal, activation=token if isinstance(token, str) else "")
    if heard.member == "ShortcutsChanged" and len(heard.body) > 1:
        keys = _keys(heard.body[1])
        return Outcome(portal if keys is None else replace(portal, keys=keys))
    return Outcome(portal)


def _keys(shortcuts: object) -> str | None:
    """What to press, out of a(sa{sv}); None where our shortcut is not in it."""
    for one in shortcuts if isinstance(shortcuts, Sequence) else ():
        if len(one) == 2 and one[0] == SHOW and isinstance(one[1], Mapping):
            keys = _value(one[1], "trigger_description")
            return keys.strip() if isinstance(keys, str) else ""
    return None


def _value(options: Mapping[str, Any], name: str) -> object:
    """A value of a{sv}, which comes as a pair of signature and value."""
    pair = options.get(name)
    return pair[1] if isinstance(pair, tuple) and len(pair) == 2 else None


def _bus(member: str, signature: str = "", body: tuple[Any, ...] = ()) -> Call:
    return Call(0, BUS, BUS_PATH, BUS, member, signature, body)


def _shortcuts(member: str, signature: str, body: tuple[Any, ...]) -> Call:
    return Call(0, PORTAL, PORTAL_PATH, SHORTCUTS, member, signature, body)


def _say(portal: Portal, *calls: Call) -> Outcome:
    """Number the calls; the reply to the last of them is waited for."""
    first = portal.last_serial + 1
    numbered = tuple(replace(call, serial=first + n) for n, call in enumerate(calls))
    last = portal.last_serial + len(numbered)
    return Outcome(replace(portal, last_serial=last, awaited=last), numbered)
