"""The server of the person's that may answer: its switch, what it would be sent, its key."""

from __future__ import annotations

import json
from collections.abc import Callable

from PySide6.QtWidgets import QCheckBox, QFrame, QLineEdit, QPlainTextEdit, QWidget

from core.messages import Failed, Made, Message, RemotePreview, RemoteSetup, Report
from ui.client import Asker
from ui.parts import Look, button, card, column, label, row
from ui.tables import texts_of
from ui.text import one_line, shown, spoken, tame, tr

SHOWN_LINES = 12


def server_name(address: str) -> str:
    """A server as it is called in a sentence."""
    return shown(one_line(address.strip().partition("://")[2] or address).rstrip("/"))


def made_text(made: Made) -> str:
    """Where an answer was made and why there, "" when that is not known."""
    if made.server:
        where = tr("Answered by %1 at %2.")
        model = made.model or tr("the model there")
        words = where.replace("%1", model).replace("%2", made.server)
    elif made.model:
        words = tr("Answered by %1 on this computer.").replace("%1", made.model)
    else:
        return ""
    return tame(f"{words} {spoken(made.why)}".strip())


class RemoteSwitch(QCheckBox):
    """Lets the server answer in the open conversation; hidden without one, off at first."""

    def __init__(self) -> None:
        super().__init__()
        self.address = ""
        self.hide()

    def know(self, address: str) -> None:
        """The server that is set up, "" for none."""
        if address != self.address:
            self.setChecked(False)
        self.address = address
        name = server_name(address)
        self.setText(tr("Let %1 answer").replace("%1", name))
        self.setToolTip(tr("Passages that fit your question are sent to it; you see them first."))
        self.setAccessibleName(self.text())
        self.setVisible(bool(address))

    @property
    def on(self) -> bool:
        """Whether the next question goes to the server."""
        return bool(self.address) and self.isChecked()


class ConsentView(QFrame):
    """Exactly what would be sent, with Send and Answer here. Nothing is sent before."""

    def __init__(
        self, look: Look, preview: RemotePreview, send: Callable[[], None], keep: Callable[[], None]
    ) -> None:
        super().__init__()
        title = tr("This would be sent to %1").replace("%1", tame(preview.server))
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setPlainText(tame(_readable(preview)))
        self.text.setAccessibleName(title)
        self.text.setFixedHeight(SHOWN_LINES * self.text.fontMetrics().lineSpacing() + 16)
        self.send_button = button(tr("Send"), send, "primary")
        look.dress(self.send_button, "send", "on_fill")
        self.keep_button = button(tr("Answer here instead"), keep)
        notes = [tr("In this conversation you are not asked again.")]
        if preview.with_key:
            notes.append(tr("Your key goes along."))
        if not preview.encrypted and not preview.here:
            notes.append(tr("The way there is not encrypted: others on your network can read it."))
        inside = column(
            label(title, "strong", wrap=True),
            self.text,
            label(" ".join(notes), "small", wrap=True),
            row(1, self.keep_button, self.send_button),
            spacing=8,
        )
        inside.setContentsMargins(14, 12, 14, 12)
        self.setLayout(column(card(inside)))


def _readable(preview: RemotePreview) -> str:
    """The whole request: its texts as they are, then the rest of it."""
    parts = [f"{message.role}:\n{message.text}" for message in preview.messages]
    body = json.loads(preview.body)
    rest = {key: value for key, value in body.items() if key != "messages"}
    return "\n\n".join([*parts, json.dumps(rest)[1:-1], preview.url])


class RemoteCard(QWidget):
    """The key for the server, which is never shown, and whether the server can be reached."""

    def __init__(self, look: Look, client: Asker) -> None:
        super().__init__()
        self._client = client
        self.field = QLineEdit()
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.field.setAccessibleName(tr("Key"))
        self.field.setPlaceholderText(tr("No key"))
        self.field.setFixedWidth(240)
        self.field.returnPressed.connect(self._keep)
        self.keep_button = button(tr("Keep key"), self._keep)
        self.remove_button = button(tr("Remove key"), lambda: self._ask("key"), "quiet")
        self.check_button = button(tr("Check"), lambda: self._ask("check"))
        look.dress(self.check_button, "retry", "text")
        self.said = label(role="small", wrap=True)
        self.said.hide()
        words = column(
            label(tr("Key"), "strong"),
            label(tr("Kept in a file that only you can read, sent to this server alone."), "small",
                  wrap=True),
            spacing=2,
        )  # fmt: skip
        line = row(words, self.remove_button, self.field, self.keep_button, self.check_button)
        line.setStretch(0, 1)
        self.setLayout(column(line, self.said, spacing=4))

    def reload(self) -> None:
        """Ask whether there is a key."""
        self._client.ask(RemoteSetup, self._reply)

    def _keep(self) -> None:
        if self.field.text().strip():
            self._ask("key", self.field.text())
            self.field.clear()

    def _ask(self, action: str, key: str = "") -> None:
        self._say(tr("Asking the server…") if action == "check" else "")
        self._client.ask(
            lambda number: RemoteSetup(number, "check" if action == "check" else "key", key),
            self._reply,
        )

    def _reply(self, message: Message) -> None:
        if isinstance(message, Failed):
            self._say(f"{message.title} {message.advice}")
        elif isinstance(message, Report) and isinstance(message.body, dict):
            body = message.body
            self.field.setPlaceholderText(tr("A key is kept") if body["has_key"] else tr("No key"))
            self.remove_button.setVisible(bool(body["has_key"]))
            self.check_button.setEnabled(bool(body["address"]))
            names = ", ".join(texts_of(body, "models"))
            if body["models"] is not None:
                self._say(tr("Reached. Its models: %1").replace("%1", names or tr("none")))
            else:
                self._say("")

    def _say(self, text: str) -> None:
        self.said.setText(tame(text))
        self.said.setVisible(bool(text))
