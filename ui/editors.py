"""Editors for settings, one for each type of value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLineEdit,
    QPlainTextEdit,
    QSpinBox,
    QWidget,
)

from ui.parts import calm_wheel, column, pad
from ui.tables import Row, text_of, texts_of
from ui.text import shown, tr

Value = bool | int | float | str | tuple[str, ...]
WIDTH = 240
WIDEST = 1.5
ROOM_PX = 24
PROSE = ("assistant.instructions",)  # texts of some sentences
PROSE_PX = 340
MOST = 2_000_000_000


class Editor(QWidget):
    """Shows a value and tells when the person has changed it."""

    changed = Signal(object)

    def __init__(self, field: QWidget) -> None:
        super().__init__()
        self.field = field
        self.setFocusProxy(field)
        field.setFixedWidth(WIDTH)
        self.setLayout(column(field))

    def setAccessibleName(self, name: str) -> None:  # noqa: N802 - Qt's name
        """Name the field itself, which takes the focus."""
        self.field.setAccessibleName(name)

    def setAccessibleDescription(self, text: str) -> None:  # noqa: N802 - Qt's name
        """Describe the field itself."""
        self.field.setAccessibleDescription(text)

    def show_value(self, value: object) -> None:
        """Show a value without telling of it."""
        raise NotImplementedError

    def offer(self, names: Sequence[str]) -> None:
        """Offer these to choose from, where the editor can."""


class _Switch(Editor):
    def __init__(self) -> None:
        self._box = QCheckBox(tr("On"))
        super().__init__(self._box)
        self._box.toggled.connect(self.changed.emit)

    def show_value(self, value: object) -> None:
        with QSignalBlocker(self._box):
            self._box.setChecked(value is True)


class _Choice(Editor):
    def __init__(self, choices: Sequence[str], names: Mapping[str, str]) -> None:
        self._box = QComboBox()
        super().__init__(self._box)
        self._box.setMaximumWidth(round(WIDEST * WIDTH))  # a choice in larger text is not cut
        self._box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        calm_wheel(self._box)
        self._value = ""
        self._names = names
        self.offer(choices)
        self._box.activated.connect(lambda _: self.changed.emit(self._box.currentData()))

    def offer(self, names: Sequence[str]) -> None:
        with QSignalBlocker(self._box):
            self._box.clear()
            known = list(names)
            for name in [*known, *([self._value] if self._value not in known else [])]:
                if name:
                    self._box.addItem(self._name(name), name)
        view = self._box.view()
        view.setMinimumWidth(view.sizeHintForColumn(0) + ROOM_PX)  # names are not cut in the list
        self.show_value(self._value)

    def show_value(self, value: object) -> None:
        self._value = str(value)
        with QSignalBlocker(self._box):
            at = self._box.findData(self._value)
            if at < 0 and self._value:
                self._box.addItem(self._name(self._value), self._value)
                at = self._box.count() - 1
            self._box.setCurrentIndex(at)

    def _name(self, choice: str) -> str:
        return self._names.get(choice, shown(choice))


class _Number(Editor):
    def __init__(self, setting: Row, unit: str, whole: bool) -> None:
        self._box: QSpinBox | QDoubleSpinBox = QSpinBox() if whole else QDoubleSpinBox()
        super().__init__(self._box)
        low, high = setting.get("low"), setting.get("high")
        lowest = low if isinstance(low, (int, float)) else -MOST
        highest = high if isinstance(high, (int, float)) else MOST
        if isinstance(self._box, QSpinBox):
            self._box.setRange(int(lowest), int(highest))
        else:
            self._box.setDecimals(2)
            self._box.setRange(lowest, highest)
        self._box.setGroupSeparatorShown(True)
        pad(self._box)
        self._box.setKeyboardTracking(False)
        if unit:
            self._box.setSuffix(f" {unit}")
        calm_wheel(self._box)
        self._box.valueChanged.connect(self.changed.emit)

    def show_value(self, value: object) -> None:
        if isinstance(value, (int, float)):
            with QSignalBlocker(self._box):
                if isinstance(self._box, QSpinBox):
                    self._box.setValue(int(value))
                else:
                    self._box.setDecimals(0 if float(value).is_integer() and value >= 10 else 2)
                    self._box.setValue(value)


class _Text(Editor):
    def __init__(self) -> None:
        self._box = QLineEdit()
        super().__init__(self._box)
        self._shown = ""
        self._box.editingFinished.connect(self._finished)

    def _finished(self) -> None:
        if self._box.text() != self._shown:
            self._shown = self._box.text()
            self.changed.emit(self._shown)

    def show_value(self, value: object) -> None:
        self._shown = str(value)
        if not self._box.hasFocus():
            self._box.setText(self._shown)


class _Texts(Editor):
    """A list, one entry a line; saved when the field is left."""

    def __init__(self) -> None:
        self._box = QPlainTextEdit()
        super().__init__(self._box)
        self._box.setFixedHeight(86)
        self._box.setTabChangesFocus(True)
        self._box.setPlaceholderText(tr("one a line"))
        self._box.installEventFilter(self)
        self._shown: tuple[str, ...] = ()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Save when the field is left."""
        if event.type() == QEvent.Type.FocusOut:
            lines = self._box.toPlainText().splitlines()
            value = tuple(line.strip() for line in lines if line.strip())
            if value != self._shown:
                self._shown = value
                self.changed.emit(value)
        return super().eventFilter(watched, event)

    def show_value(self, value: object) -> None:
        self._shown = tuple(texts_of({"value": value}, "value"))
        if not self._box.hasFocus():
            self._box.setPlainText("\n".join(self._shown))


class _Prose(Editor):
    """A text of some sentences; saved when the field is left."""

    def __init__(self) -> None:
        self._box = QPlainTextEdit()
        super().__init__(self._box)
        self._box.setFixedSize(PROSE_PX, 96)
        self._box.setTabChangesFocus(True)
        self._box.setPlaceholderText(tr("For example: Answer in short sentences."))
        self._box.installEventFilter(self)
        self._shown = ""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Save when the field is left."""
        if event.type() == QEvent.Type.FocusOut and self._box.toPlainText() != self._shown:
            self._shown = self._box.toPlainText()
            self.changed.emit(self._shown)
        return super().eventFilter(watched, event)

    def show_value(self, value: object) -> None:
        self._shown = str(value)
        if not self._box.hasFocus():
            self._box.setPlainText(self._shown)


def make_editor(
    setting: Row,
    unit: str,
    offered: Sequence[str] | None,
    names: Mapping[str, str] | None = None,
) -> Editor:
    """The editor for a setting, by the type of its default; `names` are choices in words."""
    default, choices = setting.get("default"), texts_of(setting, "choices")
    if choices or offered is not None:
        return _Choice(choices or offered or (), names or choice_names(text_of(setting, "key")))
    if isinstance(default, bool):
        return _Switch()
    if isinstance(default, (int, float)):
        return _Number(setting, unit, isinstance(default, int))
    if isinstance(default, list):
        return _Texts()
    if text_of(setting, "key") in PROSE:
        return _Prose()
    return _Text()


def choice_names(key: str) -> dict[str, str]:
    """The choices of a setting in words."""
    return {
        "window.on_close": {
            "auto": tr("To the tray, else asks"),
            "quit": tr("Quits Satchel"),
            "stay": tr("Keeps it running"),
        },
        "window.theme": {
            "system": tr("As the system"),
            "light": tr("Light"),
            "dark": tr("Dark"),
            "contrast": tr("High contrast"),
        },
        "assistant.routing": {"auto": tr("Automatic"), "off": tr("Off")},
        "window.language": {
            "system": tr("As the system"),
            "en": "English",  # each in its own words, so that everyone finds theirs
            "de": "Deutsch",
        },
        "index.pause_on_battery": {
            "never": tr("Never"),
            "below half": tr("Below half"),
            "always": tr("Always"),
        },
        "index.words": {
            "always": tr("Always"),
            "while there is room": tr("While there is room"),
            "never": tr("Never"),
        },
        "assistant.cell_type": {
            "auto": tr("Automatic"),
            "f16": tr("16 bits (f16)"),
            "q8_0": tr("8 bits (q8_0)"),
            "q8_q4": tr("8 and 4 bits (q8_q4)"),
            "q4_0": tr("4 bits (q4_0)"),
        },
    }.get(key, {})
