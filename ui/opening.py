"""Opening a file with its own program, and showing it in the file manager."""

from __future__ import annotations

import sys

from PySide6.QtCore import QFileInfo, QProcess, QUrl
from PySide6.QtGui import QDesktopServices

from ui.text import tr


class Opener:
    """Hands files to the desktop. Each method returns why it could not, or nothing."""

    def open(self, path: str) -> str:
        """Open a file with the program that the system has for it."""
        problem = _problem(path)
        if problem:
            return problem
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(path)):
            return tr("No program on this computer opens this kind of file.")
        return ""

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
