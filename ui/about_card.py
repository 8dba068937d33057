"""What Satchel is: version, licence, where its data lies, a report to copy, the first steps."""

from __future__ import annotations

import json

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QPlainTextEdit

from core.messages import Doctor, Failed, Message, Report
from ui.client import Asker
from ui.flow import FlowLayout
from ui.parts import Banner, Look, button, column, label, rule
from ui.tables import Row, rows_of, text_of
from ui.text import shown, tame, tr

LICENCE = "Apache-2.0"
REPORT_PX = 220


class AboutCard(QFrame):
    """Shows what the service tells of the program, and checks it when asked."""

    first_steps_asked = Signal()

    def __init__(self, look: Look, client: Asker) -> None:
        super().__init__()
        self.setProperty("card", "true")
        self._client = client
        self._about: dict[str, object] = {}
        self.banner = Banner(look)
        self.version = label("Satchel", "heading")
        self.licence = label(
            tr("Free software under the licence %1. Models have licences of their own, which the "
               "models page names.").replace("%1", LICENCE),
            "muted",
            wrap=True,
        )  # fmt: skip
        self.places = label(role="small", wrap=True)
        self.check_button = button(tr("Check Satchel"), self.check)
        self.copy_button = button(tr("Copy the report"), self.copy, "primary")
        self.crash_button = button(tr("Show the last crash report"), self.show_crash)
        self.crash_button.hide()
        self._crash = ""
        self.first_button = button(tr("Show the first steps"), self.first_steps_asked.emit)
        self.report = QPlainTextEdit()
        self.report.setReadOnly(True)
        self.report.setTabChangesFocus(True)
        self.report.setFixedHeight(REPORT_PX)
        self.report.setAccessibleName(tr("Report of the check"))
        self.note = label(role="small", wrap=True)
        for part in (self.report, self.copy_button, self.note):
            part.hide()
        inside = column(
            self.version,
            self.licence,
            self.places,
            rule(),
            FlowLayout(
                self.check_button, self.crash_button, self.copy_button, self.first_button, spacing=8
            ),
            self.banner,
            self.report,
            self.note,
            spacing=12,
            margin=18,
        )
        self.setLayout(inside)

    def know(self, about: Row) -> None:
        """What the service tells of the program and its folders."""
        version = text_of(about, "version")
        self._about = dict(about)
        self.version.setText(f"Satchel {shown(version)}")
        names = {
            "settings": tr("Settings"),
            "data": tr("Data"),
            "cache": tr("Measurements"),
            "models": tr("Models"),
        }
        self.places.setText(
            "\n".join(f"{name}: {shown(text_of(about, key))}" for key, name in names.items())
        )

        crashes = rows_of(about, "crash_reports")
        self._crash = text_of(crashes[0], "text") if crashes else ""
        self.crash_button.setVisible(bool(self._crash))

    def show_crash(self) -> None:
        """Show the newest report of a mistake, to be read before it is copied."""
        said = tr(
            "It holds versions and places in Satchel's own program: no name and no text of a "
            "file, and no question."
        )
        self._show_report(self._crash, said)

    def _show_report(self, text: str, said: str) -> None:
        self.report.setPlainText(tame(text))
        self.note.setText(said)
        self.copy_button.setText(tr("Copy the report"))
        for part in (self.report, self.copy_button, self.note):
            part.show()
        self.report.setFocus()

    def check(self) -> None:
        """Have the store, the models and the device checked."""
        self.check_button.setEnabled(False)
        self._client.ask(Doctor, self._checked, self.banner.working)

    def _checked(self, message: Message) -> None:
        self.check_button.setEnabled(True)
        self.banner.hide()
        if isinstance(message, Failed):
            self.banner.fail(message, self.check)
        elif isinstance(message, Report):
            body = {"satchel": self._about, "check": message.body}
            text = json.dumps(body, indent=2, ensure_ascii=False)
            said = tr(
                "It names folders and files of yours, and none of their text. Look before you "
                "send it to anybody."
            )
            self._show_report(text, said)

    def copy(self) -> None:
        """Put the report on the clipboard."""
        QGuiApplication.clipboard().setText(self.report.toPlainText())
        self.copy_button.setText(tr("Copied"))
