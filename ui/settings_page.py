"""The settings page: made from what the service declares, one row a setting."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from core.messages import Failed, Message, ModelsRequest, Report, SettingsGet, SettingsSet
from ui.client import Asker
from ui.editors import Editor, Value, make_editor
from ui.memories_card import MemoriesCard
from ui.parts import Banner, Look, button, card, clear, column, label, page_of, row, rule
from ui.remote import RemoteCard
from ui.tables import Row, rows_of, text_of
from ui.text import shown, tame, tr

ELSEWHERE = "budget"  # has a page of its own
MODELS = {"assistant.model": "chat", "index.embedding_model": "embedding"}  # setting: kind
KEY_AT = 4  # under the address and the model of the server
UNITS = ("mb", "s", "minutes", "tokens")


class SettingsPage(QWidget):
    """Shows every declared setting and saves each as it is changed."""

    values_known = Signal(object)  # dict of key to value
    storage_wanted = Signal()

    def __init__(self, look: Look, client: Asker) -> None:
        super().__init__()
        self._look = look
        self._client = client
        self.rows: dict[str, SettingRow] = {}
        self._models: dict[str, list[str]] = {}
        self.remote = RemoteCard(look, client)
        self.banner = Banner(look)
        self.loading = label(tr("Reading the settings…"), "muted")
        self.groups = column(spacing=14)
        self.memories = MemoriesCard(look, client)
        self.storage_button = button(tr("Disk and memory budgets"), self.storage_wanted.emit)
        look.dress(self.storage_button, "storage", "text")
        page = column(
            row(label(tr("Settings"), "title"), 1, self.storage_button),
            self.banner,
            self.loading,
            self.groups,
            self.memories,
            1,
            spacing=14,
        )
        self.setLayout(column(page_of(page)))

    def reload(self) -> None:
        """Ask for the settings again."""
        self._client.ask(SettingsGet, self._reply, self.banner.working)
        self._client.ask(ModelsRequest, self._models_reply)
        self.memories.reload()

    def _reply(self, message: Message) -> None:
        self.loading.hide()
        if isinstance(message, Failed):
            self.banner.fail(message, self.reload)
        elif isinstance(message, Report):
            self.banner.hide()
            self._show(rows_of({"settings": message.body}, "settings"))

    def _models_reply(self, message: Message) -> None:
        if isinstance(message, Report):
            found = rows_of({"models": message.body}, "models")
            for key, kind in MODELS.items():
                self._models[key] = [
                    text_of(m, "name")
                    for m in found
                    if m.get("installed") and m.get("kind") == kind
                ]
                if key in self.rows:
                    self.rows[key].offer(self._models[key])

    def _show(self, settings: object) -> None:
        table = rows_of({"settings": settings}, "settings")
        keys = [text_of(setting, "key") for setting in table]
        if list(self.rows) != [key for key in keys if not key.startswith(f"{ELSEWHERE}.")]:
            self._build(table)
        for setting in table:
            made = self.rows.get(text_of(setting, "key"))
            if made is not None:
                made.show_value(setting.get("value"))
        self.remote.reload()
        self.values_known.emit({text_of(item, "key"): item.get("value") for item in table})

    def _build(self, table: object) -> None:
        clear(self.groups)
        self.rows = {}
        groups: dict[str, list[SettingRow]] = {}
        for setting in rows_of({"table": table}, "table"):
            key = text_of(setting, "key")
            group = key.partition(".")[0]
            if group != ELSEWHERE:
                offered = self._models.get(key, []) if key in MODELS else None
                made = SettingRow(setting, self._look, self._save, offered)
                self.rows[key] = made
                groups.setdefault(group, []).append(made)
        for group, rows in groups.items():
            inside = column(label(group_name(group), "heading"), spacing=12)
            for number, made in enumerate(rows):
                if number:
                    inside.addWidget(rule())
                inside.addWidget(made)
            if group == "remote":
                self.remote = RemoteCard(self._look, self._client)
                inside.insertWidget(KEY_AT, self.remote)
                inside.insertWidget(KEY_AT, rule())
            inside.setContentsMargins(18, 16, 18, 16)
            self.groups.addWidget(card(inside))

    def _save(self, key: str, value: Value) -> None:
        self._client.ask(
            lambda number: SettingsSet(number, key, value),
            lambda message: self._saved(key, message),
        )

    def _saved(self, key: str, message: Message) -> None:
        made = self.rows.get(key)
        if isinstance(message, Failed):
            if made is not None:
                made.refuse(f"{tame(message.title)} {tame(message.advice)}".strip())
        else:
            if made is not None:
                made.accept()
            self._reply(message)


class SettingRow(QWidget):
    """One setting: its name and help, its editor, and a way back to its default."""

    def __init__(
        self,
        setting: Row,
        look: Look,
        save: Callable[[str, Value], None],
        offered: list[str] | None,
    ) -> None:
        super().__init__()
        self._key = text_of(setting, "key")
        self._default = setting.get("default")
        self._save = save
        name, unit = name_and_unit(self._key)
        title = label(name, "strong")
        text = label(tame(text_of(setting, "help")), "small", wrap=True)
        self.editor: Editor = make_editor(setting, unit, offered)
        self.editor.setAccessibleName(name)
        self.editor.setAccessibleDescription(text.text())
        self.editor.changed.connect(self._changed)
        self.reset = button(tr("Default"), self._reset, "quiet")
        self.reset.setAccessibleName(f"{tr('Back to the default')}: {name}")
        policy = self.reset.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.reset.setSizePolicy(policy)
        self.problem = label(role="danger", wrap=True)
        self.problem.hide()
        words = column(title, text, 1, spacing=2)
        line = row(words, self.reset, self.editor, spacing=12)
        line.setStretch(0, 1)
        self.setLayout(column(line, self.problem, spacing=4))
        self._look = look

    def show_value(self, value: object) -> None:
        """Show the value in force."""
        self.editor.show_value(value)
        self.reset.setVisible(value != self._default)

    def offer(self, models: list[str]) -> None:
        """Offer these models to choose from."""
        self.editor.offer(models)

    def refuse(self, why: str) -> None:
        """Say why a value was not taken."""
        self.problem.setText(why)
        self.problem.show()

    def accept(self) -> None:
        """The value was taken."""
        self.problem.hide()

    def _changed(self, value: object) -> None:
        if isinstance(value, (bool, int, float, str, tuple)):
            self._save(self._key, value)

    def _reset(self) -> None:
        value = self._default
        self._changed(tuple(str(v) for v in value) if isinstance(value, list) else value)


def group_name(group: str) -> str:
    """The heading over the settings of one group."""
    return {
        "files": tr("Files"),
        "extract": tr("Reading files"),
        "index": tr("Index"),
        "search": tr("Search"),
        "assistant": tr("Assistant"),
        "models": tr("Models"),
        "remote": tr("A server of yours"),
        "window": tr("Window"),
    }.get(group, shown(group).replace("_", " ").capitalize())


def name_and_unit(key: str) -> tuple[str, str]:
    """A setting's name in words and its unit, both from its key."""
    words = key.partition(".")[2].split("_")
    unit = ""
    if len(words) > 1 and words[-1] in UNITS:
        unit = {"mb": "MB"}.get(words[-1], words[-1])
        words = words[:-1]
    known = {
        "files.max_mb": tr("Largest file"),
        "search.max_recomputes": tr("Effort of a search"),
        "extract.timeout_s": tr("Time for one file"),
        "extract.memory_mb": tr("Memory for one file"),
        "index.level": tr("Level of the index"),
        "index.words": tr("Word index"),
        "index.text_cache_mb": tr("Text cache"),
        "index.embedding_model": tr("Search model"),
        "index.pause_on_battery": tr("Wait on battery"),
        "index.pause_under_load": tr("Wait under load"),
        "index.pause_in_full_screen": tr("Wait in full screen"),
        "index.pause_when_metered": tr("Wait on a metered connection"),
        "assistant.routing": tr("With several models"),
        "assistant.cell_type": tr("Cells of the context"),
        "assistant.saved_kv_mb": tr("Kept for conversations"),
        "assistant.idle_minutes": tr("Model stays in memory for"),
        "assistant.context_tokens": tr("Context"),
        "assistant.answer_tokens": tr("Longest answer"),
        "assistant.passage_tokens": tr("Passages for a question"),
        "assistant.memories": tr("Remember what you say of yourself"),
        "assistant.kept_answers_mb": tr("Answers given again"),
        "remote.address": tr("Address"),
        "remote.model": tr("Its model"),
        "remote.connect_s": tr("Wait to reach it"),
        "remote.first_word_s": tr("Wait for the first word"),
        "remote.silence_s": tr("Longest silence"),
        "files.exclude": tr("Left out everywhere"),
        "window.on_close": tr("Closing the window"),
        "window.theme": tr("Colours"),
    }
    return known.get(key, " ".join(words).capitalize()), unit
