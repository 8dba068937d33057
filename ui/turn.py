"""One question with its answer: streamed, checked, with its sources always in sight."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from PySide6.QtCore import QSize, Qt, Signal, SignalInstance
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QSizePolicy, QWidget

from core.messages import (
    AnswerDone,
    AnswerNote,
    Citation,
    Failed,
    Made,
    MemoryOffer,
    RemotePreview,
)
from ui.answer_text import AnswerText, ExtractCard
from ui.icons import file_icon
from ui.parts import Banner, Elided, Look, button, clear, column, label, row
from ui.remote import ConsentView, made_text
from ui.target import Target
from ui.text import age_text, one_line, place_text, split_path, tame, tr

BUBBLE_WIDTH = 480


class SourceButton(QPushButton):
    """One source: its number, file, place and the words it gives."""

    def __init__(self, look: Look, source: Citation) -> None:
        super().__init__()
        self.source = source
        self.setProperty("kind", "source")
        self.setAutoDefault(False)
        _, name = split_path(source.path)
        place = place_text(source.locator)
        number = label(str(source.n), "badge")
        number.setProperty("tone", "accent")
        icon = QLabel()
        icon.setPixmap(look.icons.pixmap(file_icon(source.path), look.theme.colours.muted, 16))
        title = Elided(name, "strong", middle=True)
        where = Elided(place, "small")
        where.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        first = row(number, icon, title, where, spacing=8)
        first.setStretch(2, 3)
        first.setStretch(3, 2)
        layout = column(first, Elided(one_line(source.quote)[:400], "small"), spacing=3)
        layout.setContentsMargins(10, 8, 10, 8)
        self.setLayout(layout)
        for part in self.findChildren(QLabel):
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        said = f"{tr('Source')} {source.n}: {name} {place}"
        self.setAccessibleName(said)
        self.setAccessibleDescription(one_line(source.quote)[:400])

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As tall as its two lines."""
        layout = self.layout()
        hint = layout.sizeHint() if layout is not None else QSize()
        return QSize(hint.width(), hint.height() + 4)


class TurnView(QWidget):
    """A question and what became of it."""

    target_chosen = Signal(object)
    retried = Signal(str)
    refreshed = Signal(str)
    memory_kept = Signal(str)
    memory_refused = Signal(str)

    def __init__(self, look: Look, question: str) -> None:
        super().__init__()
        self.setProperty("ground", "none")
        self._look = look
        self.question = question
        self.state = "waiting"
        self._sources: dict[int, Citation] = {}
        asked = label(tame(question), wrap=True)
        bubble = QFrame()
        bubble.setProperty("bubble", "question")
        inside = column(asked)
        inside.setContentsMargins(16, 10, 16, 10)
        bubble.setLayout(inside)
        wide = asked.fontMetrics().horizontalAdvance(asked.text())
        asked.setMinimumWidth(min(wide + 4, BUBBLE_WIDTH))
        bubble.setMaximumWidth(BUBBLE_WIDTH + 60)
        asked_row = row(1, bubble, spacing=0)
        self.status = label(tr("Looking through your files…"), "muted", wrap=True)
        self.answer = AnswerText(look)
        self.answer.cited.connect(self._cited)
        self.answer.hide()
        self.extract = ExtractCard(look)
        self.extract.chosen.connect(self._cited)
        self.note = Banner(look)
        self.made = label("", "small", wrap=True)
        self.made.hide()
        self._consent: ConsentView | None = None
        self.age = label("", "small")
        self.refresh = button(tr("Refresh"), lambda: self.refreshed.emit(self.question), "quiet")
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
            asked_row,
            self.extract,
            self.status,
            self.memories,
            self.answer,
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
        if done.stopped == "cancelled":
            self.stopped()
            return
        self.finish(done.answer, done.found, done.citations, done.unsupported)
        if done.found:
            told = not self.note.isHidden() and done.made.why in self.note.accessibleName()
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
            self.note.tell(
                tr("Not found in your files."),
                tr("No passage answers this. Try other words, or add the folder that would say."),
                "warning",
            )
            self.heading.setText(tr("Passages that came closest"))
            return
        self.state = "answered"
        if not self._sources:
            self.sources(citations)
        self.answer.put(answer, unsupported)
        self.answer.show()
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
        self.note.tell(tr("You stopped this answer."), tr("It is unfinished and was not checked."))

    def failed(self, failed: Failed) -> None:
        """Say why there is no answer."""
        self.state = "failed"
        self.status.hide()
        self.note.tell(
            failed.title,
            failed.advice,
            "error",
            tr("Retry"),
            lambda: self.retried.emit(self.question),
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
