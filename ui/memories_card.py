"""What Satchel remembers of the person: read, changed, added and removed in one place."""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtWidgets import QFrame, QLineEdit, QWidget

from core.messages import Failed, MemoriesRequest, Message, Report
from ui.client import Asker, Make
from ui.parts import Banner, Look, button, clear, column, icon_button, label, row, rule
from ui.tables import Row, rows_of, text_of, whole_of
from ui.text import one_line, tr

LONGEST = 400


class MemoriesCard(QFrame):
    """A list of sentences, each with a field to change it and a way to remove it."""

    def __init__(self, look: Look, client: Asker) -> None:
        super().__init__()
        self.setProperty("card", "true")
        self._look = look
        self._client = client
        self.rows: list[MemoryRow] = []
        self.banner = Banner(look)
        self.nothing = label(
            tr("Nothing so far. When you tell something of yourself in a question, Satchel asks."),
            "muted",
            wrap=True,
        )
        self._list = column(spacing=8)
        self.field = QLineEdit()
        self.field.setMaxLength(LONGEST)
        self.field.setAccessibleName(tr("Something to remember"))
        self.field.setPlaceholderText(
            tr("Something to remember, for example: I prefer short answers.")
        )
        self.field.returnPressed.connect(self.add)
        self.add_button = button(tr("Remember"), self.add)
        adding = row(self.field, self.add_button, spacing=8)
        adding.setStretch(0, 1)
        inside = column(
            label(tr("What Satchel remembers of you"), "heading"),
            label(
                tr(
                    "Used in answers where it matters, and shown when it is. "
                    "It never leaves this computer."
                ),
                "small",
                wrap=True,
            ),
            self.banner,
            self.nothing,
            self._list,
            rule(),
            adding,
            spacing=12,
        )  # fmt: skip
        inside.setContentsMargins(18, 16, 18, 16)
        self.setLayout(inside)

    def reload(self) -> None:
        """Ask for the list."""
        self._ask(MemoriesRequest)

    def add(self) -> None:
        """Remember what stands in the field."""
        text = self.field.text().strip()
        if text:
            self._ask(lambda number: MemoriesRequest(number, "add", text=text))

    def edit(self, memory: int, text: str) -> None:
        """Change a sentence."""
        self._ask(lambda number: MemoriesRequest(number, "edit", memory, text))

    def ask_to_remove(self, memory: int, text: str) -> None:
        """Ask in place before a sentence goes for good."""
        self.banner.tell(
            tr("Forget this for good?"),
            text,
            "question",
            tr("Forget"),
            lambda: self._ask(lambda number: MemoriesRequest(number, "remove", memory)),
            tr("Keep"),
        )

    def _ask(self, make: Make) -> None:
        self._client.ask(make, self._reply, self.banner.working)

    def _reply(self, message: Message) -> None:
        if isinstance(message, Failed):
            self.banner.fail(message)
            return
        if not isinstance(message, Report):
            return
        self.banner.hide()
        self.field.clear()
        clear(self._list)
        self.rows = [
            MemoryRow(found, self._look, self) for found in rows_of(message.body, "memories")
        ]
        for made in self.rows:
            self._list.addWidget(made)
        self._order_keys()
        self.nothing.setVisible(not self.rows)

    def _order_keys(self) -> None:
        """Tab goes down the card: through the rows, and then to the field below them."""
        parts = [part for made in self.rows for part in (made.field, made.remove_button)]
        for before, after in pairwise((self.field, *parts, self.field) if parts else ()):
            QWidget.setTabOrder(before, after)


class MemoryRow(QWidget):
    """One sentence; it is saved when its field is left changed."""

    def __init__(self, found: Row, look: Look, card: MemoriesCard) -> None:
        super().__init__()
        self._card = card
        self._number = whole_of(found, "id")
        self._text = one_line(text_of(found, "text"))
        self.field = QLineEdit(self._text)
        self.field.setMaxLength(LONGEST)
        self.field.setCursorPosition(0)
        self.field.setAccessibleName(tr("Remembered"))
        self.field.editingFinished.connect(self._finished)
        self.remove_button = icon_button(look, "trash", tr("Forget this"), self._remove)
        line = row(self.field, self.remove_button, spacing=8)
        line.setStretch(0, 1)
        self.setLayout(line)

    def _finished(self) -> None:
        text = self.field.text().strip()
        if not text:
            self.field.setText(self._text)
        elif text != self._text:
            self._text = text
            self._card.edit(self._number, text)

    def _remove(self) -> None:
        self._card.ask_to_remove(self._number, self._text)
