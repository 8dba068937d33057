"""Search: one field, results while you type, and ways on from each of them."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QStackedWidget, QWidget

from core.messages import Failed, Hit, Message, PhraseCount, Search, SearchProgress, SearchResults
from ui.client import Asker
from ui.entry import EntryField
from ui.parts import Banner, EmptyState, Look, button, column, fill_height, label, row
from ui.preview import Target
from ui.results import HIT_ROLE, ResultsModel, ResultsView
from ui.tags import TagFilter
from ui.text import count_text, counted, tame, tr

DEBOUNCE_MS = 130
CHOOSE_MS = 90
RESULTS = 20


class SearchPage(QWidget):
    """Sends a query a moment after the last key; a newer query replaces the older."""

    target_chosen = Signal(object)  # Target or None
    open_asked = Signal()
    question_asked = Signal(str)
    folders_wanted = Signal()

    def __init__(self, look: Look, client: Asker) -> None:
        super().__init__()
        self._client = client
        self._request = 0
        self._asked_for = ""
        self._has_folders = True
        self.entry = EntryField(tr("Search or ask"), tr("Search your files, or ask a question"))
        self.entry.setClearButtonEnabled(False)
        self.entry.textChanged.connect(self._typed)
        self.entry.entered.connect(self._entered)
        self.entry.asked.connect(self._ask)
        self.entry.moved.connect(self._move)
        self.entry.shortened.connect(self._cut)
        self.ask_button = button(tr("Ask"), self._ask)
        look.dress(self.ask_button, "chat", "text")
        self.ask_button.setToolTip(tr("Answer this from your files (Ctrl+Enter)"))
        self.banner = Banner(look)
        self.status = label("", "small")
        self.model = ResultsModel()
        self.view = ResultsView(look, self.model)
        self.view.selectionModel().currentChanged.connect(lambda *_: self._choose_soon())
        self.view.activated.connect(lambda _: self.open_asked.emit())
        self.view.copy_chosen.connect(self._choose_copy)
        self.welcome = EmptyState(look, "satchel", "", "")
        self.add_button = button(tr("Add a folder"), self.folders_wanted.emit, "primary")
        self.welcome.ways.addWidget(self.add_button)
        self.keys = _keys()
        self.welcome.ways.addWidget(self.keys)
        self.nothing = EmptyState(look, "nothing", "", "")
        self.ask_instead = button(tr("Ask the question instead"), self._ask)
        self.nothing.ways.addWidget(self.ask_instead)
        self.body = QStackedWidget()
        self.blank = QWidget()
        for part in (self.welcome, self.view, self.nothing, self.blank):
            self.body.addWidget(part)
        fill_height(self.ask_button)
        top = row(self.entry, self.ask_button, spacing=8)
        top.setStretch(0, 1)
        self.tags = TagFilter(look, client)
        self.tags.chosen.connect(self._again)
        layout = column(top, self.tags, self.banner, self.status, self.body, spacing=10)
        layout.setContentsMargins(24, 22, 20, 12)
        layout.setStretch(4, 1)
        self.setLayout(layout)
        self._soon = QTimer(self, singleShot=True, interval=DEBOUNCE_MS)
        self._soon.timeout.connect(self.search)
        self._choice = QTimer(self, singleShot=True, interval=CHOOSE_MS)
        self._choice.timeout.connect(self._choose)
        self.know_folders(True)

    def know_folders(self, has_folders: bool) -> None:
        """Whether any folder is watched; without one there is nothing to search yet."""
        self._has_folders = has_folders
        self.add_button.setVisible(not has_folders)
        self.keys.setVisible(has_folders)
        if has_folders:
            self.welcome.change(
                "satchel",
                tr("What are you looking for?"),
                tr("Words and meaning both count. Everything stays on this computer."),
            )
        else:
            self.welcome.change(
                "satchel",
                tr("Welcome to Satchel"),
                tr(
                    "Add a folder, and its files become searchable by words and by meaning. "
                    "Nothing leaves this computer."
                ),
            )

    # --- asking -------------------------------------------------------------------------

    def _typed(self) -> None:
        if self.entry.words() == self._asked_for:
            return
        if self.banner.isVisible() and len(self.entry.text()) < self.entry.maxLength():
            self.banner.hide()
        self._soon.start()

    def search(self) -> None:
        """Ask for what stands in the field now."""
        self._soon.stop()
        if self._request:
            self._client.cancel(self._request)
            self._request = 0
        query = self._asked_for = self.entry.words()
        if not query:
            self.status.clear()
            self._show_hits(())
            self.body.setCurrentWidget(self.welcome)
            return
        self.status.setText(tr("Searching…"))
        tag = self.tags.tag
        self._request = self._client.ask(
            lambda number: Search(number, query, k=RESULTS, tag=tag, early=True),
            self._reply,
            self._slow,
        )

    def _slow(self) -> None:
        self.status.setText(tr("Still working… this search takes longer than usual."))

    def _reply(self, message: Message) -> None:
        if isinstance(message, SearchResults):
            self._results(message)
        elif isinstance(message, SearchProgress):
            self._looking_for_phrase(message)
        elif isinstance(message, Failed):
            self._request = 0
            self.status.clear()
            if self.body.currentWidget() is not self.view:
                self.body.setCurrentWidget(self.blank)
            self.banner.fail(message, self._again)

    def _looking_for_phrase(self, progress: SearchProgress) -> None:
        text = tr("Looking for the phrase in %1 of %2 documents…")
        text = text.replace("%1", count_text(progress.done))
        self.status.setText(text.replace("%2", count_text(progress.total)))

    def _again(self) -> None:
        self._asked_for = ""
        self.search()

    def _results(self, message: SearchResults) -> None:
        self.banner.hide()
        if message.hits:
            self._show_hits(message.hits)
            self.body.setCurrentWidget(self.view)
        passages = counted(len(message.hits), tr("1 passage"), tr("%1 passages"))
        if not message.final:
            self.status.setText(
                tr("%1 found by words; looking by meaning…").replace("%1", passages)
            )
            return
        self._request = 0
        total_s = message.timings_ms.get("total", 0.0) / 1000
        found = f"{passages} · {total_s:.1f} s" if total_s else passages
        if message.phrases is not None and message.hits:
            found = f"{_phrase_text(message.phrases)} · {found}"
        self.status.setText(f"{found} · {tame(message.note)}" if message.note else found)
        if not message.hits:
            self.status.setText(tame(message.note) if message.note else "")
            self._show_hits(())
            self._tell_nothing()

    def _tell_nothing(self) -> None:
        if self._has_folders:
            text = tr("No passage has these words or comes close in meaning.")
        else:
            text = tr("No folder is watched yet, so there is nothing to search.")
        self.nothing.change("nothing", tr("Nothing found"), text)
        self.ask_instead.setVisible(self._has_folders)
        self.body.setCurrentWidget(self.nothing)

    def _cut(self) -> None:
        self.banner.tell(
            tr("The text was too long to search for, so it was cut."),
            tr("The first %1 characters are kept.").replace(
                "%1", count_text(self.entry.maxLength())
            ),
        )

    # --- choosing -----------------------------------------------------------------------

    def chosen(self) -> Hit | None:
        """The result that is selected."""
        hit = self.view.currentIndex().data(HIT_ROLE)
        return hit if isinstance(hit, Hit) else None

    def _show_hits(self, hits: tuple[Hit, ...]) -> None:
        """Show new results; the selection stays on its passage if that is still there."""
        old = self.chosen()
        self.model.show(hits)
        at = 0
        if old is not None:
            same = [n for n, h in enumerate(hits) if (h.path, h.start) == (old.path, old.start)]
            at = same[0] if same else 0
        if hits:
            self.view.setCurrentIndex(self.model.index(at))
        self._choose_soon()

    def _move(self, steps: int) -> None:
        rows = self.model.rowCount()
        if rows:
            at = min(max(0, self.view.currentIndex().row() + steps), rows - 1)
            self.view.setCurrentIndex(self.model.index(at))

    def _choose_soon(self) -> None:
        self._choice.start()

    def _choose(self) -> None:
        hit = self.chosen()
        self.target_chosen.emit(Target.of(hit) if hit is not None else None)

    def _choose_copy(self, target: Target) -> None:
        """Show a copy of the selected result beside the list."""
        self._choice.stop()
        self.target_chosen.emit(target)

    def _entered(self) -> None:
        """Open the selected file; when the results are of an older query, ask first."""
        if self.entry.words() != self._asked_for:
            self.search()
        elif self.chosen() is not None:
            self._choice.stop()
            self._choose()
            self.open_asked.emit()

    def _ask(self) -> None:
        question = self.entry.words()
        if question:
            self.question_asked.emit(question)


def _keys() -> QWidget:
    """Which keys do what here."""
    shown = QWidget()
    keys = row(spacing=8)
    for key, meaning in (
        (tr("Enter"), tr("opens the file")),
        (tr("Ctrl+Enter"), tr("asks")),
        (tr("↑ ↓"), tr("choose")),
    ):
        keys.addWidget(label(key, "key"))
        keys.addWidget(label(meaning, "small"))
        keys.addSpacing(8)
    shown.setLayout(keys)
    return shown


def _phrase_text(count: PhraseCount) -> str:
    """How often a phrase was found, and what could not be looked through."""
    said = counted(count.occurrences, tr("Phrase found once"), tr("Phrase found %1 times"))
    if count.unread:
        said += " · " + counted(
            count.unread, tr("1 file cannot be read now"), tr("%1 files cannot be read now")
        )
    return said
