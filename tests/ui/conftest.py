"""The window headless. Tests of it are left out where Qt or its plugin is missing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import PATIENCE_S

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
try:
    import PySide6.QtWidgets
    import pytestqt  # noqa: F401
except ImportError:  # pragma: no cover - a machine without Qt's system libraries
    collect_ignore_glob = ["test_*.py"]
else:
    from PySide6.QtCore import QCoreApplication, QEvent, QLocale, QObject, QTranslator
    from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QWidget
    from pytestqt.qtbot import QtBot
    from scripted import ScriptedClient

    from core.messages import Locator
    from ui.icons import Icons
    from ui.language import speak
    from ui.parts import Look
    from ui.theme import Theme
    from ui.window import MainWindow

    QLocale.setDefault(QLocale("en_US"))  # whatever the machine speaks

    class PatientBot(QtBot):
        """The plugin's own bot, which gives up after five seconds where nothing else is said."""

        def waitUntil(self, callback: Callable[[], Any], **more: Any) -> None:  # noqa: N802 - Qt's name
            super().waitUntil(callback, **{"timeout": int(1000 * PATIENCE_S), **more})

        def waitSignal(self, signal: Any, **more: Any) -> Any:  # noqa: N802 - Qt's name
            return super().waitSignal(signal, **{"timeout": int(1000 * PATIENCE_S), **more})

    @pytest.fixture
    def qtbot(qapp: QApplication, request: pytest.FixtureRequest) -> QtBot:  # noqa: ARG001 - Qt has to be there
        return PatientBot(request)

    class FakeOpener:
        """Keeps what it was asked to open."""

        def __init__(self) -> None:
            self.opened: list[str] = []
            self.revealed: list[str] = []
            self.places: list[Locator] = []
            self.news = ""
            self.problem = ""

        def open(self, path: str, place: Locator, said: Callable[[str], None]) -> str:
            self.opened.append(path)
            self.places.append(place)
            if self.news:
                said(self.news)
            return self.problem

        def reveal(self, path: str) -> str:
            self.revealed.append(path)
            return self.problem

    class Strays(QObject):
        """Finds parts that open as windows for a moment: these take the focus from the real one."""

        def __init__(self, application: QApplication) -> None:
            super().__init__()
            self.found: list[str] = []
            application.installEventFilter(self)

        def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
            shown = event.type() == QEvent.Type.Show and isinstance(watched, QWidget)
            if shown and watched.isWindow() and isinstance(watched, (QLabel, QAbstractButton)):
                self.found.append(f"{type(watched).__name__} {watched.text()}")
            return False

    @pytest.fixture(scope="session")
    def one_look(qapp: QApplication) -> Look:
        return Look(Theme(qapp), Icons())

    @pytest.fixture
    def look(one_look: Look) -> Look:
        # Windows of tests before would be styled anew too: they are let go.
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        one_look.theme.choose("light")
        return one_look

    @pytest.fixture
    def german(qapp: QApplication) -> Iterator[None]:
        """German, for whatever is made from here on."""
        before = set(qapp.findChildren(QTranslator))
        speak(qapp, "de", QLocale("en_US"))
        yield
        for translator in set(qapp.findChildren(QTranslator)) - before:
            QCoreApplication.removeTranslator(translator)
            translator.deleteLater()
        QLocale.setDefault(QLocale("en_US"))

    @pytest.fixture
    def client(qapp: QApplication) -> ScriptedClient:  # noqa: ARG001
        return ScriptedClient()

    @pytest.fixture
    def opener() -> FakeOpener:
        return FakeOpener()

    @pytest.fixture
    def window(
        look: Look, client: ScriptedClient, opener: FakeOpener, qtbot: object, qapp: QApplication
    ) -> Iterator[MainWindow]:
        strays = Strays(qapp)
        made = MainWindow(look, client, opener)  # type: ignore[arg-type]
        qtbot.addWidget(made)  # type: ignore[attr-defined]
        made.show()
        yield made
        qapp.removeEventFilter(strays)
        assert not strays.found, "shown before it had a parent, so as a window of its own"
        # Whatever a test showed, no label may draw markup.
        for found in made.findChildren(QLabel):
            assert found.textFormat() == PySide6.QtCore.Qt.TextFormat.PlainText or not found.text()

    @pytest.fixture
    def fake_service() -> Callable[..., list[str]]:
        import sys

        program = Path(__file__).with_name("fake_service.py")
        return lambda *arguments: [sys.executable, str(program), *arguments]
