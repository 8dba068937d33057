"""The chat: conversations on the left, questions and answers beside them."""

from __future__ import annotations

import contextlib
from typing import Literal

import msgspec
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from core.messages import (
    AnswerDone,
    AnswerNote,
    AnswerSources,
    AnswerText,
    Ask,
    Citation,
    ConversationDelete,
    ConversationGet,
    Failed,
    Made,
    MemoriesRequest,
    Message,
    RemotePreview,
    Report,
)
from ui.client import Asker
from ui.conversations import ConversationsPanel
from ui.entry import EntryField
from ui.parts import Banner, EmptyState, Look, button, clear, column, fill_height, label, row, rule
from ui.remote import RemoteSwitch, server_name
from ui.tables import Row, rows_of, text_of
from ui.text import count_text, tr
from ui.turn import TurnView

TURNS_SHOWN = 30
WIDEST = 860
KEPT_AFTER_MS = 700  # the service keeps a stopped answer a moment after it was stopped


class ChatPage(QWidget):
    """One conversation at a time. A question in hand can be stopped at any moment."""

    target_chosen = Signal(object)

    def __init__(self, look: Look, client: Asker) -> None:
        super().__init__()
        self._look = look
        self._client = client
        self.conversation: int | None = None
        self.turns: list[TurnView] = []
        self._request = 0
        self._opening = 0
        self._following = True
        self.panel = ConversationsPanel(look, client)
        self.panel.chosen.connect(self.open)
        self.panel.new_asked.connect(self.new)
        self.panel.delete_asked.connect(self.ask_to_delete)
        self.panel.setFixedWidth(220)
        self.banner = Banner(look)
        self.empty = EmptyState(
            look,
            "chat",
            tr("Ask about your files"),
            tr("Answers name the passages they rest on. Nothing leaves this computer."),
        )
        self._turns_layout = column(spacing=8)
        self._turns_layout.setContentsMargins(26, 16, 26, 8)
        self.area = self._build_area()
        self._body = QStackedWidget()
        self._body.addWidget(self.empty)
        self._body.addWidget(self.area)
        self.entry = EntryField(tr("Question"), tr("Ask a question about your files"))
        self.remote = RemoteSwitch()
        self.send_button = button(tr("Ask"), self.send, "primary")
        self.stop_button = button(tr("Stop"), self.stop)
        main = column(self._body, self._build_composer(), spacing=0)
        main.setStretch(0, 1)
        whole = row(self.panel, rule("down"), spacing=0)
        whole.addLayout(main, 1)
        self.setLayout(whole)

    def _build_area(self) -> QScrollArea:
        inner = QWidget()
        inner.setProperty("ground", "none")
        middle = QWidget()
        middle.setProperty("ground", "none")
        middle.setMaximumWidth(WIDEST)
        middle.setLayout(column(self._turns_layout, 1))
        inner.setLayout(row(middle))
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inner)
        bar = area.verticalScrollBar()
        bar.rangeChanged.connect(self._follow)
        bar.sliderMoved.connect(self._note_place)
        bar.actionTriggered.connect(self._note_place)
        return area

    def _build_composer(self) -> QVBoxLayout:
        self.entry.entered.connect(self.send)
        self.entry.asked.connect(self.send)
        self.entry.shortened.connect(self._cut)
        self.entry.moved.connect(self._scroll_by)
        self._look.dress(self.send_button, "send", "on_accent")
        self._look.dress(self.stop_button, "stop", "text")
        self.stop_button.hide()
        fill_height(self.send_button)
        fill_height(self.stop_button)
        composer = row(self.entry, self.send_button, self.stop_button, spacing=8)
        composer.setStretch(0, 1)
        hint = label(
            tr("The model can be wrong. Its sources are always shown: check what matters."),
            "small",
            wrap=True,
        )
        hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.remote.toggled.connect(self._invite)
        inner = column(self.banner, composer, row(self.remote, 1), hint, spacing=8)
        inner.setContentsMargins(26, 8, 26, 12)
        foot = QWidget()
        foot.setMaximumWidth(WIDEST)
        foot.setLayout(inner)
        return column(row(foot))

    # --- asking -------------------------------------------------------------------------

    @property
    def answering(self) -> bool:
        """Whether an answer is awaited."""
        return self._request != 0

    def send(self) -> None:
        """Ask what stands in the field."""
        question = self.entry.words()
        if question and not self.answering:
            self.entry.clear()
            self.ask(question)

    def ask(self, question: str, fresh: bool = False) -> None:
        """Ask a question in the open conversation; one in hand is stopped first.

        A `fresh` answer is made anew, even when one from before would do.
        """
        if self.answering:
            self.stop()
        self._leave_opening()
        self.banner.hide()
        turn = TurnView(self._look, question)
        turn.target_chosen.connect(self.target_chosen)
        turn.retried.connect(lambda text, old=turn: self._retry(old, text))
        turn.memory_kept.connect(lambda text: self._remember("add", text))
        turn.memory_refused.connect(lambda text: self._remember("refuse", text))
        turn.refreshed.connect(lambda text: self.ask(text, fresh=True))
        self._add_turn(turn)
        self._put(turn, question, self.remote.on, fresh=fresh)

    def _put(
        self, turn: TurnView, question: str, remote: bool, consent: str = "", fresh: bool = False
    ) -> None:
        """Put a question whose turn is shown; `consent` is to what was shown of it."""
        self._following = True
        before = self.conversation
        self._set_answering(True)
        self._request = self._client.ask(
            lambda number: Ask(number, question, None, before, remote, consent, fresh),
            lambda message: self._reply(turn, before, message),
            turn.slow,
        )

    def _ask_consent(self, turn: TurnView, preview: RemotePreview) -> None:
        """Nothing was sent yet: the person looks at it and says so, or has it answered here."""
        question = turn.question
        self._request = 0
        self._set_answering(False)

        def send() -> None:
            self.stop()
            self._put(turn, question, True, preview.seal)

        def keep() -> None:
            self.stop()
            self.remote.setChecked(False)
            self._put(turn, question, False)

        turn.ask_consent(preview, send, keep)

    def stop(self) -> None:
        """Stop the answer in hand, at once."""
        if self.answering:
            self._client.cancel(self._request)
            self._request = 0
            self.turns[-1].stopped()
            self._set_answering(False)
            QTimer.singleShot(KEPT_AFTER_MS, self.panel.reload)

    def _retry(self, old: TurnView, question: str) -> None:
        if old in self.turns:
            self.turns.remove(old)
            old.hide()
            old.deleteLater()
        self.ask(question)

    def _reply(self, turn: TurnView, before: int | None, message: Message) -> None:
        if isinstance(message, AnswerSources):
            self.conversation = message.conversation
            self.panel.open_id = message.conversation
            turn.sources(message.sources, extract=message.extract)
            turn.remembered(message.memories, message.instructions)
        elif isinstance(message, AnswerText):
            turn.add(message.text)
        elif isinstance(message, AnswerNote):
            turn.told(message)
        elif isinstance(message, RemotePreview):
            self.conversation = before
            self._ask_consent(turn, message)
        elif isinstance(message, AnswerDone):
            turn.done(message)
            self._finished()
        elif isinstance(message, Failed):
            self.conversation = before  # one that was begun for this is not kept
            turn.failed(message)
            self._finished()

    def _remember(self, action: Literal["add", "refuse"], text: str) -> None:
        """Let something be remembered that the person said, or not be offered again."""

        def reply(message: Message) -> None:
            if isinstance(message, Failed):
                self.banner.fail(message, lambda: self._remember(action, text))

        self._client.ask(lambda number: MemoriesRequest(number, action, text=text), reply)

    def _finished(self) -> None:
        self._request = 0
        self._set_answering(False)
        self.panel.reload()

    def _set_answering(self, answering: bool) -> None:
        if answering:
            self.stop_button.show()
        if answering and self.send_button.hasFocus():
            self.stop_button.setFocus()
        elif self.stop_button.hasFocus():
            self.entry.setFocus()
        self.send_button.setVisible(not answering)
        self.stop_button.setVisible(answering)

    def _cut(self) -> None:
        self.banner.tell(
            tr("The text was too long for a question, so it was cut."),
            tr("The first %1 characters are kept.").replace(
                "%1", count_text(self.entry.maxLength())
            ),
        )

    # --- conversations ------------------------------------------------------------------

    def new(self) -> None:
        """Begin a new conversation."""
        self.stop()
        self.remote.setChecked(False)
        self._leave_opening()
        self.conversation = None
        self._forget_turns()
        self.panel.select(None)
        self.entry.setFocus()

    def open(self, conversation: int) -> None:
        """Show a kept conversation."""
        if conversation == self.conversation and self.turns:
            return
        self.stop()
        self.remote.setChecked(False)
        self._leave_opening()
        self._forget_turns()
        self.conversation = conversation
        self.panel.select(conversation)
        self.empty.change("chat", tr("Opening the conversation…"), "")
        self._opening = self._client.ask(
            lambda number: ConversationGet(number, conversation),
            self._opened,
            self.banner.working,
        )

    def _leave_opening(self) -> None:
        if self._opening:
            self._client.cancel(self._opening)
            self._opening = 0
        self._invite()

    def _invite(self) -> None:
        self.empty.change(
            "chat",
            tr("Ask about your files"),
            self._promise(),
        )

    def _promise(self) -> str:
        named = tr("Answers name the passages they rest on.")
        if self.remote.on:
            sent = tr("Passages that fit your question are sent to %1; you see them first.")
            return f"{named} {sent.replace('%1', server_name(self.remote.address))}"
        return f"{named} {tr('Nothing leaves this computer.')}"

    def _opened(self, message: Message) -> None:
        self._opening = 0
        self.banner.hide()
        self._invite()
        if isinstance(message, Failed):
            conversation, self.conversation = self.conversation, None
            self.banner.fail(message, lambda: self.open(conversation or 0))
        elif isinstance(message, Report):
            rows = rows_of(message.body, "turns")
            if len(rows) > TURNS_SHOWN:
                self._turns_layout.addWidget(
                    label(tr("Earlier questions are kept, but not shown here."), "small")
                )
            for found in rows[-TURNS_SHOWN:]:
                self._add_turn(self._kept_turn(found))

    def _kept_turn(self, found: Row) -> TurnView:
        turn = TurnView(self._look, text_of(found, "question"))
        turn.target_chosen.connect(self.target_chosen)
        citations = []
        for item in rows_of(found, "citations"):
            with contextlib.suppress(msgspec.ValidationError):
                citations.append(msgspec.convert(item, Citation))
        unsupported: list[tuple[int, int]] = []
        with contextlib.suppress(msgspec.ValidationError):
            unsupported = msgspec.convert(found.get("unsupported", ()), list[tuple[int, int]])
        leads = citations[0] if citations and citations[0].n == 1 and found.get("found") else None
        turn.sources(citations, extract=leads)
        turn.finish(text_of(found, "answer"), bool(found.get("found")), citations, unsupported)
        with contextlib.suppress(msgspec.ValidationError):
            turn.say_where(msgspec.convert(found.get("made") or {}, Made))
        return turn

    def ask_to_delete(self, conversation: int) -> None:
        """Ask in place before a conversation goes for good."""
        self.banner.tell(
            tr("Delete this conversation?"),
            tr("Its questions and answers are removed for good. Your files stay."),
            "question",
            tr("Delete"),
            lambda: self._delete(conversation),
            tr("Keep"),
        )

    def _delete(self, conversation: int) -> None:
        self._client.ask(
            lambda number: ConversationDelete(number, conversation),
            lambda message: self._deleted(conversation, message),
        )

    def _deleted(self, conversation: int, message: Message) -> None:
        if isinstance(message, Failed):
            self.banner.fail(message, lambda: self._delete(conversation))
            return
        if conversation == self.conversation:
            self.new()
        self.panel.reload()

    # --- drawing ------------------------------------------------------------------------

    def _add_turn(self, turn: TurnView) -> None:
        self.turns.append(turn)
        self._turns_layout.addWidget(turn)
        self._body.setCurrentWidget(self.area)

    def _forget_turns(self) -> None:
        self.turns.clear()
        clear(self._turns_layout)
        self._body.setCurrentWidget(self.empty)

    def _note_place(self) -> None:
        bar = self.area.verticalScrollBar()
        self._following = bar.sliderPosition() >= bar.maximum() - 24

    def _scroll_by(self, steps: int) -> None:
        bar = self.area.verticalScrollBar()
        bar.setValue(bar.value() + steps * bar.pageStep() // 5)
        self._note_place()

    def _follow(self) -> None:
        if self._following:
            bar = self.area.verticalScrollBar()
            bar.setValue(bar.maximum())
