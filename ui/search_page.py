"""Search: one field, results while you type, and ways on from each of them."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QStackedWidget, QWidget

from core.messages import Failed, Hit, Message, PhraseCount, Search, SearchProgress, SearchResults
from ui.client import Asker
from ui.entry import EntryField
from ui.filters import FilterBar
from ui.parts import Banner, EmptyState, Look, button, column, fill_height, label, row
from ui.recent import RecentList
from ui.results import HIT_ROLE, ResultsModel, ResultsView
from ui.tags import TagFilter
from ui.target import Target
from ui.text import count_text, counted, number_text, tame, tr

DEBOUNCE_MS = 30  # results by words are to be there 100 ms after the last key
CHOOSE_MS = 90
REST_MS = 3000  # a search that stands for so long was meant
RESULTS = (20, 60, 180, 500)  # asked for at first, and each time that more are wanted


class SearchPage(QWidget):
    """Sends a query a moment after the last key; a newer query replaces the older."""

    target_chosen = Signal(object)  # Target or None
    open_asked = Signal()
    act_asked = Signal(str)  # one of `ui.results.acts`, for the chosen target
    question_asked = Signal(str)
    folders_wanted = Signal()

    def __init__(self, look: Look, client: Asker) -> None:
        super().__init__()
        self._client = client
        self._request = 0
        self._asked_for = ""
        self._size = 0
        self._has_folders = True
        self._indexing = False
        self._build_top(look)
        self.banner = Banner(look)
        self.status = label("", "small")
        self.more_button = button(tr("More results"), self._more, "quiet")
        self.more_button.hide()
        self._build_body(look)
        self._lay_out(look)
        self._soon = QTimer(self, singleShot=True, interval=DEBOUNCE_MS)
        self._soon.timeout.connect(self.search)
        self._choice = QTimer(self, singleShot=True, interval=CHOOSE_MS)
        self._choice.timeout.connect(self._choose)
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self._note)
        self.know_folders(True)

    def _build_top(self, look: Look) -> None:
        """The one field, and what is asked with it."""
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

    def _build_body(self, look: Look) -> None:
        """The results, and what stands there without any."""
        self.model = ResultsModel()
        self.model.rowsInserted.connect(lambda *_: self._choose_soon())  # one of more than before
        self.view = ResultsView(look, self.model)
        self.view.selectionModel().currentChanged.connect(lambda *_: self._choose_soon())
        self.view.activated.connect(lambda _: self._act("open"))
        self.view.act_chosen.connect(self._act)
        self.view.copy_chosen.connect(self._choose_copy)
        self.welcome = EmptyState(look, "satchel", "", "")
        self.add_button = button(tr("Add a folder"), self.folders_wanted.emit, "primary")
        self.welcome.ways.addWidget(self.add_button)
        self.keys = _keys()
        self.welcome.ways.addWidget(self.keys)
        self.recent = RecentList(look, self._client)
        self.recent.chosen.connect(self.search_for)
        self.welcome.add_below(self.recent)
        self.nothing = EmptyState(look, "nothing", "", "")
        self.ask_instead = button(tr("Ask the question instead"), self._ask)
        self.nothing.ways.addWidget(self.ask_instead)
        self.search_everywhere = button(tr("Search everywhere"), self._widen)
        self.nothing.ways.addWidget(self.search_everywhere)
        self.body = QStackedWidget()
        self.blank = QWidget()
        for part in (self.welcome, self.view, self.nothing, self.blank):
            self.body.addWidget(part)

    def _lay_out(self, look: Look) -> None:
        fill_height(self.ask_button)
        top = row(self.entry, self.ask_button, spacing=8)
        top.setStretch(0, 1)
        self.tags = TagFilter(look, self._client)
        self.tags.chosen.connect(self._again)
        self.filters = FilterBar(self._client)
        self.filters.changed.connect(self._again)
        told = row(self.status, self.more_button, 1)
        layout = column(top, self.filters, self.tags, self.banner, told, self.body, spacing=10)
        layout.setContentsMargins(24, 22, 20, 12)
        layout.setStretch(5, 1)
        self.setLayout(layout)

    def reload(self) -> None:
        """Ask for what stands around the results: tags, folders and recent searches."""
        self.tags.reload()
        self.filters.reload()
        self.recent.reload()

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

    def know_indexing(self, indexing: bool) -> None:
        """Whether files are being read, so that what is not found may still come."""
        if indexing != self._indexing:
            self._indexing = indexing
            if self.body.currentWidget() is self.nothing:
                self._tell_nothing()

    def look_again(self) -> None:
        """The index has changed: what was not found may be there now."""
        if self.body.currentWidget() is self.nothing:
            self._again()

    # --- asking -------------------------------------------------------------------------

    def _typed(self) -> None:
        if self.entry.words() == self._asked_for:
            return
        self._size = 0
        self._rest.stop()
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
            self.more_button.hide()
            self._show_hits(())
            self.body.setCurrentWidget(self.welcome)
            return
        self.status.setText(tr("Searching…"))
        tag, only = self.tags.tag, self.filters.filters
        self._request = self._client.ask(
            lambda number: Search(
                number,
                query,
                RESULTS[self._size],
                only.folder,
                only.endings,
                *only.dates,
                tag=tag,
                early=True,
            ),
            self._reply,
            self._slow,
        )

    def _slow(self) -> None:
        self.banner.tell(
            tr("Still working…"),
            tr("This search takes longer than usual."),
            "info",
            tr("Search again"),
            self._again,
        )

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
            self._show_hits(message.hits, anew=not self._size)
            self.body.setCurrentWidget(self.view)
        passages = counted(len(message.hits), tr("1 passage"), tr("%1 passages"))
        if not message.final:
            self.status.setText(
                tr("%1 found by words; looking by meaning…").replace("%1", passages)
            )
            return
        self._request = 0
        full = len(message.hits) >= RESULTS[self._size] and self._size + 1 < len(RESULTS)
        self.more_button.setVisible(full)
        if message.hits:
            self._rest.start()
        total_s = message.timings_ms.get("total", 0.0) / 1000
        found = f"{passages} · {number_text(total_s, 1)} s" if total_s else passages
        if message.phrases is not None and message.hits:
            found = f"{_phrase_text(message.phrases)} · {found}"
        self.status.setText(f"{found} · {tame(message.note)}" if message.note else found)
        if not message.hits:
            self.status.setText(tame(message.note) if message.note else "")
            self._show_hits(())
            self._tell_nothing()

    def _tell_nothing(self) -> None:
        narrowed = self.filters.narrows
        title = tr("Nothing found")
        if self._has_folders and self._indexing:
            title = tr("Nothing found yet")
            text = tr("Files are still being read. This search is made again when they are in.")
        elif self._has_folders and narrowed:
            text = tr("No passage in what you narrowed the search to has these words.")
        elif self._has_folders:
            text = tr("No passage has these words or comes close in meaning.")
        else:
            text = tr("No folder is watched yet, so there is nothing to search.")
        self.nothing.change("nothing", title, text)
        self.ask_instead.setVisible(self._has_folders and not narrowed)
        self.search_everywhere.setVisible(narrowed)
        self.body.setCurrentWidget(self.nothing)

    def search_for(self, query: str) -> None:
        """Search for a text as if it had been typed."""
        self.entry.setText(query)
        self.entry.setFocus()
        self._size = 0
        self.search()

    def _more(self) -> None:
        """Ask for more results; those that are shown stay."""
        self._size = min(self._size + 1, len(RESULTS) - 1)
        self._again()

    def _widen(self) -> None:
        self.entry.setFocus()
        self.filters.clear()

    def _note(self) -> None:
        """This search was meant: keep it among the recent ones."""
        if self._asked_for and self._asked_for == self.entry.words():
            self.recent.note(self._asked_for)

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

    def position(self) -> tuple[int, int]:
        """Which result is selected, from 1, and of how many; 0 where none is."""
        return self.view.currentIndex().row() + 1, self.model.rowCount()

    def _show_hits(self, hits: tuple[Hit, ...], anew: bool = True) -> None:
        """Show new results; the selection stays on its passage if that is still there."""
        old = self.chosen()
        self.model.show(hits, anew)
        at = 0
        if old is not None:
            wanted = (old.path, old.start)
            rows = enumerate(self.model.rows)
            at = next((n for n, r in rows if (r.hit.path, r.hit.start) == wanted), 0)
        if hits:
            self.view.setCurrentIndex(self.model.index(at))
        self._choose_soon()

    def step(self, steps: int) -> None:
        """Select the next result, or one before."""
        self._move(steps)

    def _move(self, steps: int) -> None:
        rows = self.model.rowCount()
        if not rows and steps > 0:
            self.recent.take_focus()
        if rows:
            at = min(max(0, self.view.currentIndex().row() + steps), rows - 1)
            self.view.setCurrentIndex(self.model.index(at))

    def _choose_soon(self) -> None:
        self._choice.start()

    def _choose(self) -> None:
        hit = self.chosen()
        self.target_chosen.emit(Target.of(hit) if hit is not None else None)

    def _act(self, name: str) -> None:
        """Do something with the selected result, which the preview shows by then."""
        self._note()
        self._choice.stop()
        self._choose()
        if name == "open":
            self.open_asked.emit()
        else:
            self.act_asked.emit(name)

    def _choose_copy(self, target: Target) -> None:
        """Show a copy of the selected result beside the list."""
        self._choice.stop()
        self.target_chosen.emit(target)

    def _entered(self) -> None:
        """Open the selected file; when the results are of an older query, ask first."""
        if self.entry.words() != self._asked_for:
            self.search()
        elif self.chosen() is not None:
            self._act("open")

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
