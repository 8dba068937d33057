"""Opening a file with its own program, at its place where that can be told, and showing it in
the file manager.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from PySide6.QtCore import (
    QFileInfo,
    QMimeDatabase,
    QProcess,
    QSettings,
    QStandardPaths,
    QTimer,
    QUrl,
)
from PySide6.QtGui import QDesktopServices

from core.messages import Locator
from ui.text import place_text, tr
from ui.viewers import has_place, viewer_call

Said = Callable[[str], None]
ASKING_MS = 1500  # longest wait for the desktop to name its viewer
START = Locator()


class Opener:
    """Hands files to the desktop. Each method returns why it could not, or nothing."""

    def __init__(self) -> None:
        self._viewers: dict[str, str] = {}  # by MIME type, as the desktop named them

    def open(self, path: str, place: Locator = START, said: Said = lambda _: None) -> str:
        """Open a file with the program that the system has for it, at a place if it can.

        What went otherwise is `said` once it is known.
        """
        problem = _problem(path)
        if problem or not has_place(place):
            return problem or _open_plainly(path)
        if sys.platform == "win32":
            return _open_with(_windows_viewer(path), path, place, said)
        if sys.platform == "darwin":
            return _open_with("", path, place, said)
        kind = QMimeDatabase().mimeTypeForFile(path, QMimeDatabase.MatchMode.MatchExtension).name()
        if kind in self._viewers:
            return _open_with(self._viewers[kind], path, place, said)
        self._ask_viewer(kind, lambda viewer: _tell(_open_with(viewer, path, place, said), said))
        return ""

    def _ask_viewer(self, kind: str, then: Callable[[str], None]) -> None:
        """Ask the desktop which program opens a kind of file, without waiting for it."""
        asking = QProcess()
        done: list[bool] = []

        def end() -> None:
            if done:
                return
            done.append(True)
            viewer = bytes(asking.readAllStandardOutput().data()).decode("utf-8", "replace").strip()
            if viewer:
                self._viewers[kind] = viewer
            if asking.state() != QProcess.ProcessState.NotRunning:
                asking.kill()
            then(viewer)
            asking.deleteLater()

        asking.finished.connect(end)
        asking.errorOccurred.connect(end)
        QTimer.singleShot(ASKING_MS, end)
        asking.start("xdg-mime", ["query", "default", kind])

    def reveal(self, path: str) -> str:
        """Show a file in its folder, selected where the file manager can."""
        problem = _problem(path)
        if problem:
            return problem
        if sys.platform == "win32":
            QProcess.startDetached("explorer", ["/select,", path.replace("/", "\\")])
            return ""
        if sys.platform == "darwin":
            QProcess.startDetached("open", ["-R", path])
            return ""
        if _ask_file_manager(path):
            return ""
        folder = QFileInfo(path).absolutePath()
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(folder)):
            return tr("No file manager answers on this computer.")
        return ""


def _tell(problem: str, said: Said) -> None:
    if problem:
        said(problem)


def _open_with(viewer: str, path: str, place: Locator, said: Said) -> str:
    """Open a file at its place with a program that can, else at its beginning."""
    call = viewer_call(viewer, path, place)
    program = ""
    if call is not None:
        program = (
            viewer if QFileInfo(viewer).isAbsolute() else QStandardPaths.findExecutable(call[0])
        )
    if call is not None and program and QProcess.startDetached(program, call[1])[0]:
        return ""
    problem = _open_plainly(path)
    if not problem:
        text = tr("Opened at its beginning: its program cannot be told the place. It is %1.")
        said(text.replace("%1", place_text(place)))
    return problem


def _open_plainly(path: str) -> str:
    if not QDesktopServices.openUrl(QUrl.fromLocalFile(path)):
        return tr("No program on this computer opens this kind of file.")
    return ""


def _windows_viewer(path: str) -> str:
    """The program that Windows has for a kind of file, from the registry; empty if unknown."""
    kind = "." + path.rpartition(".")[2].lower()
    native = QSettings.Format.NativeFormat
    user = (
        r"HKEY_CURRENT_USER\Software\Microsoft\Windows\CurrentVersion\Explorer\FileExts"
        rf"\{kind}\UserChoice"
    )
    chosen = str(QSettings(user, native).value("ProgId") or "")
    chosen = chosen or str(QSettings(rf"HKEY_CLASSES_ROOT\{kind}", native).value(".") or "")
    key = rf"HKEY_CLASSES_ROOT\{chosen}\shell\open\command"
    command = str(QSettings(key, native).value(".") or "") if chosen else ""
    return command.split('"')[1] if command.startswith('"') else command.partition(" ")[0]


def _problem(path: str) -> str:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return tr("The file's name is not valid text, so it has to be opened from a file manager.")
    if not QFileInfo.exists(path):
        return tr("The file is no longer there.")
    return ""


def _ask_file_manager(path: str) -> bool:
    """Ask the running file manager to select the file (freedesktop FileManager1)."""
    try:
        from PySide6.QtDBus import QDBusConnection, QDBusMessage
    except ImportError:
        return False
    bus = QDBusConnection.sessionBus()
    name = "org.freedesktop.FileManager1"
    interface = bus.interface() if bus.isConnected() else None
    if interface is None or not interface.isServiceRegistered(name).value():
        return False
    call = QDBusMessage.createMethodCall(name, "/org/freedesktop/FileManager1", name, "ShowItems")
    call.setArguments([[QUrl.fromLocalFile(path).toString()], ""])
    return bool(bus.send(call))
