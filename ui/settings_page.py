"""The settings page: made from what the service declares, one row a setting, in sections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QBoxLayout,
    QButtonGroup,
    QLayout,
    QLineEdit,
    QPushButton,
    QWidget,
)

from core.messages import Failed, KeptKind, Message, ModelsRequest, Report, SettingsGet, SettingsSet
from ui.about_card import AboutCard
from ui.client import Asker
from ui.editors import Editor, Value, make_editor
from ui.memories_card import MemoriesCard
from ui.parts import Banner, Look, button, card, clear, column, label, page_of, row, rule
from ui.privacy_card import PrivacyCards
from ui.remote import RemoteCard
from ui.setting_names import group_name, name_and_unit
from ui.shortcut_card import ShortcutCard
from ui.tables import Row, rows_of, text_of
from ui.text import spoken, tame, tr

ELSEWHERE = "budget"  # has a page of its own
NOT_SHOWN = ("window.welcomed",)  # a button stands for it
SECTION_OF = {"remote": "privacy", "window": "window"}  # of groups; others are advanced
ASSISTANT = (  # what people look for; the rest of the group is advanced
    "assistant.instructions",
    "assistant.model",
    "assistant.routing",
    "assistant.answer_tokens",
    "assistant.memories",
)
SECTIONS = ("assistant", "privacy", "window", "advanced", "about")
MODELS = {"assistant.model": "chat", "index.embedding_model": "embedding"}  # setting: kind
KEY_AT = 3  # under the address and the model of the server


class SettingsPage(QWidget):
    """Shows every declared setting and saves each as it is changed."""

    values_known = Signal(object)  # dict of key to value
    storage_wanted = Signal()
    first_steps_wanted = Signal()
    deleted = Signal(str)  # the kind of what is gone

    def __init__(self, look: Look, client: Asker, command: str) -> None:
        """`command` opens this window from anywhere."""
        super().__init__()
        self._look = look
        self._client = client
        self.rows: dict[str, SettingRow] = {}
        self._models: dict[str, list[str]] = {}
        self._cards: list[tuple[QWidget, list[SettingRow]]] = []  # of the advanced section
        self.remote = RemoteCard(look, client)
        self.banner = Banner(look)
        self.loading = label(tr("Reading the settings…"), "muted")
        self.memories = MemoriesCard(look, client)
        self.about = AboutCard(look, client)
        self.about.first_steps_asked.connect(self.first_steps_wanted)
        self.privacy = PrivacyCards(look, client, self._deleted, self.about.know, command)
        self.shortcut = ShortcutCard(command)
        self.filter = QLineEdit()
        self.filter.setPlaceholderText(tr("Find a setting…"))
        self.filter.setAccessibleName(tr("Find a setting"))
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(lambda _: self._narrow())
        self.nothing = label(tr("No setting is called that."), "muted")
        self.nothing.hide()
        self.storage_button = button(tr("Disk and memory budgets"), self.storage_wanted.emit)
        look.dress(self.storage_button, "storage", "text")
        self.choices, bar = self._section_bar()
        self.groups = {name: column(spacing=14) for name in SECTIONS}
        beside: dict[str, tuple[tuple[QWidget, ...], tuple[QWidget, ...]]] = {
            "assistant": ((), (self.memories,)),
            "privacy": ((self.privacy,), ()),
            "window": ((), (self.shortcut,)),
            "advanced": ((self.filter, self.nothing), ()),
            "about": ((self.about,), ()),
        }
        self.sections: dict[str, QWidget] = {}
        holder = column(spacing=0)
        for name, (before, after) in beside.items():
            inside = column(*before, self.groups[name], *after, spacing=14)
            self.sections[name] = QWidget()
            self.sections[name].setLayout(inside)
            holder.addWidget(self.sections[name])
        page = column(
            row(label(tr("Settings"), "title"), 1, self.storage_button),
            bar,
            self.banner,
            self.loading,
            holder,
            1,
            spacing=14,
        )
        self.setLayout(column(page_of(page)))
        self.open_section("assistant")

    def _section_bar(self) -> tuple[dict[str, QPushButton], QLayout]:
        names = {
            "assistant": tr("Assistant"),
            "privacy": tr("Privacy"),
            "window": tr("Appearance"),
            "advanced": tr("Advanced"),
            "about": tr("About"),
        }
        group = QButtonGroup(self)
        made: dict[str, QPushButton] = {}
        for name, words in names.items():
            one = button(words, partial(self.open_section, name), "segment")
            one.setCheckable(True)
            group.addButton(one)
            made[name] = one
        return made, row(*made.values(), 1, spacing=2)

    def open_section(self, name: str) -> None:
        """Show one section."""
        self.choices[name].setChecked(True)
        for other, section in self.sections.items():
            section.setVisible(other == name)

    def section_of(self, key: str) -> str:
        """The section in which a setting stands."""
        for name, section in self.sections.items():
            if key in self.rows and section.isAncestorOf(self.rows[key]):
                return name
        return ""

    def reload(self) -> None:
        """Ask for the settings again."""
        self._client.ask(SettingsGet, self._reply, self.banner.working)
        self._client.ask(ModelsRequest, self._models_reply)
        self.memories.reload()
        self.privacy.reload()

    def _deleted(self, kind: KeptKind) -> None:
        self.memories.reload()
        self.deleted.emit(kind)

    def _narrow(self) -> None:
        """Show the advanced settings whose name, key or help hold every word."""
        words = self.filter.text().casefold().split()
        some = False
        for card_of, rows in self._cards:
            shown_here = [one.narrow(words) for one in rows]
            card_of.setVisible(any(shown_here))
            some = some or any(shown_here)
        self.nothing.setVisible(not some and bool(self._cards))

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
        table = [
            setting
            for setting in rows_of({"settings": settings}, "settings")
            if not text_of(setting, "key").startswith(f"{ELSEWHERE}.")
        ]
        rows = [setting for setting in table if text_of(setting, "key") not in NOT_SHOWN]
        if list(self.rows) != [text_of(setting, "key") for setting in rows]:
            self._build(rows)
        for setting in rows:
            self.rows[text_of(setting, "key")].show_value(setting.get("value"))
        self.remote.reload()
        values = {text_of(item, "key"): item.get("value") for item in table}
        self.privacy.know(
            str(values.get("remote.address") or ""), str(values.get("models.mirror") or "")
        )
        self.values_known.emit(values)

    def _build(self, table: Sequence[Row]) -> None:
        for groups in self.groups.values():
            clear(groups)
        self.rows = {}
        self._cards = []
        found: dict[tuple[str, str], list[SettingRow]] = {}
        for setting in table:
            key = text_of(setting, "key")
            offered = self._models.get(key, []) if key in MODELS else None
            made = SettingRow(setting, self._save, offered)
            self.rows[key] = made
            group = key.partition(".")[0]
            section = "assistant" if key in ASSISTANT else SECTION_OF.get(group, "advanced")
            found.setdefault((section, group), []).append(made)
        for (section, group), rows in found.items():
            made_card = self._card(group, rows)
            self.groups[section].addWidget(made_card)
            if section == "advanced":
                self._cards.append((made_card, rows))
        self._narrow()

    def _card(self, group: str, rows: Sequence[SettingRow]) -> QWidget:
        inside = column(label(group_name(group), "heading"), spacing=12)
        for number, made in enumerate(rows):
            if number:
                made.set_apart()
            inside.addWidget(made)
        if group == "remote":
            self.remote = RemoteCard(self._look, self._client)
            inside.insertWidget(KEY_AT, self.remote)
            inside.insertWidget(KEY_AT, rule())
        inside.setContentsMargins(18, 16, 18, 16)
        return card(inside)

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
        save: Callable[[str, Value], None],
        offered: list[str] | None,
    ) -> None:
        super().__init__()
        self._key = text_of(setting, "key")
        self._default = setting.get("default")
        self._save = save
        name, unit = name_and_unit(self._key)
        title = label(name, "strong")
        text = label(tame(spoken(text_of(setting, "help"))), "small", wrap=True)
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
        self._words = f"{name} {self._key} {text.text()}".casefold()

    def set_apart(self) -> None:
        """Draw a line above, for there is another one there."""
        layout = self.layout()
        if isinstance(layout, QBoxLayout):
            layout.insertWidget(0, rule())
            layout.setSpacing(10)

    def narrow(self, words: Sequence[str]) -> bool:
        """Show it if it holds every word; whether it does."""
        holds = all(word in self._words for word in words)
        self.setVisible(holds)
        return holds

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
