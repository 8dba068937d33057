"""The window that the gallery draws, and the answers it gets on an ordinary day."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QScrollArea, QWidget
from report_samples import budget, models, status
from samples import (
    LEASE,
    PAGE,
    PAGE_BOXES,
    failures,
    folders,
    hits,
    page_png,
    settings,
)
from scripted import ScriptedClient

from core.messages import (
    Ask,
    BudgetRequest,
    ConversationsList,
    FilesList,
    FoldersList,
    Locator,
    Message,
    ModelsRequest,
    PageImage,
    PagePreview,
    Preview,
    PreviewText,
    Related,
    Report,
    Search,
    SearchesRequest,
    SearchResults,
    SettingsGet,
    State,
    StatusRequest,
    TagsRequest,
)
from ui.client import Link
from ui.icons import Icons
from ui.opening import Opener
from ui.parts import Look
from ui.theme import Theme
from ui.window import MainWindow

OUT = Path(__file__).parents[2] / "build" / "gallery"
SEARCHES = (
    "when does the lease end",
    "garage paint colour",
    '"notice period" of the workshop, and what has to be done in writing before it is over & done',
    "متى ينتهي عقد الإيجار؟",
)
MOST_LOOKS = 8  # at a window that changes on; what moves for ever is drawn as it is then
CONVERSATIONS = [
    {"id": 3, "title": "When does the workshop lease end?", "changed_at": 3.0},
    {"id": 2, "title": "Who waters the tomatoes in August, and how often?", "changed_at": 2.0},
    {"id": 1, "title": "متى ينتهي عقد الإيجار؟", "changed_at": 1.0},
]


def tags(message: Message) -> object:
    """What is tagged, and files like those."""
    assert isinstance(message, TagsRequest)
    if message.action == "suggest":
        like = ("/home/ana/Documents/insurance.eml", "/home/ana/Documents/council-letter.txt")
        return {"proposals": [{"path": path, "cosine": 0.6, "votes": 2} for path in like]}
    names = (("housing", 4), ("recipes", 12), ("tax 2023", 7))
    return {"of": ["housing"], "tags": [{"name": name, "files": files} for name, files in names]}


def number(message: Message) -> int:
    """The id of a request."""
    return int(getattr(message, "id", 0))


def usual(client: ScriptedClient, mode: str) -> None:
    """Answers for an ordinary day."""
    client.script = {
        FoldersList: lambda m: Report(number(m), folders()),
        SettingsGet: lambda m: Report(
            number(m), settings(window_theme="light" if mode == "mirrored" else mode)
        ),
        StatusRequest: lambda m: Report(number(m), status()),
        BudgetRequest: lambda m: Report(number(m), budget()),
        FilesList: lambda m: Report(number(m), failures()),
        ModelsRequest: lambda m: Report(number(m), models()),
        ConversationsList: lambda m: Report(number(m), {"conversations": CONVERSATIONS}),
        TagsRequest: lambda m: Report(number(m), tags(m)),
        Search: lambda m: SearchResults(number(m), hits(), True, timings_ms={"total": 431.0}),
        Preview: lambda m: PreviewText(
            number(m), "", PAGE, PAGE.find(LEASE), PAGE.find(LEASE) + len(LEASE), Locator(page=1)
        ),
        PagePreview: lambda m: PageImage(number(m), page_png(), 1, 3, PAGE_BOXES),
        Related: lambda m: SearchResults(number(m), hits()[1:5], True),
        SearchesRequest: lambda m: Report(number(m), {"searches": list(SEARCHES), "kept": True}),
    }


class Gallery:
    """One window, taken through its states."""

    def __init__(self, application: QApplication, suffix: str = "") -> None:
        self._suffix = suffix
        self.theme = Theme(application)
        self.icons = Icons()

    def fresh(self, mode: str) -> None:
        """A new window and a new client."""
        self.client = ScriptedClient()
        self.window = MainWindow(Look(self.theme, self.icons), self.client, Opener())
        usual(self.client, mode)
        self.client.news.emit(State(1, "idle"))
        self.client.lose(Link("ready"))
        self.window.show()

    def shoot(self, name: str, mode: str) -> None:
        """Keep a picture of the window, once two in a row are alike."""
        QTest.qWait(160)
        now = self.window.grab().toImage()
        for _ in range(MOST_LOOKS):
            before = now
            QTest.qWait(60)
            now = self.window.grab().toImage()
            if now == before:
                break
        self.keep(self.window, name, mode)

    def shoot_popup(self, name: str, mode: str) -> None:
        """Keep a picture of the menu that is open, and close it."""
        QTest.qWait(160)
        menu = QApplication.activePopupWidget()
        assert menu is not None
        self.keep(menu, name, mode)
        menu.close()

    def keep(self, part: QWidget, name: str, mode: str) -> None:
        """Keep a picture of a window, a menu or a dialog as it is."""
        part.grab().save(str(OUT / f"{name}-{mode}{self._suffix}.png"))

    def scroll_to(self, page: QWidget, part: QWidget) -> None:
        """Bring a part of a page into view."""
        QTest.qWait(60)
        area = page.findChild(QScrollArea)
        assert isinstance(area, QScrollArea)
        area.ensureWidgetVisible(part)

    def query(self, text: str = "when does the lease end") -> None:
        """Search for something."""
        self.window.open_page("search")
        self.window.search.entry.setText(text)
        self.window.search.search()

    def question(self, *replies: Callable[[int], Message]) -> None:
        """Ask something and answer it."""
        self.client.script.pop(Ask, None)
        self.window.ask("When does the lease of the workshop end?")
        asked = self.client.last(Ask)
        for reply in replies:
            self.client.reply(reply(asked.id))
