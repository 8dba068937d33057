"""A passage in the text around it, set off by its ground."""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import islice

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit

from core.messages import PreviewText
from ui.parts import Look
from ui.text import tame, tr, utf16

MOST_WORDS = 200  # that are marked


class PassageView(QPlainTextEdit):
    """Plain text that can be selected and copied, and not changed."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._range = (0, 0)
        self._words: list[tuple[int, int]] = []
        self.setReadOnly(True)
        self.setProperty("role", "document")
        self.setAccessibleName(tr("The passage in its surroundings"))
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        look.changed.connect(self._mark)

    def show_passage(self, message: PreviewText, words: Collection[str] = ()) -> None:
        """Show a text with its passage marked, in the middle of the view; in that these words."""
        text = tame(message.text)
        self.setPlainText(text)
        self._words = [
            (utf16(text, at), utf16(text, end))
            for at, end in places_of(words, text, message.start, message.end)
        ]
        self._range = (utf16(text, message.start), utf16(text, message.end))
        self._mark()
        cursor = self.textCursor()
        for at in reversed(self._range):
            cursor.setPosition(min(at, self._length()))
            self.setTextCursor(cursor)
        self.centerCursor()

    def _length(self) -> int:
        return self.document().characterCount() - 1

    def _mark(self) -> None:
        """Set the passage off from what surrounds it, and what was looked for from the passage."""
        colours = self._look.theme.colours
        ground, word = QTextCharFormat(), QTextCharFormat()
        ground.setBackground(QColor(colours.accent_soft))
        word.setForeground(QColor(colours.accent_strong))
        word.setFontUnderline(True)
        found = [self._marked(self._range, ground)] if self._range[1] > self._range[0] else []
        self.setExtraSelections([*found, *(self._marked(place, word) for place in self._words)])

    def _marked(self, place: tuple[int, int], style: QTextCharFormat) -> QTextEdit.ExtraSelection:
        start, end = (min(at, self._length()) for at in place)
        mark = QTextEdit.ExtraSelection()
        cursor = QTextCursor(self.document())
        cursor.setPosition(start)
        cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        mark.cursor = cursor
        mark.format = style
        return mark


def places_of(words: Collection[str], text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Where some words, in small letters, stand between two places of a text. Pure."""
    found = re.compile(r"\w+").finditer(text, start, end)
    places = ((one.start(), one.end()) for one in found if one.group().casefold() in words)
    return list(islice(places, MOST_WORDS))
