"""Draws every page and state into build/gallery: `make gallery`.

In light, dark and high contrast, at 100 and at 200 %, and mirrored for languages that are written
from right to left, and in every language. `gallery.py chat_states --mode dark --scale 100` draws
a part.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).parents[2]))

import msgspec
from gallery_shell import closing_states, first_run_states
from gallery_stage import OUT, Gallery, number, usual
from PySide6.QtCore import QLocale, QPoint, Qt
from PySide6.QtGui import QFont
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from report_samples import budget, kept, status
from samples import (
    changed_entries,
    dates_entries,
    folders,
    grouped,
    hit,
    many,
    remote_preview,
    sources,
)

from core.messages import (
    AnswerDone,
    AnswerNote,
    AnswerSources,
    AnswerText,
    Ask,
    BudgetRequest,
    ConversationGet,
    ConversationsList,
    Digest,
    DigestDone,
    DigestInstead,
    Failed,
    FoldersList,
    FoldersRemove,
    IndexProgress,
    KeptRequest,
    Made,
    MemoriesRequest,
    MemoryOffer,
    Message,
    ModelProgress,
    ModelsRequest,
    Preview,
    Related,
    Report,
    Scope,
    Search,
    SearchResults,
    State,
    StatusRequest,
)
from ui.client import Link
from ui.language import ENGLISH, LANGUAGES, speak
from ui.portal import Portal
from ui.shortcut_sheet import ShortcutSheet

ANSWER = (
    "The lease of the workshop ends on 31 May 2028 [1]. The council expects it to close in the "
    "spring of that year unless both sides sign a renewal [2]. It may be renewed once, for "
    "another five years, if notice is given six months before [1]."
)
MARKDOWN = """The lease names **three** payments [1]:

1. the *deposit*, paid at once
2. the rent:
  - in the first three years
  - later, by the `official_rate`

| Payment | Due | Amount |
|:--|:-:|--:|
| Deposit | 1 June 2023 | 1,080 |
| Rent | each month [2] | 540 |

## As a reckoning
```python
months = 60
total = 1080 + 540 * months  # a long line of code that is wider than the column of the answer is
```
> The rent is 540 pounds a month.

See [the manual](http://evil.example/a) and <img src='http://evil.example/b.png'>."""
MEMORIES = [
    {"id": 1, "text": "I prefer short answers.", "kind": "preference"},
    {"id": 2, "text": "My landlord is called Ola Hansen.", "kind": "fact"},
]


def answered(text: str, found: bool, cited: bool, stopped: str = "end") -> Callable[[int], Message]:
    """The end of an answer."""
    return lambda n: AnswerDone(n, text, found, sources() if cited else (), {}, 0, 0, stopped)


def given(n: int) -> Message:
    """The sources of an answer."""
    return AnswerSources(n, sources(), 3)


def search_states(g: Gallery, mode: str) -> None:
    """The search page."""
    g.shoot("search-start", mode)
    g.window.search.know_folders(False)
    g.shoot("search-first-start", mode)
    g.window.search.know_folders(True)
    g.query()
    g.shoot("search-results", mode)
    g.window.search.tags.choose("housing")
    g.shoot("search-tagged", mode)
    g.window.search.tags.choose("housing")
    area = g.window.search.view.copies_area(g.window.search.model.index(0))
    QTest.mouseClick(
        g.window.search.view.viewport(),
        Qt.MouseButton.LeftButton,
        pos=area.center().toPoint(),
    )
    g.shoot_popup("search-copies", mode)
    g.window.preview.page_button.click()
    g.shoot("search-page-picture", mode)
    g.window.preview.text_button.click()
    narrowed_states(g, mode)
    preview_states(g, mode)
    g.window.search.view.setFocus()
    g.shoot("search-list-focused", mode)
    g.window.resize(840, 620)
    g.shoot("search-small-window", mode)
    g.window.resize(1240, 800)
    g.client.script[Search] = lambda m: SearchResults(
        number(m), tuple(hit(n, source="lexical", start=n) for n in (1, 2)), False
    )
    g.query("lease")
    g.shoot("search-words-first", mode)
    g.client.script[Search] = lambda m: SearchResults(number(m), many(500), True)
    g.query("many")
    g.shoot("search-many", mode)
    g.client.script[Search] = lambda m: SearchResults(number(m), (), True)
    g.query("xyzzy")
    g.shoot("search-nothing", mode)
    g.window.search.know_indexing(True)
    g.shoot("search-nothing-yet", mode)
    g.window.search.know_indexing(False)
    g.client.script[Search] = lambda m: Failed(
        number(m), "The index is damaged.", "Run `satchel doctor --repair`; no file is lost."
    )
    g.query("broken")
    g.shoot("search-error", mode)
    g.client.script[Search] = lambda m: SearchResults(number(m), (hit(1),), True)
    g.client.script[Preview] = lambda m: Failed(
        number(m), "/home/ana/Documents/workshop-lease.pdf has changed since it was indexed.", ""
    )
    g.query("x" * 5000)
    g.window.search.entry.shortened.emit()
    g.shoot("search-cut-and-preview-error", mode)


def narrowed_states(g: Gallery, mode: str) -> None:
    """A search narrowed by chips, and what is asked before."""
    filters = g.window.search.filters
    filters.kind_menu.popup(filters.kind.mapToGlobal(filters.kind.rect().bottomLeft()))
    g.shoot_popup("search-types", mode)
    filters.choose_folder("/home/ana/Documents/club & friends/2024/minutes-of-the-meetings")
    filters.choose_kind("documents")
    filters.choose_days(date(2023, 6, 1), date(2024, 2, 29))
    g.shoot("search-narrowed", mode)
    filters.days.open(date(2024, 3, 14))
    g.shoot("search-days", mode)
    g.window.resize(884, 560)
    g.shoot("search-narrowed-small", mode)
    filters.days.hide()
    g.window.resize(1240, 800)
    g.client.script[Search] = lambda m: SearchResults(number(m), (), True)
    g.query("nothing of this kind")
    g.shoot("search-narrowed-nothing", mode)
    filters.clear()
    g.client.script[Search] = lambda m: SearchResults(number(m), grouped(), True)
    g.query("lease end date")
    g.shoot("search-grouped", mode)
    g.window.search.model.show_whole(0)
    g.window.search.view.setCurrentIndex(g.window.search.model.index(2))
    g.window.search.view.setFocus()
    g.shoot("search-grouped-whole", mode)
    del g.client.script[Search]
    g.query("a slow one")
    g.client.late(g.client.last(Search))
    g.shoot("search-late", mode)
    usual(g.client, mode)
    g.query()


def preview_states(g: Gallery, mode: str) -> None:
    """What can be done from the preview."""
    preview, view = g.window.preview, g.window.search.view
    menu = view._menu(view.currentIndex())
    menu.popup(g.window.mapToGlobal(QPoint(300, 200)))
    g.shoot_popup("search-menu", mode)
    preview.copy_quote()
    g.shoot("preview-copied", mode)
    preview.banner.hide()
    preview.show_related()
    g.shoot("preview-related", mode)
    del g.client.script[Related]
    preview.show_related()
    g.client.fail(g.client.last(Related), "The index is damaged.", "Run `satchel doctor`.")
    g.shoot("preview-related-failed", mode)
    del g.client.script[Preview]
    preview.reload()
    g.client.late(g.client.last(Preview))
    g.shoot("preview-late", mode)
    usual(g.client, mode)
    preview.reload()


def digest_states(g: Gallery, mode: str) -> None:
    """A whole file read: its dates, what changed, a summary that was stopped."""
    g.query()
    g.shoot("digest-offered", mode)
    preview = g.window.preview
    preview.whole_actions["dates"].trigger()
    g.shoot("digest-reading", mode)
    asked = g.client.last(Digest)
    g.client.reply(DigestDone(asked.id, "dates", dates_entries(), 1000))
    g.shoot("digest-dates", mode)
    preview._digest("changes", "/home/ana/new.pdf")
    g.client.reply(DigestDone(g.client.last(Digest).id, "changes", changed_entries(), 100))
    g.shoot("digest-changes", mode)
    preview.whole_actions["summarize"].trigger()
    preview.digest.stop()
    g.shoot("digest-stopped", mode)


def chat_states(g: Gallery, mode: str) -> None:
    """The chat page."""
    g.window.open_page("chat")
    g.shoot("chat-empty", mode)
    g.question()
    g.shoot("chat-waiting", mode)
    g.question(given, lambda n: AnswerText(n, ANSWER[:120]))
    g.shoot("chat-streaming", mode)
    g.window.chat.stop()
    g.shoot("chat-stopped", mode)
    g.question(given, answered(ANSWER, True, True))
    g.shoot("chat-answer", mode)
    g.question(
        given, lambda n: AnswerDone(n, ANSWER, True, sources(), {}, 0, 0, cached_age_s=97_000.0)
    )
    g.shoot("chat-answer-again", mode)
    g.question(
        lambda n: AnswerSources(n, sources(), 3, ("I prefer short answers.",)),
        lambda n: AnswerDone(
            n, ANSWER, True, sources(), {}, 0, 0,
            offers=(MemoryOffer("I live in Bergen.", "fact"),),
        ),
    )  # fmt: skip
    g.shoot("chat-memory", mode)
    g.window.chat.turns[-1].answer.cited.emit(1)
    g.window.chat.ask_to_delete(3)
    g.shoot("chat-cited-and-delete", mode)
    g.window.chat.head.banner.hide()
    g.window._close_preview()
    g.question(given, answered("The lease probably ends soon.", True, False))
    g.shoot("chat-unsupported", mode)
    g.question(given, answered("Not found in your files.", False, False))
    g.shoot("chat-not-found", mode)
    g.question(
        lambda n: Failed(
            n,
            "The language model smollm2-135m-instruct is not installed (installed: none).",
            "Fetch it with `satchel models fetch smollm2-135m-instruct`.",
            "model",
        )
    )
    g.shoot("chat-no-model", mode)
    turn = {"question": "When does it end? <b>bold</b>", "answer": "# On 31 May 2028 [1] *really*",
            "found": True, "citations": [{"n": 1, "path": "/home/ana/lease.pdf", "locator":
            {"page": 1}, "quote": "to 31 May 2028"}]}  # fmt: skip
    g.client.script[ConversationGet] = lambda m: Report(
        number(m), {"title": "Who waters the tomatoes?", "turns": [turn, turn]}
    )
    g.window.chat.new()
    g.window.chat.open(2)
    g.shoot("chat-kept", mode)
    g.window.chat.head.ask_to_delete(2, "Who waters the tomatoes?", 2)
    g.shoot("chat-delete", mode)
    g.window.chat.new()
    g.question(given, answered(MARKDOWN, True, True))
    g.shoot("chat-markdown", mode)
    branch_states(g, mode)
    remote_states(g, mode)


def branch_states(g: Gallery, mode: str) -> None:
    """Versions, a question that is edited, one that was put to files, and whole files read."""
    chat = g.window.chat
    chat.new()
    lease = "/home/ana/Documents/workshop-lease.pdf"
    chat.scope.put(Scope(files=(lease, "/home/ana/Documents/letter-from-the-council.txt")))
    g.client.script.pop(Ask, None)
    chat.ask("When does it end?")
    asked = g.client.last(Ask)
    g.client.reply(given(asked.id))
    end = answered(ANSWER, True, True)(asked.id)
    g.client.reply(msgspec.structs.replace(end, turn=7, versions=(4, 7, 9)))
    g.shoot("chat-versions-and-scope", mode)
    chat.turns[-1].asked.edit()
    g.shoot("chat-editing", mode)
    chat.turns[-1].asked._leave()
    chat.ask("Does it name a dentist?")
    asked = g.client.last(Ask)
    g.client.reply(given(asked.id))
    g.client.reply(answered("Not found in your files.", False, False)(asked.id))
    g.shoot("chat-not-found-in-scope", mode)
    chat.new()
    chat.scope.put(Scope(files=(lease,)))
    chat.ask("List all dates")
    g.client.reply(DigestInstead(g.client.last(Ask).id, "dates", (lease,)))
    g.client.reply(DigestDone(g.client.last(Digest).id, "dates", dates_entries(), 1000))
    g.shoot("chat-whole-file", mode)
    g.client.script[ConversationsList] = lambda m: Report(number(m), {"conversations": []})
    chat.new()
    chat.panel.field.setText("zebra")
    chat.panel.reload()
    g.shoot("chat-no-conversation", mode)
    chat.panel.field.clear()


def remote_states(g: Gallery, mode: str) -> None:
    """A server of the person's: the switch, what would be sent, and where the answer was made."""
    g.window.chat.remote.know("http://192.168.1.20:8080")
    g.window.chat.remote.setChecked(True)
    g.shoot("remote-switched-on", mode)
    g.question(given, remote_preview)
    g.shoot("remote-consent", mode)
    made = Made("big", "192.168.1.20:8080")
    g.question(given, lambda n: AnswerDone(n, ANSWER, True, sources(), {}, 0, 0, made=made))
    g.shoot("remote-answer", mode)
    why = "192.168.1.20:8080 fell silent for 20 s. It was answered on this computer instead."
    made = Made("smollm2-135m-instruct", "", why)
    g.question(
        given,
        lambda n: AnswerNote(n, why, restart=True),
        lambda n: AnswerDone(n, ANSWER, True, sources(), {}, 0, 0, made=made),
    )
    g.shoot("remote-replaced", mode)
    g.window.chat.remote.know("")
    g.window.chat.new()


def folder_states(g: Gallery, mode: str) -> None:
    """The folders page."""
    g.window.open_page("folders")
    g.shoot("folders", mode)
    g.client.news.emit(State(0, "indexing"))
    g.client.news.emit(
        IndexProgress(0, "indexing", 412, 1240, 41_000_000, 120_000_000, 9000,
                      "/home/ana/Documents/tax/2021/annual-statement.pdf", 61.0, 240.0)
    )  # fmt: skip
    g.shoot("folders-indexing", mode)
    g.client.news.emit(State(0, "paused", "you paused it"))
    g.shoot("folders-paused", mode)
    g.client.news.emit(
        State(
            0, "paused", "paused because the computer runs on battery (31 %) and other programs "
            "need the memory; searches find by words only",
        )
    )  # fmt: skip
    g.shoot("folders-held", mode)
    g.client.news.emit(State(0, "attention", "The disk budget is used up; new content waits."))
    g.window.folders.show_problems("/home/ana/Documents")
    g.shoot("folders-problems", mode)
    g.window.folders.problems.hide()
    g.client.script[FoldersRemove] = lambda m: Report(number(m), folders()[:1])
    g.window.folders.remove("/home/ana/Notes", ["*.tmp"])
    g.shoot("folders-remove", mode)
    g.client.script[FoldersList] = lambda m: Report(number(m), [])
    g.window.folders.reload()
    g.client.news.emit(State(0, "idle"))
    g.shoot("folders-empty", mode)
    g.client.script[FoldersList] = lambda m: Failed(number(m), "The list cannot be read.", "Mend.")
    g.window.folders.reload()
    g.shoot("folders-error", mode)


def storage_states(g: Gallery, mode: str) -> None:
    """The budgets: as they are, dragged, refused, applied, and the choices beside them."""
    storage = g.window.storage
    g.window.open_page("storage")
    g.shoot("storage", mode)
    small = budget(80_000_000)
    g.client.script[BudgetRequest] = lambda m: Report(number(m), small)
    storage.disk.slider.setFocus()
    storage.disk.slider.chosen.emit(80_000_000)
    storage.disk.slider.show_bytes(80_000_000)
    storage.preview()
    storage.panel.why.open()
    g.shoot("storage-dragging", mode)
    g.window.resize(884, 560)
    g.shoot("storage-small-window", mode)
    g.window.resize(1240, 800)
    storage.panel.why.open(False)
    g.client.script[StatusRequest] = lambda m: Report(number(m), status(disk_bytes=80_000_000))
    storage.apply()
    g.shoot("storage-applied", mode)
    storage.advanced.fold.open()
    storage.advanced.editors["index.level"].changed.emit("embeddings")
    storage.advanced.editors["index.level"].show_value("embeddings")
    storage.preview()
    g.scroll_to(storage, storage.index_note)
    g.shoot("storage-advanced", mode)
    storage.advanced.fold.open(False)
    g.client.script[BudgetRequest] = lambda m: Failed(
        number(m),
        "A disk budget of 2 MB is too small.",
        "The smallest is 4 MB, which holds about 16 MB of text.",
    )
    storage.disk.field.setValue(2)
    storage.preview()
    g.shoot("storage-refused", mode)


def model_states(g: Gallery, mode: str) -> None:
    """The models: as they are, asked about, fetched, refused."""
    page = g.window.models
    g.window.open_page("models")
    g.shoot("models", mode)
    page.cards["olmoe-1b-7b-instruct"].fetch_button.click()
    g.shoot("models-question", mode)
    del g.client.script[ModelsRequest]
    page.fetch("qwen2.5-1.5b-instruct")
    asked = g.client.last(ModelsRequest)
    g.client.reply(
        ModelProgress(
            asked.id, "qwen2.5-1.5b-instruct", "fetching", 431_000_000, 1_117_320_736, 8.4e6, 82.0
        )
    )
    g.shoot("models-fetching", mode)
    g.window.resize(884, 560)
    g.shoot("models-small-window", mode)
    g.window.resize(1240, 800)
    page.use("multilingual-e5-small")
    g.client.fail(
        g.client.last(ModelsRequest),
        "With multilingual-e5-small, all 1558 indexed files have to be read again; until that is "
        "done all-minilm-l6-v2 goes on searching them.",
    )
    page.fetch("olmoe-1b-7b-instruct")
    g.client.fail(
        g.client.last(ModelsRequest),
        "Fetching needs 4214 MB of free space, there are 1900 MB.",
        "Free some disk space.",
    )
    g.shoot("models-refused", mode)
    g.scroll_to(page, page.cards["multilingual-e5-small"])
    g.shoot("models-confirm", mode)


def other_states(g: Gallery, mode: str) -> None:
    """Settings, and a service that is gone."""
    usual(g.client, mode)
    g.client.script[KeptRequest] = lambda m: Report(number(m), kept())
    g.window.open_page("settings")
    g.shoot("settings", mode)
    g.client.report(g.client.last(MemoriesRequest), {"memories": MEMORIES})
    g.window.settings.memories.ask_to_remove(2, MEMORIES[1]["text"])
    g.scroll_to(g.window.settings, g.window.settings.memories)
    g.shoot("settings-memories", mode)
    g.window.settings.open_section("advanced")
    g.window.settings.rows["files.max_mb"].refuse("files.max_mb cannot be 0. Give a number.")
    g.shoot("settings-refused", mode)
    g.window.settings.filter.setText("battery")
    g.shoot("settings-found", mode)
    g.window.settings.filter.setText("")
    for section in ("window", "about", "privacy"):
        g.window.settings.open_section(section)
        g.shoot(f"settings-{section}", mode)
    g.scroll_to(g.window.settings, g.window.settings.privacy.removing)
    g.shoot("settings-remove-data", mode)
    g.window.settings.open_section("window")
    g.window.settings.shortcut.tell(Portal("", "", "", "on", keys="Ctrl+Alt+Space"))
    g.scroll_to(g.window.settings, g.window.settings.shortcut)
    g.shoot("settings-key", mode)
    g.window.settings.shortcut.tell(Portal("", "", "", "denied"))
    g.shoot("settings-key-declined", mode)
    g.window.settings.open_section("privacy")
    g.window.settings.privacy.ask_to_delete("conversations")
    g.shoot("settings-delete", mode)
    g.scroll_to(g.window.settings, g.window.settings.remote)
    g.shoot("settings-remote", mode)
    g.window.show_keys()
    QTest.qWait(160)
    sheet = g.window.findChild(ShortcutSheet)
    assert isinstance(sheet, ShortcutSheet)
    g.keep(sheet, "keys", mode)
    sheet.close()
    g.client.lose(Link("lost", "Satchel's background service stopped unexpectedly.",
                       "It is being started again; nothing of your files is lost."))  # fmt: skip
    g.window.open_page("search")
    g.shoot("service-lost", mode)
    g.client.lose(Link("refused", "Satchel cannot use /root/x for its data: read-only.",
                       "Choose a folder that you can write to with --home."))  # fmt: skip
    g.shoot("service-refused", mode)


STATES = (
    search_states,
    digest_states,
    chat_states,
    folder_states,
    storage_states,
    model_states,
    other_states,
    first_run_states,
    closing_states,
)


# Other languages than English are drawn in the first mode alone, unless modes are named.
MODES = ("light", "dark", "contrast", "mirrored")
SCALES_PERCENT = (100, 200)


def draw(
    names: list[str], modes: Sequence[str], points: int | None, scale_percent: int, language: str
) -> None:
    """Draw with this process, which was started at the scale."""
    application = QApplication(sys.argv[:1])
    speak(application, language, QLocale("en_US"))
    if points is not None:
        application.setFont(QFont(application.font().family(), points))
    suffix = "" if language == ENGLISH else f"-{language}"
    suffix += "" if scale_percent == 100 else f"-{scale_percent}"
    gallery = Gallery(application, suffix)
    for mode in modes:
        mirrored = mode == "mirrored"
        application.setLayoutDirection(
            Qt.LayoutDirection.RightToLeft if mirrored else Qt.LayoutDirection.LeftToRight
        )
        gallery.theme.choose("light" if mirrored else mode)
        for states in STATES:
            if states.__name__ in names:
                gallery.fresh(mode)
                states(gallery, mode)
                gallery.window.deleteLater()


def main() -> int:
    """Draw everything, or only what is named; each scale in a process of its own."""
    every = [states.__name__ for states in STATES]
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(every))
    parser.add_argument("--mode", action="append", choices=MODES)
    parser.add_argument("--scale", type=int, action="append", help="in percent")
    parser.add_argument("--language", action="append", choices=tuple(LANGUAGES))
    parser.add_argument("--points", type=int, help="the size of letters")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = set(options.names) - set(every)
    if unknown:
        parser.error(f"no such states: {', '.join(sorted(unknown))}")
    if options.inside:
        (language,), (scale,) = options.language, options.scale
        modes = options.mode or (MODES if language == ENGLISH else MODES[:1])
        draw(options.names or every, modes, options.points, scale, language)
        return 0
    OUT.mkdir(parents=True, exist_ok=True)
    running = [
        subprocess.Popen(
            [
                *(sys.executable, __file__, "--inside", "--scale", str(scale), *options.names),
                *("--language", language),
                *(word for mode in options.mode or () for word in ("--mode", mode)),
                *(("--points", str(options.points)) if options.points else ()),
            ],
            env={**os.environ, "QT_SCALE_FACTOR": str(scale / 100)},
        )
        for scale in options.scale or SCALES_PERCENT
        for language in options.language or LANGUAGES
    ]
    ends = [process.wait() for process in running]
    print(f"{len(list(OUT.glob('*.png')))} pictures in {OUT}")
    return int(any(ends))


if __name__ == "__main__":
    raise SystemExit(main())
