"""One model: what it is, whether it fits, and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QProgressBar, QSizePolicy, QWidget

from core.messages import Failed, ModelProgress
from ui.model_words import (
    FITS_NOT,
    facts_of,
    fetch_question,
    fits_text,
    left_bytes,
    remove_question,
    title_of,
)
from ui.parts import Banner, Elided, Look, button, clear, column, label, restyle, row
from ui.tables import Row, rows_of, text_of, whole_of
from ui.text import shown, size_text, spoken, tame, time_left, tr

EMBEDDING = "embedding"


class ModelCard(QWidget):
    """Shows a model and asks in place before anything is downloaded or removed."""

    fetch_asked = Signal(str)
    cancel_asked = Signal(str)
    use_asked = Signal(str, bool)  # and whether the cost was confirmed
    remove_asked = Signal(str)
    adapter_asked = Signal(str)
    adapter_remove_asked = Signal(str, str)  # and the adapter

    def __init__(self, look: Look, name: str) -> None:
        super().__init__()
        self.name = name
        self.model: Row = {}
        self.title = Elided("", "strong")
        self.title.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        self.used = label(tr("in use"), "badge")
        restyle(self.used, "tone", "accent")
        self.fits = label(role="badge")
        self.good_for = label(role="muted", wrap=True)
        self.facts = label(role="small", wrap=True)
        self.memory_note = label(role="small", wrap=True)
        self.fetch_button = button("", self._ask_to_fetch)
        self.use_button = button(tr("Use"), lambda: self.use_asked.emit(self.name, False))
        self.remove_button = button(tr("Remove"), self._ask_to_remove, "quiet")
        self.adapter_button = button(
            tr("Add adapter…"), lambda: self.adapter_asked.emit(self.name), "plain"
        )
        self.cancel_button = button(tr("Cancel"), lambda: self.cancel_asked.emit(self.name))
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.progress_note = label(role="small")
        self.banner = Banner(look)
        head = row(self.title, spacing=8)
        for badge in (self.used, self.fits):
            head.addWidget(badge, 0, Qt.AlignmentFlag.AlignVCenter)
        head.addStretch(1)
        self._adapters: list[Row] = []
        self.adapters = column(spacing=0)
        words = column(head, self.good_for, self.facts, self.memory_note, self.adapters, spacing=3)
        words.addWidget(self.adapter_button, 0, Qt.AlignmentFlag.AlignLeft)
        buttons = row(self.remove_button, self.use_button, self.fetch_button, self.cancel_button)
        line = row(words, buttons, spacing=16)
        line.setStretch(0, 1)
        line.setAlignment(buttons, Qt.AlignmentFlag.AlignTop)
        self.setLayout(column(line, self.bar, self.progress_note, self.banner, spacing=6))
        self.show_progress(None)

    def show_model(self, model: Row) -> None:
        """Show what the table says of it."""
        self.model = model
        title = title_of(model)
        self.title.setText(title)
        self.used.setVisible(model.get("chosen") is True and model.get("installed") is True)
        fits = text_of(model, "fits")
        self.fits.setText(fits_text(fits))
        self.fits.setVisible(bool(self.fits.text()))
        restyle(self.fits, "tone", "warning" if fits == FITS_NOT else "")
        self.good_for.setText(tame(spoken(text_of(model, "good_for"))))
        self.good_for.setVisible(bool(self.good_for.text()))
        self.facts.setText(" · ".join(facts_of(model)))
        self.memory_note.setText(tame(spoken(text_of(model, "memory_note"))))
        self.memory_note.setVisible(bool(self.memory_note.text()))
        fetch = tr("Go on, %1 left") if whole_of(model, "fetched_bytes") else tr("Fetch %1")
        self.fetch_button.setText(fetch.replace("%1", size_text(left_bytes(model))))
        self._show_adapters(rows_of(model, "adapters"))
        for made, name in (
            (self.fetch_button, self.fetch_button.text()),
            (self.use_button, tr("Use")),
            (self.remove_button, tr("Remove")),
            (self.adapter_button, self.adapter_button.text()),
            (self.cancel_button, tr("Cancel fetching")),
        ):
            made.setAccessibleName(f"{name}: {title}")
        self.bar.setAccessibleName(tr("Fetching %1").replace("%1", title))
        self._show_buttons(fetching=not self.bar.isHidden())

    def show_progress(self, progress: ModelProgress | None, fetching: bool = False) -> None:
        """Show how far fetching is; without anything known yet it waits its turn."""
        fetching = fetching or progress is not None
        self.bar.setVisible(fetching)
        self.progress_note.setVisible(fetching)
        total = progress.bytes_total if progress is not None else 0
        done = progress.bytes_done if progress is not None else 0
        self.bar.setValue(round(1000 * done / total) if total else 0)
        self.progress_note.setText(progress_text(progress))
        self._show_buttons(fetching)

    def busy(self, busy: bool) -> None:
        """An answer is awaited: nothing else can be asked meanwhile."""
        for made in (
            self.fetch_button, self.use_button, self.remove_button, self.adapter_button
        ):  # fmt: skip
            made.setEnabled(not busy)

    def _show_buttons(self, fetching: bool) -> None:
        model = self.model
        installed, chosen = model.get("installed") is True, model.get("chosen") is True
        searches = text_of(model, "kind") == EMBEDDING
        can_fetch = not installed and whole_of(model, "download_bytes") > 0
        self.fetch_button.setVisible(can_fetch and not fetching)
        self.use_button.setVisible(installed and not chosen)
        begun = not installed and not fetching and whole_of(model, "fetched_bytes") > 0
        self.remove_button.setVisible(begun or (installed and not (chosen and searches)))
        self.cancel_button.setVisible(fetching)
        self.adapter_button.setVisible(installed and not searches)

    def _show_adapters(self, adapters: Sequence[Row]) -> None:
        """One line an adapter, with a way to remove it."""
        if list(adapters) == self._adapters:
            return
        self._adapters = list(adapters)
        clear(self.adapters)
        for adapter in adapters:
            name = text_of(adapter, "name")
            said = tr("with the adapter %1, %2").replace("%1", shown(name))
            size = size_text(whole_of(adapter, "size_bytes"))
            remove = button(tr("Remove"), partial(self._ask_to_remove_adapter, name), "plain")
            remove.setAccessibleName(tr("Remove the adapter %1").replace("%1", shown(name)))
            words = Elided(said.replace("%2", size), "small")
            words.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
            self.adapters.addLayout(row(words, remove, 1, spacing=12))

    # --- questions ----------------------------------------------------------------------

    def _ask_to_fetch(self) -> None:
        title, text = fetch_question(self.model)
        self.banner.tell(
            title,
            text,
            "question",
            tr("Fetch"),
            lambda: self.fetch_asked.emit(self.name),
            tr("Not now"),
        )

    def _ask_to_remove(self) -> None:
        title, text = remove_question(self.model)
        self.banner.tell(
            title,
            text,
            "question",
            tr("Remove"),
            lambda: self.remove_asked.emit(self.name),
            tr("Keep"),
        )

    def _ask_to_remove_adapter(self, adapter: str) -> None:
        self.banner.tell(
            tr("Remove the adapter %1?").replace("%1", shown(adapter)),
            tr("The model stays, and answers without it."),
            "question",
            tr("Remove"),
            lambda: self.adapter_remove_asked.emit(self.name, adapter),
            tr("Keep"),
        )

    def ask_to_confirm(self, failed: Failed) -> None:
        """Say what using it costs, and ask whether to do so."""
        self.banner.tell(
            failed.title,
            "",
            "question",
            tr("Use it"),
            lambda: self.use_asked.emit(self.name, True),
            tr("Not now"),
        )


def progress_text(progress: ModelProgress | None) -> str:
    """How much of a model is here, how fast it comes, and how long it takes."""
    if progress is None:
        return tr("Waiting for its turn…")
    if progress.phase == "checking":
        return tr("It is all here and is being checked…")
    amount = tr("%1 of %2").replace("%1", size_text(progress.bytes_done))
    said = [amount.replace("%2", size_text(progress.bytes_total))]
    if progress.bytes_per_s > 0:
        said.append(tr("%1 a second").replace("%1", size_text(progress.bytes_per_s)))
    if progress.eta_s is not None:
        said.append(time_left(progress.eta_s))
    return " · ".join(said)
