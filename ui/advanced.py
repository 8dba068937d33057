"""Choices beside the budgets, folded away: they are previewed and applied together with these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLayout, QWidget

from ui.budget_parts import level_in_words, level_names
from ui.editors import Editor, make_editor
from ui.fold import Fold
from ui.parts import Look, card, clear, column, label, row, rule
from ui.tables import Row, text_of
from ui.text import tr

LEVEL, MODEL = "index.level", "assistant.model"
KEYS = (
    LEVEL,
    "index.words",
    "index.text_cache_mb",
    MODEL,
    "assistant.context_tokens",
    "assistant.cell_type",
)
FIELD_PX = 300


class Advanced(QWidget):
    """One row a choice; those that the service does not declare are not there."""

    edited = Signal()

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._in_force: dict[str, object] = {}
        self._wanted: dict[str, object] = {}
        self._settings: list[Row] = []
        self._levels: Sequence[Row] = ()
        self._models: list[str] = []
        self.editors: dict[str, Editor] = {}
        self._rows = column(spacing=12)
        self._level_words = label(role="small", wrap=True)
        inside = column(self._rows)
        inside.setContentsMargins(18, 16, 18, 16)
        self.fold = Fold(look, tr("Advanced"), card(inside))
        self.setLayout(column(self.fold))

    # --- what the person wants ----------------------------------------------------------

    @property
    def wanted(self) -> dict[str, object]:
        """The choices that differ from those in force."""
        return {
            key: value for key, value in self._wanted.items() if value != self._in_force.get(key)
        }

    def in_force(self, keys: Mapping[str, object]) -> dict[str, object]:
        """The values in force of these choices."""
        return {key: self._in_force[key] for key in keys}

    def come_into_force(self, choices: Mapping[str, object]) -> None:
        """These choices hold from now on."""
        self._in_force.update(choices)

    def put_back(self) -> None:
        """Show the choices in force again."""
        self._wanted = {}
        for key, editor in self.editors.items():
            editor.show_value(self._in_force.get(key))
        self._describe_level()

    def _changed(self, key: str, value: object) -> None:
        self._wanted[key] = value
        self._describe_level()
        self.edited.emit()

    # --- what is ------------------------------------------------------------------------

    def show_settings(self, settings: Sequence[Row], levels: Sequence[Row]) -> None:
        """The settings as declared and as they are, and what each level costs and buys."""
        found = {text_of(setting, "key"): setting for setting in settings}
        shown = [found[key] for key in KEYS if key in found]
        self._in_force = {text_of(s, "key"): s.get("value") for s in shown}
        self._levels = levels
        if [text_of(s, "key") for s in shown] != list(self.editors):
            self._build(shown)
        kept = self.wanted
        self._wanted = kept
        for key, editor in self.editors.items():
            if key not in kept:
                editor.show_value(self._in_force.get(key))
        self._describe_level()
        self.setVisible(bool(shown))

    def offer_models(self, models: Sequence[Row]) -> None:
        """Offer the language models that are here."""
        self._models = [
            text_of(model, "name")
            for model in models
            if model.get("installed") and model.get("kind") == "chat"
        ]
        if MODEL in self.editors:
            self.editors[MODEL].offer(self._models)

    def _build(self, settings: Sequence[Row]) -> None:
        clear(self._rows)
        self._level_words = label(role="small", wrap=True)
        self.editors = {}
        for setting in settings:
            key = text_of(setting, "key")
            if self.editors:
                self._rows.addWidget(rule())
            self._rows.addLayout(self._row(key, setting))

    def _row(self, key: str, setting: Row) -> QLayout:
        name, words = name_and_words(key)
        editor = make_editor(
            setting,
            {"index.text_cache_mb": "MB", "assistant.context_tokens": tr("tokens")}.get(key, ""),
            self._models if key == MODEL else None,
            level_names(self._levels) if key == LEVEL else None,
        )
        editor.field.setFixedWidth(FIELD_PX)
        editor.setAccessibleName(name)
        editor.setAccessibleDescription(words)
        editor.changed.connect(partial(self._changed, key))
        self.editors[key] = editor
        below = self._level_words if key == LEVEL else label(words, "small", wrap=True)
        line = row(column(label(name, "strong"), below, 1, spacing=2), editor, spacing=16)
        line.setStretch(0, 1)
        return line

    def _describe_level(self) -> None:
        name = self._wanted.get(LEVEL, self._in_force.get(LEVEL))
        self._level_words.setText(
            next((level_in_words(one) for one in self._levels if one.get("name") == name), "")
        )


def name_and_words(key: str) -> tuple[str, str]:
    """What a choice is called and what it buys."""
    return {
        LEVEL: (tr("Level of the index"), ""),
        "index.words": (
            tr("Word index"),
            tr(
                "It takes about a tenth of the text's size; without it passages are found by "
                "their meaning only."
            ),
        ),
        "index.text_cache_mb": (
            tr("Texts of slow files"),
            tr("Kept texts of PDFs and the like need not be read again in a search; 0 keeps none."),
        ),
        MODEL: (
            tr("Language model"),
            tr("A larger one answers better, takes more memory and is slower."),
        ),
        "assistant.context_tokens": (
            tr("Context"),
            tr("How much text the language model looks at; more takes more memory."),
        ),
        "assistant.cell_type": (
            tr("Cells of the context"),
            tr("8 bits take about half the memory of 16 and change answers very little."),
        ),
    }[key]
