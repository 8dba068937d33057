"""Tags in the window: those of a file, to give and take, and those to search among."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCompleter, QLineEdit, QPushButton, QWidget

from core.messages import Failed, Message, Report, TagsRequest
from ui.client import Asker, Make, OnReply
from ui.flow import FlowLayout
from ui.parts import Banner, Look, button, clear, column, label, row
from ui.tables import rows_of, text_of, texts_of, whole_of
from ui.text import counted, one_line, split_path, tr
from ui.undo import UndoBar

LONGEST = 40
MOST_CHIPS = 15
NAME_CHARS = 18  # of a chip; its tip has the whole name
NAMED = 3  # files that a proposal names


def _short(name: str) -> str:
    """A tag as its chip shows it."""
    name = one_line(name)
    return name if len(name) <= NAME_CHARS else name[: NAME_CHARS - 1] + "…"


class FileTags(QWidget):
    """The tags of one file: each can be taken off, others can be given."""

    changed = Signal()

    def __init__(self, look: Look, client: Asker) -> None:
        super().__init__()
        self._client = client
        self._path = ""
        self.chips: list[QPushButton] = []
        self._list = column(spacing=4)
        self.field = QLineEdit()
        self.field.setMaxLength(LONGEST)
        self.field.setMaximumWidth(150)
        self.field.setPlaceholderText(tr("Add a tag"))
        self.field.setAccessibleName(tr("Add a tag to this file"))
        self.field.returnPressed.connect(self.add)
        self.banner = Banner(look)
        self.undo_bar = UndoBar(look)
        self.setLayout(
            column(self._list, row(self.field, 1), self.banner, self.undo_bar, spacing=6)
        )

    def show_path(self, path: str) -> None:
        """Show the tags of a file."""
        if path != self._path:
            self._path = path
            self.field.clear()
            self.banner.hide()
            self.undo_bar.hide()
            self._show(())
        self._client.ask(
            lambda number: TagsRequest(number, "of", paths=(path,)), self._reply_for(path)
        )

    def add(self) -> None:
        """Give the file the tag in the field."""
        name = self.field.text().strip()
        if name:
            self._give(name)

    def _give(self, name: str) -> None:
        self._change(lambda n: TagsRequest(n, "add", name, (self._path,)))

    def remove(self, name: str) -> None:
        """Take a tag off the file; for some seconds that can be undone."""

        def offer_undo() -> None:
            said = tr("Took off %1.").replace("%1", _short(name))
            self.undo_bar.offer(said, lambda: self._give(name))

        self._change(lambda n: TagsRequest(n, "remove", name, (self._path,)), offer_undo)

    def _change(self, make: Make, then: Callable[[], None] = lambda: None) -> None:
        path = self._path

        def reply(message: Message) -> None:
            if isinstance(message, Failed):
                self.banner.fail(message)
            elif isinstance(message, Report):
                self.field.clear()
                self.banner.hide()
                self.undo_bar.hide()
                if path == self._path:
                    self.show_path(path)
                    then()
                self.changed.emit()

        self._client.ask(make, reply)

    def _reply_for(self, path: str) -> OnReply:
        def reply(message: Message) -> None:
            if path == self._path and isinstance(message, Report):
                body = {"body": [message.body]}
                [found] = rows_of(body, "body") or [{}]
                self._show(texts_of(found, "of"))
                known = [text_of(tag, "name") for tag in rows_of(message.body, "tags")]
                completer = QCompleter(known, self.field)
                completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
                self.field.setCompleter(completer)

        return reply

    def _show(self, names: Sequence[str]) -> None:
        clear(self._list)
        self.chips = []
        for name in names:
            chip = button(f"{_short(name)}  ×", partial(self.remove, name), "segment")
            chip.setCheckable(True)
            chip.setChecked(True)
            chip.setAccessibleName(tr("Take off the tag %1").replace("%1", one_line(name)))
            self.chips.append(chip)
        self._list.addLayout(FlowLayout(*self.chips))


class TagFilter(QWidget):
    """The tags as chips over the results: one of them narrows the search; like files are offered.

    Hidden while there are no tags.
    """

    chosen = Signal()

    def __init__(self, look: Look, client: Asker) -> None:
        super().__init__()
        self._client = client
        self.tag: str | None = None
        self.chips: dict[str, QPushButton] = {}
        self._offered: tuple[str, ...] = ()
        self._asked = 0
        self._list = column(spacing=4)
        self.offer = Banner(look)
        line = row(label(tr("Tags"), "small"), spacing=8)
        line.addLayout(self._list, 1)
        self.setLayout(column(line, self.offer, spacing=6))
        self.hide()

    def reload(self) -> None:
        """Ask for the tags."""
        self._client.ask(TagsRequest, self._reply)

    def choose(self, name: str | None) -> None:
        """Search only files with this tag; the one in force, or None, means all files."""
        self.tag = None if name == self.tag else name
        self._mark()
        self.offer.hide()
        if self._asked:
            self._client.cancel(self._asked)
            self._asked = 0
        tag = self.tag
        if tag is not None:
            self._asked = self._client.ask(
                lambda number: TagsRequest(number, "suggest", tag),
                lambda message: self._proposed(tag, message),
            )
        self.chosen.emit()

    def _reply(self, message: Message) -> None:
        if not isinstance(message, Report):
            return
        tags = rows_of(message.body, "tags")
        clear(self._list)
        self.chips = {}
        for tag in tags[:MOST_CHIPS]:
            name = text_of(tag, "name")
            chip = button(
                f"{_short(name)}  {whole_of(tag, 'files')}",
                partial(self.choose, name),
                "segment",
            )
            chip.setCheckable(True)
            chip.setAccessibleName(tr("Only files tagged %1").replace("%1", one_line(name)))
            self.chips[name] = chip
        self._list.addLayout(FlowLayout(*self.chips.values()))
        self.setVisible(bool(tags))
        if self.tag is not None and self.tag not in self.chips:
            self.choose(None)
        self._mark()

    def _mark(self) -> None:
        for name, chip in self.chips.items():
            chip.setChecked(name == self.tag)

    def _proposed(self, tag: str, message: Message) -> None:
        self._asked = 0
        if tag != self.tag or not isinstance(message, Report):
            return
        paths = tuple(text_of(one, "path") for one in rows_of(message.body, "proposals"))
        if not paths:
            return
        self._offered = paths
        names = ", ".join(split_path(path)[1] for path in paths[:NAMED])
        more = len(paths) - NAMED
        if more > 0:
            names += " " + counted(more, tr("and 1 more"), tr("and %1 more"))
        title = counted(len(paths), tr("1 file is like these"), tr("%1 files are like these"))
        self.offer.tell(
            f"{title}. {tr('Tag them %1?').replace('%1', one_line(tag))}",
            names,
            "question",
            tr("Tag"),
            lambda: self._answer("add", tag),
            tr("No"),
            lambda: self._answer("refuse", tag),
        )

    def _answer(self, action: Literal["add", "refuse"], tag: str) -> None:
        def reply(message: Message) -> None:
            if isinstance(message, Failed):
                self.offer.fail(message)
            else:
                self.reload()
                self.chosen.emit()

        paths = self._offered
        self._client.ask(lambda number: TagsRequest(number, action, tag, paths), reply)
