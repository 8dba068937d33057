"""The first run: what Satchel is, folders, budgets, a model, and a first question.

Every step can be skipped, and all of them can be gone through again later.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QCheckBox, QLineEdit, QStackedWidget, QWidget

from core.messages import Failed, SettingsSet
from ui.activity import Activity
from ui.client import Asker
from ui.first_steps import (
    SAMPLE,
    SAMPLE_QUESTION,
    ChooseBudgets,
    ChooseFolders,
    Step,
    Suggestion,
    Welcome,
    usual_folders,
)
from ui.models_page import ModelsPage
from ui.parts import PAGE_PX, Look, button, card, column, label, page_of, row
from ui.text import tame, tr

WELCOMED, AUTOSTART = "window.welcomed", "window.autostart"


class ChooseModel(Step):
    """Models that answer, with their size and whether they fit; search does without."""

    def __init__(self, look: Look, client: Asker) -> None:
        super().__init__()
        self.models = ModelsPage(
            look, client, tr("A model that writes answers"), answering_only=True
        )
        self.setLayout(column(self.models))

    def enter(self) -> None:
        """Ask what there is."""
        self.models.reload()


class Ready(Step):
    """What Satchel is doing now, and a first question."""

    asked = Signal(str)

    def __init__(self, client: Asker, activity: Activity) -> None:
        super().__init__()
        self._client = client
        self._activity = activity
        self.state = label(role="strong", wrap=True)
        self.detail = label(
            tr("You can search at once; what has been read so far is found."), "small", wrap=True
        )
        self.field = QLineEdit()
        self.field.setProperty("role", "entry")
        self.field.setAccessibleName(tr("A first question"))
        self.field.setPlaceholderText(tr("Ask your files something…"))
        self.field.returnPressed.connect(self._ask)
        self.ask_button = button(tr("Ask"), self._ask, "primary")
        self.example = button(SAMPLE_QUESTION, self._ask_example, "quiet")
        self.example.setAccessibleName(f"{tr('Ask')}: {SAMPLE_QUESTION}")
        self.autostart = QCheckBox(tr("Start with my session, without showing the window"))
        self.autostart.clicked.connect(self._autostart)
        self.problem = label(role="danger", wrap=True)
        self.problem.hide()
        asking = row(self.field, self.ask_button, spacing=10)
        asking.setStretch(0, 1)
        content = column(
            label(tr("Ready"), "title"),
            card(column(self.state, self.detail, spacing=2, margin=18)),
            label(tr("Ask a first question"), "heading"),
            asking,
            row(self.example, 1),
            card(column(self.autostart, self.problem, spacing=4, margin=18)),
            1,
            spacing=14,
        )
        self.setLayout(column(page_of(content)))
        activity.changed.connect(self._show)
        self._show()

    def show_example(self, wanted: bool) -> None:
        """Offer a question that the sample folder answers."""
        self.example.setVisible(wanted)

    def know(self, autostart: bool) -> None:
        """Whether Satchel starts with the session."""
        self.autostart.setChecked(autostart)

    def way_on(self) -> str:
        """It ends here."""
        return tr("Finish")

    def _show(self) -> None:
        self.state.setText(tame(self._activity.statement()))

    def _ask(self) -> None:
        if text := self.field.text().strip():
            self.asked.emit(text)

    def _ask_example(self) -> None:
        self.asked.emit(SAMPLE_QUESTION)

    def _autostart(self, wanted: bool) -> None:
        def replied(message: object) -> None:
            failed = isinstance(message, Failed)
            self.problem.setVisible(failed)
            if isinstance(message, Failed):
                self.autostart.setChecked(not wanted)
                self.problem.setText(f"{tame(message.title)} {tame(message.advice)}".strip())

        self._client.ask(lambda number: SettingsSet(number, AUTOSTART, wanted), replied)


class FirstRun(QWidget):
    """Leads through the steps; Alt+Right and Alt+Left go on and back."""

    finished = Signal()
    question_asked = Signal(str)

    def __init__(
        self,
        look: Look,
        client: Asker,
        activity: Activity,
        suggestions: Sequence[Suggestion] | None = None,
        sample: str = str(SAMPLE),
    ) -> None:
        super().__init__()
        self._client = client
        self.setProperty("ground", "window")
        offered = usual_folders() if suggestions is None else suggestions
        self.folders = ChooseFolders(look, client, offered, sample)
        self.budgets = ChooseBudgets(look, client)
        self.model = ChooseModel(look, client)
        self.ready = Ready(client, activity)
        self.steps: list[Step] = [
            Welcome(look), self.folders, self.budgets, self.model, self.ready,
        ]  # fmt: skip
        self.stack = QStackedWidget()
        for step in self.steps:
            self.stack.addWidget(step)
            step.changed.connect(self._dress)
        self.skip_button = button(tr("Skip the first steps"), self.finish, "quiet")
        self.back_button = button(tr("Back"), self.back)
        self.next_button = button("", self.go_on, "primary")
        self.count = label(role="small")
        foot = row(self.skip_button, 1, self.count, 1, self.back_button, self.next_button)
        foot.setContentsMargins(28, 12, 28, 20)
        held = QWidget()
        held.setLayout(foot)
        held.setMaximumWidth(PAGE_PX + 56)
        whole = column(self.stack, row(held, spacing=0), spacing=0)
        whole.setStretch(0, 1)
        middle = QWidget()
        middle.setLayout(whole)
        middle.setMaximumWidth(PAGE_PX + 56)
        across = row(middle, spacing=0)
        self.setLayout(across)
        ways = (
            ("Alt+Right", tr("Next of the first steps"), self.go_on),
            ("Alt+Left", tr("Back in the first steps"), self.back),
        )
        for keys, does, run in ways:
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setObjectName(does)  # on the sheet of keys
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(run)
        self.ready.asked.connect(self._asked)
        self._show(0)

    def begin(self) -> None:
        """Show the first step."""
        self._show(0)

    def go_on(self) -> None:
        """Carry out the step, then show the next one; the last one ends it."""
        at = self.stack.currentIndex()

        def done() -> None:
            if self.stack.currentIndex() != at:
                return  # the person went elsewhere meanwhile
            if at + 1 == len(self.steps):
                self.finish()
            else:
                self._show(at + 1)

        self.steps[at].leave(done)

    def back(self) -> None:
        """Show the step before; what was chosen stays chosen."""
        if self.stack.currentIndex() > 0:
            self._show(self.stack.currentIndex() - 1)

    def finish(self) -> None:
        """End it, and do not show it again by itself."""
        self._client.ask(lambda number: SettingsSet(number, WELCOMED, True), lambda _: None)
        self.finished.emit()

    def _asked(self, question: str) -> None:
        self.finish()
        self.question_asked.emit(question)

    def _show(self, at: int) -> None:
        self.stack.setCurrentIndex(at)
        self.ready.show_example(self.folders.sample.isChecked())
        self.steps[at].enter()
        self._dress()
        if at + 1 == len(self.steps):
            self.ready.field.setFocus()
        else:
            self.next_button.setFocus()

    def _dress(self) -> None:
        at = self.stack.currentIndex()
        text = tr("Step %1 of %2").replace("%1", str(at + 1))
        self.count.setText(text.replace("%2", str(len(self.steps))))
        self.next_button.setText(self.steps[at].way_on())
        self.back_button.setVisible(at > 0)
        self.skip_button.setVisible(at + 1 < len(self.steps))
