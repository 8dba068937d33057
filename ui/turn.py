"""One question with its answer: streamed, checked, with its sources always in sight."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from PySide6.QtCore import Signal, SignalInstance
from PySide6.QtWidgets import QWidget

from core.messages import (
    EVERYWHERE,
    AnswerDone,
    AnswerNote,
    Citation,
    DigestInstead,
    Failed,
    Made,
    MemoryOffer,
    Quoted,
    RemotePreview,
    Scope,
)
from ui.answer_text import ExtractCard
from ui.answer_view import AnswerView
from ui.client import Asker
from ui.digest import DigestView
from ui.parts import Banner, Look, button, clear, column, label, row
from ui.remote import ConsentView, made_text
from ui.sources import SourceButton
from ui.target import Target
from ui.text import age_text, one_line, spoken, tr
from ui.turn_parts import AnswerActions, NotFoundView, QuestionView

DIGEST_PX = 360
SETTLED = ("answered", "unsupported", "stopped", "not found", "failed", "digest")


class TurnView(QWidget):
    """A question and what became of it."""

    target_chosen = Signal(object)
    retried = Signal()
    again_asked = Signal()  # the question as it is, answered anew
    edited = Signal(str)
    version_chosen = Signal(int)
    search_asked = Signal(str)
    everywhere_asked = Signal()
    folders_asked = Signal()
    models_asked = Signal()
    memory_kept = Signal(str)
    memory_refused = Signal(str)

    def __init__(self, look: Look, question: str, scope: Scope = EVERYWHERE) -> None:
        super().__init__()
        self.setProperty("ground", "none")
        self._look = look
        self.question = question
        self.state = "waiting"
        self._sources: dict[int, Citation] = {}
        self.scope = scope
        self.number = 0  # as it is kept; 0 when it is not, or not yet
        self.after: int | None = None  # the turn that it follows, 0 for none
        self.versions: tuple[int, ...] = ()
        self.asked = QuestionView(look, question, scope)
        self.asked.edited.connect(self.edited)
        self.asked.version_chosen.connect(self.version_chosen)
        self.status = label(tr("Looking through your files…"), "muted", wrap=True)
        self.answer = AnswerView(look)
        self.answer.cited.connect(self._cited)
        self.answer.hide()
        self.extract = ExtractCard(look)
        self.extract.chosen.connect(self._cited)
        self.not_found: NotFoundView | None = None
        self.tools = AnswerActions(look)
        self.tools.regenerate_asked.connect(self.again_asked)
        self.digest: DigestView | None = None
        self.note = Banner(look)
        self.made = label("", "small", wrap=True)
        self.made.hide()
        self._consent: ConsentView | None = None
        self.age = label("", "small")
        self.refresh = button(tr("Refresh"), self.again_asked.emit, "quiet")
        self.refresh.setToolTip(tr("Ask again, and let the model answer anew"))
        self.memories = label("", "small", wrap=True)
        self.memories.hide()
        self.offer = Banner(look)
        self._age_row = QWidget()
        self._age_row.setProperty("ground", "none")
        self._age_row.setLayout(row(self.age, self.refresh, 1, spacing=10))
        self._age_row.hide()
        self.heading = label("", "small")
        self.heading.hide()
        self._source_list = column(spacing=6)
        layout = column(
            self.asked,
            self.extract,
            self.status,
            self.memories,
            self.answer,
            self.tools,
            self._age_row,
            self.note,
            self.made,
            self.offer,
            self.heading,
            self._source_list,
            spacing=10,
        )
        layout.setContentsMargins(0, 6, 0, 14)
        self._layout = layout
        self.setLayout(layout)

    def keep_as(self, number: int, after: int | None, versions: Sequence[int]) -> None:
        """Know where it stands in its conversation."""
        self.number, self.after, self.versions = number, after, tuple(versions)
        self.asked.show_versions(self.versions, number)

    def ask_consent(
        self, preview: RemotePreview, send: Callable[[], None], keep: Callable[[], None]
    ) -> None:
        """Show what would be sent to a server, before anything is."""
        self.state = "consent"
        self.status.hide()

        def then(run: Callable[[], None]) -> None:
            if self._consent is not None:
                self._consent.hide()
                self._consent.deleteLater()
                self._consent = None
            self.again()
            run()

        self._consent = ConsentView(self._look, preview, lambda: then(send), lambda: then(keep))
        self._layout.insertWidget(self._layout.indexOf(self.note), self._consent)
        self._consent.keep_button.setFocus()

    def again(self) -> None:
        """What was said so far is void; an answer is awaited anew."""
        self.state = "waiting"
        self.answer.put("")
        self.answer.hide()
        self.status.setText(tr("Reading the passages…"))
        self.status.show()

    def told(self, note: AnswerNote) -> None:
        """Something to know about the answer in the making."""
        if note.restart:
            self.again()
        self.note.tell(note.text)

    def say_where(self, made: Made) -> None:
        """Say where the answer was made."""
        self.made.setText(made_text(made))
        self.made.setVisible(bool(self.made.text()))

    def sources(
        self, sources: Sequence[Citation], heading: str = "", extract: Citation | None = None
    ) -> None:
        """Show the passages that the answer may rest on, and what answers at once."""
        if extract is not None:
            self.extract.tell(extract)
        self._sources = {source.n: source for source in sources}
        self.answer.know(list(self._sources))
        clear(self._source_list)
        for source in sources:
            made = SourceButton(self._look, source)
            made.clicked.connect(lambda _=False, n=source.n: self._cited(n))
            self._source_list.addWidget(made)
        self.heading.setText(heading or tr("Sources"))
        self.heading.setVisible(bool(sources))
        if self.state == "waiting":
            self.status.setText(tr("Reading the passages…"))

    def remembered(self, memories: Sequence[str], instructions: str = "") -> None:
        """Show what is remembered of the person and was used for this answer."""
        said = " ".join(one_line(memory) for memory in memories)
        parts = [tr("Remembered: %1").replace("%1", said)] if memories else []
        if instructions:
            words = tr("With your instructions: %1")
            parts.append(words.replace("%1", one_line(instructions)))
        self.memories.setText("\n".join(parts))
        self.memories.setVisible(bool(parts))

    def _offer(self, offers: Sequence[MemoryOffer]) -> None:
        """Ask, one after another, whether to remember what the person said of themselves."""
        if not offers:
            return
        first, rest = offers[0].text, offers[1:]

        def answered(signal: SignalInstance) -> None:
            signal.emit(first)
            self._offer(rest)

        self.offer.tell(
            tr("Remember this?"),
            one_line(first),
            "question",
            tr("Keep"),
            lambda: answered(self.memory_kept),
            tr("No"),
            lambda: answered(self.memory_refused),
        )

    def add(self, piece: str) -> None:
        """The next piece of the answer."""
        if self.state in ("waiting", "streaming"):
            self.state = "streaming"
            self.status.hide()
            self.answer.show()
            self.answer.add(piece)

    def slow(self) -> None:
        """Say that it takes longer than usual."""
        if self.state == "waiting":
            self.status.setText(tr("Still working… The language model may be starting."))

    def done(self, done: AnswerDone) -> None:
        """The whole answer, as it was checked."""
        if done.turn:
            self.keep_as(done.turn, self.after, done.versions)
        if done.stopped == "cancelled":
            self.stopped()
            return
        self.finish(done.answer, done.found, done.citations, done.unsupported)
        if done.found:
            told = not self.note.isHidden() and spoken(done.made.why) in self.note.accessibleName()
            self.say_where(msgspec.structs.replace(done.made, why="") if told else done.made)
        self._offer(done.offers)
        if done.cached_age_s is not None:
            age = age_text(done.cached_age_s)
            self.age.setText(
                tr("Answered %1; nothing it rests on has changed since.").replace("%1", age)
            )
            self._age_row.show()
        if done.stopped == "length" and done.found:
            self.note_more(tr("The answer reached its greatest length and ends here."))
        if done.recalled_turns and done.found:
            self.note_more(recalled_text(done.recalled_turns))

    def note_more(self, text: str) -> None:
        """A remark under the answer, unless a weightier one stands there."""
        if self.note.isHidden():
            self.note.tell(text)

    def finish(
        self,
        answer: str,
        found: bool,
        citations: Sequence[Citation],
        unsupported: Sequence[tuple[int, int]] = (),
    ) -> None:
        """Show an answer for good, and say how well it is supported."""
        self.status.hide()
        if self.extract.quote and answer.startswith(self.extract.quote):
            self.extract.hide()  # the answer leads with it
        if not found:
            self.state = "not found"
            self.answer.hide()
            self._tell_not_found()
            self.heading.setText(tr("Passages that came closest"))
            return
        self.state = "answered"
        if not self._sources:
            self.sources(citations)
        self.answer.put(answer, unsupported)
        self.answer.show()
        self.tools.offer(answer, citations)
        cited = {citation.n for citation in citations}
        if cited:
            self._order(cited)
            if unsupported:
                self.note.tell(
                    tr("Your files do not support all of this."),
                    tr("What is underlined with dots are the model\u2019s own words."),
                )
        else:
            self.state = "unsupported"
            self.note.tell(
                tr("No passage in your files supports this answer."),
                tr("It names none of the passages it was given. Check it before you rely on it."),
                "warning",
            )
            self.heading.setText(tr("Passages it was given, cited by none of its words"))

    def _tell_not_found(self) -> None:
        if self.not_found is None:
            view = NotFoundView(self._look, self.scope)
            view.search_asked.connect(lambda: self.search_asked.emit(self.question))
            view.everywhere_asked.connect(self.everywhere_asked)
            view.edit_asked.connect(self.asked.edit)
            view.folders_asked.connect(self.folders_asked)
            self._layout.insertWidget(self._layout.indexOf(self.note), view)
            self.not_found = view

    def read_whole(self, instead: DigestInstead, client: Asker) -> None:
        """Read the files whole, for a question that wants that, and say so."""
        self.state = "digest"
        self.status.hide()
        self.note.tell(
            tr("The whole file is read for this.")
            if len(instead.paths) == 1
            else tr("Both files are read whole for this."),
            tr("It is not kept in this conversation; asked again, it is there at once."),
        )
        self.digest = DigestView(self._look, client)
        self.digest.place_chosen.connect(self._to_place)
        self.digest.setMinimumHeight(DIGEST_PX)
        self._layout.addWidget(self.digest)
        self.digest.read(instead.task, instead.paths)

    def _to_place(self, quoted: Quoted) -> None:
        self.target_chosen.emit(Target(quoted.path, quoted.locator, quoted.start, quoted.end))

    def _order(self, cited: set[int]) -> None:
        """Cited sources first, then the others, each under its heading."""
        others = [s for s in self._sources.values() if s.n not in cited]
        first = [s for s in self._sources.values() if s.n in cited]
        self.sources([*first, *others], tr("Sources"))
        if others:
            self._source_list.insertWidget(len(first), label(tr("Also looked at"), "small"))

    def stopped(self) -> None:
        """The person stopped it; what was said so far stays."""
        self.state = "stopped"
        self.status.hide()
        self.answer.flush()
        if self.digest is not None:
            self.digest.stop()
        self.note.tell(tr("You stopped this answer."), tr("It is unfinished and was not checked."))
        self.tools.offer(self.answer.text(), ())

    def failed(self, failed: Failed) -> None:
        """Say why there is no answer."""
        self.state = "failed"
        self.status.hide()
        to_models = tr("Choose a model") if failed.missing == "model" else ""
        self.note.tell(
            failed.title,
            failed.advice,
            "error",
            tr("Retry"),
            self.retried.emit,
            to_models,
            self.models_asked.emit,
        )

    def _cited(self, number: int) -> None:
        source = self._sources.get(number)
        if source is not None:
            self.target_chosen.emit(Target.of(source))


def recalled_text(turns: int) -> str:
    """How many earlier turns an answer looked back on."""
    if turns == 1:
        return tr("Recalls an earlier turn of this conversation.")
    return tr("Recalls %1 earlier turns of this conversation.").replace("%1", str(turns))
