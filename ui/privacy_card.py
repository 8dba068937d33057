"""What is kept of the person, with a way to delete it, and what goes online."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import cast, get_args

from PySide6.QtWidgets import QPushButton, QWidget

from core.messages import Failed, KeptKind, KeptRequest, Message, Report
from ui.client import Asker
from ui.command_line import CommandLine
from ui.parts import Banner, Elided, Look, button, card, clear, column, label, row, rule
from ui.tables import Row, row_of, rows_of, text_of, whole_of
from ui.text import count_text, counted, shown, size_text, tr


class PrivacyCards(QWidget):
    """Two cards: what is kept, and what may contact the network."""

    def __init__(
        self,
        look: Look,
        client: Asker,
        deleted: Callable[[KeptKind], None],
        about: Callable[[Row], None],
        command: str,
    ) -> None:
        """`deleted` is called after a kind was deleted, `about` with what is known of Satchel;
        `command` starts Satchel with this home.
        """
        super().__init__()
        self._client = client
        self._deleted = deleted
        self._about = about
        self.banner = Banner(look)
        self.loading = label(tr("Looking at what is kept…"), "muted")
        self.buttons: dict[str, QPushButton] = {}
        self._list = column(spacing=12)
        self.removing = CommandLine(f"{command} remove-data")
        disk = tr(
            "All of it is readable by your account only. Satchel does not encrypt it: who takes "
            "the disk can read it, unless your system encrypts the disk."
        )
        kept = column(
            label(tr("What is kept on this computer"), "heading"),
            label(disk, "small", wrap=True),
            self.banner,
            self.loading,
            self._list,
            rule(),
            label(
                tr(
                    "To delete all of it and the settings, quit Satchel and run this in a "
                    "terminal. It shows what there is and asks before anything goes."
                ),
                "small",
                wrap=True,
            ),
            self.removing,
            spacing=12,
            margin=18,
        )
        self.online = label(wrap=True)
        online = column(
            label(tr("What goes online"), "heading"),
            self.online,
            label(
                tr(
                    "There are no accounts, no usage statistics and no update checks. Programs "
                    "that read your files have no network at all where the system allows that."
                ),
                "small",
                wrap=True,
            ),
            spacing=8,
            margin=18,
        )
        self.know("", "")
        self.setLayout(column(card(kept), card(online), spacing=14))

    def know(self, remote: str, mirror: str) -> None:
        """The server of the person's own, and where models are fetched from, empty for none."""
        fetching = tr("Fetching a model, only when you press Fetch: from its publisher.")
        if mirror:
            fetching = tr("Fetching a model, only when you press Fetch: from %1.").replace(
                "%1", shown(mirror)
            )
        server = tr("A server of yours: none is set, so no question leaves this computer.")
        if remote:
            server = tr(
                "Your server %1, only for questions for which you switch it on: the question and "
                "the passages that you are shown before."
            ).replace("%1", shown(remote))
        self.online.setText(f"{fetching}\n{server}")

    def reload(self) -> None:
        """Ask what is kept."""
        self._client.ask(KeptRequest, self._reply, self.banner.working)

    def ask_to_delete(self, kind: KeptKind) -> None:
        """Ask in place before anything goes for good."""
        self.banner.tell(
            delete_question(kind),
            tr("This cannot be undone. Your files stay as they are."),
            "question",
            tr("Delete"),
            partial(self.delete, kind),
            tr("Keep"),
        )
        self.banner.focus_action()

    def delete(self, kind: KeptKind) -> None:
        """Delete all of one kind for good."""
        self._client.ask(
            lambda number: KeptRequest(number, kind), partial(self._done, kind), self.banner.working
        )

    def _done(self, kind: KeptKind, message: Message) -> None:
        self._reply(message)
        if isinstance(message, Report):
            self._deleted(kind)

    def _reply(self, message: Message) -> None:
        self.loading.hide()
        if isinstance(message, Failed):
            self.banner.fail(message, self.reload)
        elif isinstance(message, Report):
            self.banner.hide()
            self._show(rows_of(message.body, "kept"))
            self._about(row_of(message.body, "about"))

    def _show(self, kept: object) -> None:
        clear(self._list)
        self.buttons = {}
        for at, one in enumerate(rows_of({"kept": kept}, "kept")):
            if at:
                self._list.addWidget(rule())
            self._list.addWidget(self._row(one))

    def _row(self, kept: Row) -> QWidget:
        kind = text_of(kept, "kind")
        name = kind_name(kind)
        facts = label(" · ".join(facts_of(kept)), "small", wrap=True)
        path = Elided(shown(text_of(kept, "path")), "small", middle=True)
        line = row(column(label(name, "strong"), facts, path, spacing=2), spacing=12)
        line.setStretch(0, 1)
        if kind in get_args(KeptKind):
            made = button(
                tr("Delete all…"), partial(self.ask_to_delete, cast("KeptKind", kind)), "danger"
            )
            made.setAccessibleName(f"{tr('Delete all')}: {name}")
            made.setEnabled(whole_of(kept, "count") > 0)
            self.buttons[kind] = made
            line.addWidget(made)
        whole = QWidget()
        whole.setLayout(line)
        return whole


def kind_name(kind: str) -> str:
    """What a kind of kept things is called."""
    return {
        "conversations": tr("Conversations"),
        "answers": tr("Answers that are given again"),
        "memories": tr("What Satchel remembers of you"),
        "searches": tr("Recent searches"),
        "index": tr("The index of your files"),
        "models": tr("Models"),
    }.get(kind, shown(kind))


def facts_of(kept: Row) -> list[str]:
    """How many there are, how large, and what keeps them small."""
    said = []
    number = whole_of(kept, "count")
    if text_of(kept, "kind") == "index":
        said.append(tr("can be made anew from your files"))
    elif isinstance(kept.get("count"), int):
        said.append(tr("none") if not number else count_text(number))
    if turns := whole_of(kept, "turns"):
        said.append(counted(turns, tr("1 question"), tr("%1 questions")))
    if isinstance(kept.get("bytes"), int):
        said.append(size_text(whole_of(kept, "bytes")))
    return said


def delete_question(kind: KeptKind) -> str:
    """What is about to be deleted."""
    return {
        "conversations": tr("Delete all conversations, with the answers kept from them?"),
        "answers": tr("Delete all answers that are kept to be given again?"),
        "memories": tr("Forget everything that is remembered of you?"),
        "searches": tr("Delete all recent searches?"),
    }[kind]
