"""Parts of a turn: the question with its versions, what can be done with an answer, and the way on
where nothing was found."""

from __future__ import annotations

import re
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QFrame, QLabel, QWidget

from core.messages import EVERYWHERE, Citation, Scope
from ui.entry import EntryField
from ui.flow import FlowLayout
from ui.parts import Look, button, column, icon_button, label, restyle, row
from ui.scope_bar import scope_text
from ui.text import one_line, place_text, shown, tame, tr

BUBBLE_WIDTH = 480
_MARK = re.compile(r"[ \u00a0]?\[\d{1,3}\]")


def wants_escape(event: QEvent) -> bool:
    """Whether this asks a field if Escape is for it and not for the window; accepted if so."""
    if event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
        return False
    if event.key() != Qt.Key.Key_Escape:
        return False
    event.accept()
    return True


class _Editor(EntryField):
    left = Signal()

    def event(self, event: QEvent) -> bool:
        """Escape is for this field and not for the window."""
        return wants_escape(event) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Escape leaves the question as it was."""
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)


class _Asked(QLabel):
    """Words in one line where there is room for it."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """No wider than a bubble is."""
        wide = min(self.fontMetrics().horizontalAdvance(self.text()) + 4, BUBBLE_WIDTH)
        return QSize(wide, self.heightForWidth(wide))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Narrow windows wrap it."""
        return QSize(min(self.sizeHint().width(), BUBBLE_WIDTH // 4), 0)


class QuestionView(QWidget):
    """A question, what it was put to, its versions, and the field to put it differently."""

    edited = Signal(str)
    version_chosen = Signal(int)  # the number of a turn

    def __init__(self, look: Look, question: str, scope: Scope = EVERYWHERE) -> None:
        super().__init__()
        self.setProperty("ground", "none")
        self.question = question
        self._versions: tuple[int, ...] = ()
        self._at = 0
        asked = _Asked(tame(question))
        asked.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        bubble = QFrame()
        bubble.setProperty("bubble", "question")
        inside = column(asked)
        inside.setContentsMargins(16, 10, 16, 10)
        bubble.setLayout(inside)
        bubble.setMaximumWidth(BUBBLE_WIDTH + 60)
        self.where = label("", "small", wrap=True)
        self.where.setText(scope_text(scope))
        if scope == EVERYWHERE:  # to show what has no parent yet would open a window
            self.where.hide()
        self.where.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.edit_button = icon_button(look, "edit", tr("Edit the question"), self.edit)
        self.back_button = icon_button(look, "left", tr("Version before"), lambda: self._go(-1))
        self.on_button = icon_button(look, "right", tr("Next version"), lambda: self._go(1))
        self.count = label("", "small")
        tools = row(1, self.where, self.back_button, self.count, self.on_button, self.edit_button,
                    spacing=4)  # fmt: skip
        tools.setStretch(1, 100)  # all of the room where files are named, none where not
        plain = QWidget()
        plain.setProperty("ground", "none")
        plain.setLayout(column(row(1, bubble, spacing=0), tools, spacing=2))
        self.editor = _Editor(tr("Question"), tr("Ask a question about your files"))
        self.ask_button = button(tr("Ask"), self._edited, "primary")
        cancel = button(tr("Cancel"), self._leave, "quiet")
        self.editor.entered.connect(self._edited)
        self.editor.asked.connect(self._edited)
        self.editor.left.connect(self._leave)
        told = label(tr("The question and answers as they were stay with it."), "small", wrap=True)
        form = QWidget()
        form.setProperty("ground", "none")
        form.setLayout(column(self.editor, row(told, cancel, self.ask_button), spacing=6))
        self._plain, self._form = plain, form
        form.hide()
        self.setLayout(column(plain, form, spacing=0))
        self.show_versions((), 0)

    def show_versions(self, versions: Sequence[int], current: int) -> None:
        """Show which of the versions this is; one without a number is the next of them."""
        known = tuple(versions)
        self._versions = known
        self._at = known.index(current) if current in known else len(known)
        many = max(len(known), self._at + 1)
        several = many > 1
        for part in (self.back_button, self.count, self.on_button):
            part.setVisible(several)
        said = tr("%1 of %2").replace("%1", str(self._at + 1)).replace("%2", str(many))
        self.count.setText(said)
        self.count.setAccessibleName(f"{tr('Version')} {said}")
        self.back_button.setEnabled(self._at > 0)
        self.on_button.setEnabled(self._at + 1 < len(known))

    def allow_edit(self, allowed: bool) -> None:
        """Whether the question may be put differently now."""
        self.edit_button.setEnabled(allowed)

    def edit(self) -> None:
        """Let the question be put differently, in its place."""
        self.editor.setText(one_line(self.question))
        self._plain.hide()
        self._form.show()
        self.editor.setFocus()
        self.editor.selectAll()

    def _leave(self) -> None:
        self._form.hide()
        self._plain.show()
        self.edit_button.setFocus()

    def _edited(self) -> None:
        words = self.editor.words()
        if words:
            self._leave()
            self.edited.emit(words)

    def _go(self, step: int) -> None:
        at = self._at + step
        if 0 <= at < len(self._versions):
            self.version_chosen.emit(self._versions[at])


class AnswerActions(QWidget):
    """What can be done with an answer."""

    regenerate_asked = Signal()

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.setProperty("ground", "none")
        self._answer = ""
        self._sources: Sequence[Citation] = ()
        self.copy_button = button(tr("Copy"), self._copy, "quiet")
        self.with_sources = button(tr("Copy with sources"), self._copy_all, "quiet")
        self.again_button = button(tr("Regenerate"), self.regenerate_asked.emit, "quiet")
        self.again_button.setToolTip(tr("Let the model answer anew; this answer stays with it"))
        look.dress(self.copy_button, "copy", "muted")
        look.dress(self.with_sources, "copy", "muted")
        look.dress(self.again_button, "retry", "muted")
        parts = (self.copy_button, self.with_sources, self.again_button)
        self.setLayout(FlowLayout(*parts, spacing=2))
        self.hide()

    def offer(self, answer: str, sources: Sequence[Citation]) -> None:
        """Offer them for an answer and the sources that it cites."""
        self._answer, self._sources = answer, sources
        self.copy_button.setText(tr("Copy"))
        self.with_sources.setText(tr("Copy with sources"))
        self.copy_button.setVisible(bool(answer))
        self.with_sources.setVisible(bool(answer and sources))
        self.show()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(_MARK.sub("", self._answer))
        self.copy_button.setText(tr("Copied"))

    def _copy_all(self) -> None:
        QGuiApplication.clipboard().setText(with_sources(self._answer, self._sources))
        self.with_sources.setText(tr("Copied"))


def with_sources(answer: str, sources: Sequence[Citation]) -> str:
    """An answer with the files, places and words that it rests on, as plain text."""
    lines = [answer, "", tr("Sources")]
    for source in sources:
        place = place_text(source.locator)
        where = f"{shown(source.path)}, {place}" if place else shown(source.path)
        lines.append(f"[{source.n}] {where}: \u201c{one_line(source.quote)}\u201d")
    return "\n".join(lines)


class NotFoundView(QFrame):
    """The answer that the files do not say it, and what to do about that."""

    search_asked = Signal()
    everywhere_asked = Signal()
    edit_asked = Signal()
    folders_asked = Signal()

    def __init__(self, look: Look, scope: Scope) -> None:
        super().__init__()
        restyle(self, "banner", "warning")
        title = tr("Not found in your files.")
        where = tr("Looked in everything that is indexed; no passage answers this.")
        if scope != EVERYWHERE:
            where = tr("Looked only in %1; no passage there answers this.")
            where = where.replace("%1", scope_text(scope))
        self.search_button = button(tr("Search these words"), self.search_asked.emit)
        look.dress(self.search_button, "search", "text")
        self.everywhere_button = button(tr("Ask all files"), self.everywhere_asked.emit)
        if scope == EVERYWHERE:
            self.everywhere_button.hide()
        self.edit_button = button(tr("Ask differently"), self.edit_asked.emit)
        self.folders_button = button(tr("Add a folder"), self.folders_asked.emit)
        ways = (self.everywhere_button, self.search_button, self.edit_button, self.folders_button)
        inside = column(
            label(title, "strong", wrap=True),
            label(where, wrap=True),
            FlowLayout(*ways, spacing=8),
            spacing=6,
        )
        inside.setContentsMargins(14, 10, 12, 12)
        self.setLayout(inside)
        self.setAccessibleName(f"{title} {where}")
