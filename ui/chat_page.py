"""The chat: conversations on the left, questions and answers beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from core.messages import (
    EVERYWHERE,
    AnswerDone,
    AnswerNote,
    AnswerSources,
    AnswerText,
    Ask,
    ConversationGet,
    DigestInstead,
    Failed,
    MemoriesRequest,
    Message,
    RemotePreview,
    Report,
    Scope,
)
from ui.chat_head import ChatHead
from ui.client import Asker
from ui.conversations import ConversationsPanel
from ui.entry import EntryField
from ui.kept_turn import KeptTurn
from ui.parts import Banner, EmptyState, Look, button, column, fill_height, label, row, rule
from ui.pinned import PinnedChip
from ui.remote import RemoteSwitch, server_name
from ui.scope_bar import ScopeBar
from ui.tables import rows_of, text_of
from ui.text import count_text, tr
from ui.turn import TurnView
from ui.turn_list import WIDEST, TurnList

TURNS_SHOWN = 30
KEPT_AFTER_MS = 700  # the service keeps a stopped answer a moment after it was stopped


class ChatPage(QWidget):
    """One conversation at a time. A question in hand can be stopped at any moment."""

    target_chosen = Signal(object)
    search_asked = Signal(str)
    folders_asked = Signal()
    models_asked = Signal()

    def __init__(self, look: Look, client: Asker) -> None:
        super().__init__()
        self._look = look
        self._client = client
        self.conversation: int | None = None
        self._request = 0
        self._opening = 0
        self.panel = ConversationsPanel(look, client)
        self.panel.chosen.connect(self.open)
        self.panel.new_asked.connect(self.new)
        self.panel.delete_asked.connect(self.ask_to_delete)
        self.panel.rename_asked.connect(self._rename)
        self.panel.listed.connect(self._listed)
        look.keep_width(self.panel, 220, self.panel.setFixedWidth)
        self.head = ChatHead(look, client)
        self.head.renamed.connect(self.panel.reload)
        self.head.deleted.connect(self._deleted)
        self.scope = ScopeBar(look, client)
        self.banner = Banner(look)
        self.empty = EmptyState(
            look,
            "chat",
            tr("Ask about your files"),
            tr("Answers name the passages they rest on. Nothing leaves this computer."),
        )
        self.area = TurnList()
        self._body = QStackedWidget()
        self._body.addWidget(self.empty)
        self._body.addWidget(self.area)
        self.entry = EntryField(tr("Question"), tr("Ask a question about your files"))
        self.remote = RemoteSwitch()
        self.pinned = PinnedChip(look)
        self.send_button = button(tr("Ask"), self.send, "primary")
        self.stop_button = button(tr("Stop"), self.stop)
        main = column(self.head, self._body, self._build_composer(), spacing=0)
        main.setStretch(1, 1)
        whole = row(self.panel, rule("down"), spacing=0)
        whole.addLayout(main, 1)
        self.setLayout(whole)

    def _build_composer(self) -> QVBoxLayout:
        self.entry.entered.connect(self.send)
        self.entry.asked.connect(self.send)
        self.entry.shortened.connect(self._cut)
        self.entry.moved.connect(self.area.scroll_by)
        self._look.dress(self.send_button, "send", "on_fill")
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
        below = row(self.scope, self.remote, spacing=8)
        below.setStretch(0, 1)
        inner = column(self.banner, self.pinned, composer, below, hint, spacing=8)
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

    def ask(self, question: str) -> None:
        """Ask a question in the open conversation; one in hand is stopped first."""
        self._ask(question, self.scope.scope, self._last())

    def _ask(
        self,
        question: str,
        scope: Scope,
        after: int | None,
        versions: Sequence[int] = (),
        fresh: bool = False,
    ) -> None:
        """Ask a question as the last of its branch, of which there are other versions already.

        A `fresh` answer is made anew, even when one from before would do.
        """
        if self.answering:
            self.stop()
        self._leave_opening()
        self.banner.hide()
        turn = self._made(question, scope)
        turn.keep_as(0, after, versions)
        self._add_turn(turn)
        self._put(turn, self.remote.on, fresh=fresh)

    def _made(self, question: str, scope: Scope) -> TurnView:
        """A turn whose wishes are carried out."""
        turn = TurnView(self._look, question, scope)
        turn.target_chosen.connect(self.target_chosen)
        turn.retried.connect(lambda: self._again(turn, turn.question))
        turn.again_asked.connect(lambda: self._again(turn, turn.question, fresh=True))
        turn.edited.connect(lambda text: self._again(turn, text))
        turn.everywhere_asked.connect(lambda: self._everywhere(turn))
        turn.version_chosen.connect(self._show_version)
        turn.memory_kept.connect(lambda text: self._remember("add", text))
        turn.memory_refused.connect(lambda text: self._remember("refuse", text))
        turn.search_asked.connect(self.search_asked)
        turn.folders_asked.connect(self.folders_asked)
        turn.models_asked.connect(self.models_asked)
        return turn

    def _last(self) -> int | None:
        """The turn that the next question follows; None for the one the service showed last."""
        if self.conversation is None:
            return None
        kept = [turn for turn in self.turns if turn.state not in ("failed", "digest")]
        if not kept:
            return self.turns[0].after if self.turns else None
        return kept[-1].number or None

    def _again(self, turn: TurnView, question: str, fresh: bool = False) -> None:
        """Put a question in the place of one; what was there, and after it, stays as a branch."""
        if turn not in self.turns:
            return
        if self.answering:
            self.stop()
        after, versions = turn.after, turn.versions
        self.area.leave_out(self.turns.index(turn))
        self._ask(question, turn.scope, after, versions, fresh)

    def _everywhere(self, turn: TurnView) -> None:
        self.scope.put(EVERYWHERE)
        turn.scope = EVERYWHERE
        self._again(turn, turn.question)

    def _show_version(self, number: int) -> None:
        """Show the branch of another version."""
        if self.conversation is not None:
            self.stop()
            self._get(self.conversation, number)

    def _put(self, turn: TurnView, remote: bool, consent: str = "", fresh: bool = False) -> None:
        """Put the question of a turn; `consent` is to what was shown of it."""
        self.area.following = True
        before = self.conversation
        after = None if before is None else turn.after
        self._set_answering(True)
        self._request = self._client.ask(
            lambda number: Ask(
                number,
                turn.question,
                None,
                before,
                remote,
                consent,
                fresh,
                after,
                turn.scope,
                self.pinned.wish(),
            ),
            lambda message: self._reply(turn, before, message),
            turn.slow,
        )

    def _ask_consent(self, turn: TurnView, preview: RemotePreview) -> None:
        """Nothing was sent yet: the person looks at it and says so, or has it answered here."""
        self._request = 0
        self._set_answering(False)

        def send() -> None:
            self.stop()
            self._put(turn, True, preview.seal)

        def keep() -> None:
            self.stop()
            self.remote.setChecked(False)
            self._put(turn, False)

        turn.ask_consent(preview, send, keep)

    def stop(self) -> None:
        """Stop the answer in hand, at once."""
        if self.answering:
            self._client.cancel(self._request)
            self._request = 0
            self.turns[-1].stopped()
            self._set_answering(False)
            QTimer.singleShot(KEPT_AFTER_MS, self._know_kept)

    def _know_kept(self) -> None:
        """Learn as what a stopped answer was kept, so that it can be followed and put anew."""
        self.panel.reload()
        conversation, turn = self.conversation, self.turns[-1] if self.turns else None
        if conversation is None or turn is None or turn.state != "stopped":
            return

        def reply(message: Message) -> None:
            rows = rows_of(message.body, "turns") if isinstance(message, Report) else ()
            last = KeptTurn(rows[-1] if rows else {})
            if turn in self.turns and last.question == turn.question:
                last.place(turn)

        self._client.ask(lambda number: ConversationGet(number, conversation), reply)

    def _reply(self, turn: TurnView, before: int | None, message: Message) -> None:
        if isinstance(message, AnswerSources):
            self.conversation = message.conversation
            self.panel.open_id = message.conversation
            if self.head.conversation != message.conversation:
                self.head.show_for(message.conversation, turn.question)
            if before is None:
                turn.after = 0
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
            self.pinned.answered(message.pinned)
            turn.done(message)
            self._finished()
        elif isinstance(message, DigestInstead):
            turn.read_whole(message, self._client)
            self._finished()
        elif isinstance(message, Failed):
            self.conversation = before  # one that was begun for this is not kept
            self.head.show_for(before, self.head.title.kept)
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
        """Begin a new conversation, put to all files."""
        self._leave()
        self.scope.put(EVERYWHERE)
        self.conversation = None
        self.head.show_for(None)
        self.pinned.opened(None)
        self.panel.select(None)
        self.entry.setFocus()

    def open(self, conversation: int) -> None:
        """Show a kept conversation."""
        if conversation == self.conversation and self.turns:
            return
        self._leave()
        self.conversation = conversation
        kept = self.panel.kept(conversation)
        self.head.show_for(conversation, kept.title if kept else "")
        self.panel.select(conversation)
        self.empty.change("chat", tr("Opening the conversation…"), "")
        self._get(conversation)

    def _leave(self) -> None:
        """Leave the conversation that is open."""
        self.stop()
        self.remote.setChecked(False)
        self._leave_opening()
        self._forget_turns()
        self.pinned.opened(None)
        self.banner.hide()

    def _get(self, conversation: int, through: int | None = None) -> None:
        """Ask for the turns of a conversation, of the branch through one of them if given."""
        if self._opening:
            self._client.cancel(self._opening)
        self._opening = self._client.ask(
            lambda number: ConversationGet(number, conversation, through),
            lambda message: self._opened(message, through),
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

    def _opened(self, message: Message, through: int | None = None) -> None:
        self._opening = 0
        self.banner.hide()
        self._invite()
        if isinstance(message, Failed):
            conversation = self.conversation or 0
            if not self.turns:
                self.conversation = None
                self.head.show_for(None)
                self.banner.fail(message, lambda: self.open(conversation))
            else:
                self.banner.fail(message)
        elif isinstance(message, Report):
            if isinstance(message.body, dict):
                self.pinned.opened(message.body.get("pinned"))
            self._show_turns(message.body, through)

    def _show_turns(self, body: object, through: int | None) -> None:
        """Show the branch that came, and stay at the version that was chosen."""
        rows = rows_of(body, "turns")
        self.area.following = through is None
        self.area.setUpdatesEnabled(False)
        self._forget_turns()
        if len(rows) > TURNS_SHOWN:
            told = tr("Earlier questions are kept, but not shown here. Export has all of them.")
            self.area.say(told)
        for kept in map(KeptTurn, rows[-TURNS_SHOWN:]):
            turn = self._made(kept.question, kept.scope)
            kept.fill(turn)
            self._add_turn(turn)
        self.head.know_title(text_of(body, "title"))
        self.head.turns = len(rows)
        if self.turns:
            self.scope.put(self.turns[-1].scope)
        chosen = next((turn for turn in self.turns if turn.number == through), None)
        self.area.setUpdatesEnabled(True)
        if chosen is not None:
            QTimer.singleShot(0, lambda: self.area.bring(chosen))

    def ask_to_delete(self, conversation: int) -> None:
        """Ask in place before a conversation goes for good."""
        kept = self.panel.kept(conversation)
        self.head.ask_to_delete(conversation, kept.title if kept else "", kept.turns if kept else 0)

    def _deleted(self, conversation: int) -> None:
        if conversation == self.conversation:
            self.new()
        self.panel.reload()

    def _rename(self, conversation: int) -> None:
        self.open(conversation)
        self.head.edit_title()

    def _listed(self) -> None:
        kept = self.panel.kept(self.conversation)
        if kept is not None:
            self.head.turns = kept.turns
            self.head.know_title(kept.title)

    # --- drawing ------------------------------------------------------------------------

    @property
    def turns(self) -> list[TurnView]:
        """The turns that are shown."""
        return self.area.turns

    def _add_turn(self, turn: TurnView) -> None:
        self.area.add(turn)
        self._body.setCurrentWidget(self.area)

    def _forget_turns(self) -> None:
        self.area.empty()
        self._body.setCurrentWidget(self.empty)
