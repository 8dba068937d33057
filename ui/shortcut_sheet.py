"""The sheet of all keys, read from the shortcuts and actions that the window really has."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence, QShortcut
from PySide6.QtWidgets import QDialog, QGridLayout, QWidget

from ui.parts import button, column, label, page_of, row
from ui.text import tr

SHEET_PX = (480, 700)


@dataclass(frozen=True, slots=True)
class Keys:
    """What a key, or any of several, does."""

    does: str
    keys: tuple[str, ...]


def keys_of(window: QObject) -> list[Keys]:
    """Every shortcut and action with keys below a window, in the order they were made.

    A shortcut says what it does in its object name, an action in its text. Several keys for the
    same stand together. A shortcut without a name is shown by its key alone, so it is never lost.
    """
    found: dict[str, list[str]] = {}
    for part in window.findChildren(QObject):
        if isinstance(part, QShortcut):
            does, sequences = part.objectName(), part.keys()
        elif isinstance(part, QAction):
            does, sequences = part.text().replace("&", ""), part.shortcuts()
        else:
            continue
        for sequence in sequences:
            keys = sequence.toString(QKeySequence.SequenceFormat.NativeText)
            listed = found.setdefault(does or keys, [])
            if keys not in listed:
                listed.append(keys)
    return [Keys(does, tuple(keys)) for does, keys in found.items()]


class ShortcutSheet(QDialog):
    """Shows what each key does; Esc closes it. The window behind can be used meanwhile."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("Keys"))
        self.setProperty("ground", "window")
        self.listed = keys_of(window)
        table = QGridLayout()
        table.setHorizontalSpacing(24)
        table.setVerticalSpacing(8)
        table.setColumnStretch(0, 1)
        for line, entry in enumerate(self.listed):
            does = label(entry.does, wrap=True)
            table.addWidget(does, line, 0)
            keys = row(1, *(label(key, "key") for key in entry.keys), spacing=6)
            table.addLayout(keys, line, 1)
        close = button(tr("Close"), self.close, "primary")
        foot = row(1, close)
        foot.setContentsMargins(28, 0, 28, 20)
        heading = label(tr("Keys"), "title")
        area = page_of(column(heading, table, 1, spacing=16))
        area.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # a low screen scrolls it by the arrows
        area.setProperty("words", "true")
        area.setAccessibleName(tr("What each key does"))
        whole = column(area, foot, spacing=8)
        self.setLayout(whole)
        self.resize(*SHEET_PX)
        close.setFocus()
