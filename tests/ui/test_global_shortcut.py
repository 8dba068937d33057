"""The key that works everywhere, over a real bus; the portal on it is ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QLabel
from samples import settings
from scripted import ScriptedClient

from core.messages import SettingsGet
from ui.global_shortcut import ACTIVATION_VARIABLE, ADDRESS_VARIABLE
from ui.window import MainWindow

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("dbus-daemon") is None,
    reason="needs a Linux with dbus-daemon",
)

CONFIGURATION = """<busconfig><type>session</type><listen>unix:path={socket}</listen>
<policy context="default"><allow send_destination="*"/><allow eavesdrop="true"/><allow own="*"/>
</policy></busconfig>"""  # no folders with services: nothing of the machine's is started


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    configuration = tmp_path / "bus.conf"
    configuration.write_text(CONFIGURATION.format(socket=tmp_path / "bus"))
    command = ["dbus-daemon", "--nofork", "--print-address", f"--config-file={configuration}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout
        monkeypatch.setenv(ADDRESS_VARIABLE, daemon.stdout.readline().strip())
        monkeypatch.setenv(ACTIVATION_VARIABLE, "")
        yield daemon
        daemon.kill()


@pytest.fixture
def portal(bus: object) -> Iterator[Callable[[str], subprocess.Popen[str]]]:  # noqa: ARG001
    running: list[subprocess.Popen[str]] = []

    def start(mode: str) -> subprocess.Popen[str]:
        made = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("fake_portal.py"), mode],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        running.append(made)
        assert made.stdout
        assert made.stdout.readline() == "ready\n"
        return made

    yield start
    for one in running:
        with one:
            one.kill()


def switch(window: MainWindow, client: ScriptedClient, on: bool) -> None:
    window.settings.reload()
    client.report(client.last(SettingsGet), settings(window_global_shortcut=on))


def said(window: MainWindow) -> str:
    return "\n".join(part.text() for part in window.settings.shortcut.findChildren(QLabel))


def test_a_press_brings_the_window_forward(
    window: MainWindow, client: ScriptedClient, qtbot: Any, portal: Callable[[str], Any]
) -> None:
    desktop = portal("grant")
    switch(window, client, True)
    qtbot.waitUntil(lambda: window.global_shortcut.portal.step == "on")
    assert "Press Ctrl+Alt+Space anywhere" in said(window)
    card = window.settings.shortcut
    assert not card.by_hand.copy_button.isVisibleTo(card)
    window.open_page("folders")
    window.hide()
    desktop.stdin.write("\n")
    desktop.stdin.flush()
    qtbot.waitUntil(window.isVisible)
    assert window.page() == "search"
    assert window.focusWidget() is window.search.entry  # offscreen gives a window no focus back
    assert os.environ[ACTIVATION_VARIABLE] == "a-token"
    switch(window, client, False)
    assert desktop.stdout.readline() == "closed\n"
    assert "Press" not in said(window)
    assert card.by_hand.copy_button.isVisibleTo(card)


def test_a_key_that_was_declined_is_told_and_can_be_asked_for_again(
    window: MainWindow, client: ScriptedClient, qtbot: Any, portal: Callable[[str], Any]
) -> None:
    desktop = portal("deny")
    switch(window, client, True)
    qtbot.waitUntil(lambda: window.global_shortcut.portal.step == "denied")
    assert "was declined" in said(window)
    desktop.kill()
    desktop.wait()
    switch(window, client, False)
    desktop = portal("grant")
    switch(window, client, True)
    qtbot.waitUntil(lambda: window.global_shortcut.portal.step == "on")
    desktop.kill()
    qtbot.waitUntil(lambda: window.global_shortcut.portal.step == "lost")
    assert "took the key back" in said(window)


def test_a_desktop_without_a_portal_and_a_bus_that_ends_are_told(
    window: MainWindow, client: ScriptedClient, qtbot: Any, bus: subprocess.Popen[str]
) -> None:
    switch(window, client, True)
    qtbot.waitUntil(lambda: window.global_shortcut.portal.step == "none")
    assert "gives no keys" in said(window)
    switch(window, client, False)
    switch(window, client, True)
    bus.kill()
    bus.wait()
    qtbot.waitUntil(lambda: window.global_shortcut.portal.step in ("none", "no_bus"))
    switch(window, client, False)
    switch(window, client, True)
    assert window.global_shortcut.portal.step == "no_bus"
    assert "no desktop here" in said(window)


def test_an_address_that_leads_nowhere_is_told(
    window: MainWindow, client: ScriptedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for address in ("", "nonsense", "unix:path=/nowhere/bus", "tcp:host=a,port=1"):
        monkeypatch.setenv(ADDRESS_VARIABLE, address)
        switch(window, client, True)
        assert window.global_shortcut.portal.step == "no_bus", address
        switch(window, client, False)
        assert window.global_shortcut.portal.step == "off"
