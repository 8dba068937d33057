"""What is said to the portal and what its answers mean, without a bus."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.portal import (
    BUS,
    ENDED,
    PORTAL,
    PORTAL_PATH,
    REGISTRY,
    REQUEST,
    SESSION,
    SHORTCUTS,
    Heard,
    Outcome,
    Portal,
    begin,
    end,
    hear,
    request_path,
)

SESSION_PATH = f"{PORTAL_PATH}/session/1_7/satchel_cafe"
NEW = Portal("cafe", "Search", "org.satchel")


def reply(outcome: Outcome, *body: Any) -> Heard:
    return Heard("reply", outcome.portal.awaited, body=body)


def response(portal: Portal, code: int, **results: Any) -> Heard:
    path = request_path(portal)
    return Heard("signal", 0, path, REQUEST, "Response", (code, results))


def bound(keys: str) -> tuple[str, Any]:
    return ("a(sa{sv})", [("show", {"trigger_description": ("s", keys)})])


def up_to(step: str) -> Outcome:
    """The outcome with which a step begins."""
    outcome = begin(NEW)
    if step == "hello":
        return outcome
    outcome = hear(outcome.portal, reply(outcome, ":1.7"))
    if step == "version":
        return outcome
    outcome = hear(outcome.portal, reply(outcome, ("u", 1)))
    if step == "create":
        return outcome
    created = response(outcome.portal, 0, session_handle=("s", SESSION_PATH))
    outcome = hear(outcome.portal, created)
    if step == "bind":
        return outcome
    return hear(outcome.portal, response(outcome.portal, 0, shortcuts=bound("Ctrl+Alt+Space")))


def test_it_listens_before_it_asks_and_tells_who_it_is_first() -> None:
    assert [call.member for call in up_to("hello").calls] == ["Hello"]
    calls = up_to("version").calls
    members = [call.member for call in calls]
    assert members == [*["AddMatch"] * 4, "Register", "Get"]
    assert calls[4].interface == REGISTRY
    assert [call.serial for call in calls] == list(range(2, 8))
    [create] = up_to("create").calls
    assert create.body[0]["handle_token"] == ("s", "satchel_create_cafe")
    assert request_path(up_to("create").portal).endswith("/request/1_7/satchel_create_cafe")
    [bind] = up_to("bind").calls
    assert (bind.member, bind.body[0]) == ("BindShortcuts", SESSION_PATH)
    [(name, what)] = bind.body[1]
    assert (name, what["description"]) == ("show", ("s", "Search"))
    done = up_to("on").portal
    assert (done.step, done.keys) == ("on", "Ctrl+Alt+Space")


@pytest.mark.parametrize(
    ("step", "becomes"),
    [("hello", "none"), ("version", "none"), ("create", "none"), ("bind", "none"), ("on", "on")],
)
def test_an_error_to_what_counts_ends_it(step: str, becomes: str) -> None:
    portal = up_to(step).portal
    awaited = -1 if step == "on" else portal.awaited
    assert hear(portal, Heard("error", awaited)).portal.step == becomes
    assert hear(portal, Heard("error", 999)).portal == portal


def test_the_person_or_the_desktop_may_refuse() -> None:
    portal = up_to("bind").portal
    assert hear(portal, response(portal, 1)).portal.step == "denied"
    assert hear(portal, response(portal, 2)).portal.step == "none"
    nothing = response(portal, 0, shortcuts=("a(sa{sv})", []))
    assert hear(portal, nothing).portal.step == "denied"
    without_key = response(portal, 0, shortcuts=("a(sa{sv})", [("show", {})]))
    outcome = hear(portal, without_key).portal
    assert (outcome.step, outcome.keys) == ("on", "")
    creating = up_to("create").portal
    assert hear(creating, response(creating, 0)).portal.step == "none"


def test_only_our_shortcut_of_our_session_brings_the_window() -> None:
    portal = up_to("on").portal

    def pressed(session: str, name: str, **options: Any) -> str | None:
        body = (session, name, 1, options)
        return hear(portal, Heard("signal", 0, "", SHORTCUTS, "Activated", body)).activation

    assert pressed(SESSION_PATH, "show") == ""
    assert pressed(SESSION_PATH, "show", activation_token=("s", "key")) == "key"
    assert pressed(SESSION_PATH, "other") is None
    assert pressed("/another", "show") is None
    changed = Heard(
        "signal", 0, "", SHORTCUTS, "ShortcutsChanged", (SESSION_PATH, bound("Meta+S ")[1])
    )
    assert hear(portal, changed).portal.keys == "Meta+S"


def test_the_desktop_may_end_it_and_so_may_we() -> None:
    portal = up_to("on").portal
    closed = Heard("signal", 0, SESSION_PATH, SESSION, "Closed", ({},))
    assert hear(portal, closed).portal.step == "lost"
    assert hear(portal, replace(closed, path="/another")).portal == portal
    gone = Heard("signal", 0, "", BUS, "NameOwnerChanged", (PORTAL, ":1.2", ""))
    assert hear(portal, gone).portal.step == "lost"
    came = replace(gone, body=(PORTAL, "", ":1.3"))
    assert hear(up_to("version").portal, came).portal.step == "version"
    outcome = end(portal)
    assert [(call.member, call.path) for call in outcome.calls] == [("Close", SESSION_PATH)]
    assert outcome.portal.step == "off"
    assert end(up_to("create").portal).calls == ()


VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=4) | st.just(SESSION_PATH) | st.just("show"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(
            st.sampled_from(["shortcuts", "session_handle", "trigger_description"]), inner
        )
    ),
    max_leaves=8,
)


@given(
    step=st.sampled_from(["hello", "version", "create", "bind", "on"]),
    kind=st.sampled_from(["reply", "error", "signal"]),
    about=st.sampled_from(
        [
            (REQUEST, "Response"),
            (SHORTCUTS, "Activated"),
            (SHORTCUTS, "ShortcutsChanged"),
            (SESSION, "Closed"),
            (BUS, "NameOwnerChanged"),
        ]
    ),
    body=st.lists(VALUES, max_size=4).map(tuple),
)
def test_nothing_that_is_said_can_break_it(
    step: str, kind: Any, about: tuple[str, str], body: tuple[Any, ...]
) -> None:
    portal = up_to(step).portal
    heard = Heard(kind, portal.awaited, request_path(portal), *about, body)
    outcome = hear(portal, heard)
    assert outcome.portal.last_serial == portal.last_serial + len(outcome.calls)
    if outcome.portal.step in ENDED:
        assert hear(outcome.portal, heard) == Outcome(outcome.portal)
