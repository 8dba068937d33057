"""The storage page: what each part uses now, and the two budgets with a look ahead."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QDoubleSpinBox, QWidget

from core.messages import BudgetRequest, Failed, Message, Report, StatusRequest
from ui.client import Asker
from ui.parts import Banner, Look, button, card, clear, column, label, pad, page_of, row
from ui.tables import number_of, row_of, texts_of, whole_of
from ui.text import count_text, size_text, tame, tr
from ui.usage import Legend, Part, UsageBar

MB = 1_000_000
REFRESH_MS = 5000
PREVIEW_MS = 350


class StoragePage(QWidget):
    """Shows usage while it is visible; a budget is previewed before it is set."""

    def __init__(self, look: Look, client: Asker) -> None:
        super().__init__()
        self._look = look
        self._client = client
        self._preview_request = 0
        self._set_disk_mb = 0.0
        self._set_ram_mb = 0.0
        self.banner = Banner(look)
        self.loading = label(tr("Measuring…"), "muted")
        self.disk_title = label(role="heading")
        self.disk_note = label(role="muted", wrap=True)
        self.disk_bar, self.disk_legend = UsageBar(look), Legend(look)
        self.ram_title = label(role="heading")
        self.ram_note = label(role="muted", wrap=True)
        self.ram_bar, self.ram_legend = UsageBar(look), Legend(look)
        self.index_note = label(role="muted", wrap=True)
        self.disk = self._editor(tr("Disk budget"), 1e9)
        self.ram = self._editor(tr("Memory budget"), 1e7)
        self.reasons = column(spacing=6)
        self.apply_button = button(tr("Apply"), self.apply, "primary")
        self.reset_button = button(tr("Undo"), self.undo)
        self.plan_note = label(role="small", wrap=True)
        self.content = QWidget()
        self.content.setProperty("ground", "none")
        self.content.setLayout(
            column(
                self._usage_card(self.disk_title, self.disk_note, self.disk_bar, self.disk_legend),
                self._usage_card(self.ram_title, self.ram_note, self.ram_bar, self.ram_legend),
                self._budget_card(),
                spacing=14,
            )
        )
        self.content.hide()
        page = column(
            label(tr("Storage"), "title"),
            self.banner,
            self.loading,
            self.content,
            1,
            spacing=14,
        )
        self.setLayout(column(page_of(page)))
        self._refresh = QTimer(self, interval=REFRESH_MS)
        self._refresh.timeout.connect(self._look_again)
        self._preview_soon = QTimer(self, singleShot=True, interval=PREVIEW_MS)
        self._preview_soon.timeout.connect(self.preview)
        self._waiting = False
        self._refresh.start()

    def _editor(self, name: str, highest: float) -> QDoubleSpinBox:
        made = QDoubleSpinBox()
        made.setRange(1, highest)
        made.setDecimals(0)
        made.setSuffix(tr(" MB"))
        made.setSingleStep(100)
        made.setGroupSeparatorShown(True)
        pad(made)
        made.setAccessibleName(name)
        made.setFixedWidth(150)
        made.valueChanged.connect(self._edited)
        return made

    def _usage_card(self, *parts: QWidget) -> QWidget:
        inside = column(*parts, spacing=10)
        inside.setContentsMargins(18, 16, 18, 16)
        return card(inside)

    def _budget_card(self) -> QWidget:
        fields = column(spacing=10)
        for field, title, text in (
            (
                self.disk,
                tr("Disk"),
                tr("Everything Satchel keeps, but the models."),
            ),
            (self.ram, tr("Memory"), tr("All of Satchel's processes together.")),
        ):
            line = row(column(label(title, "strong"), label(text, "small"), spacing=1), field)
            line.setStretch(0, 1)
            fields.addLayout(line)
        buttons = row(self.plan_note, self.reset_button, self.apply_button)
        buttons.setStretch(0, 1)
        inside = column(label(tr("Budgets"), "heading"), fields, self.reasons, buttons, spacing=14)
        inside.setContentsMargins(18, 16, 18, 16)
        return card(inside)

    # --- usage --------------------------------------------------------------------------

    def reload(self) -> None:
        """Measure again."""
        if not self._waiting:
            self._waiting = True
            self._client.ask(StatusRequest, self._reply, self.banner.working)

    def _look_again(self) -> None:
        if self.isVisible() and not self.banner.isVisible():
            self.reload()

    def _reply(self, message: Message) -> None:
        self._waiting = False
        if isinstance(message, Failed):
            self.loading.hide()
            self.banner.fail(message, self.reload)
        elif isinstance(message, Report):
            first = self.content.isHidden()
            self.banner.hide()
            self.loading.hide()
            self.content.show()
            self._show(message.body)
            if first:
                self.preview()

    def _show(self, body: object) -> None:
        usage = row_of(body, "usage")
        budgets = row_of(body, "budgets")
        disk, ram = whole_of(budgets, "disk_bytes"), whole_of(budgets, "ram_bytes")
        store = {k: whole_of(usage, "store_bytes", k) for k in row_of(usage, "store_bytes")}
        used = whole_of(usage, "disk_bytes")
        parts = [Part(_part_name(k), v) for k, v in store.items() if k != "total"]
        parts.sort(key=lambda part: -part.size_bytes)
        self.disk_title.setText(_of(tr("%1 of %2 on disk"), used, disk))
        self.disk_bar.show_parts(parts, disk)
        self.disk_legend.show_parts(parts)
        models = whole_of(usage, "models_bytes")
        index = row_of(body, "index")
        files = tr("%1 files with %2 of text are indexed. Models take %3 beside this budget.")
        self.disk_note.setText(
            files.replace("%1", count_text(whole_of(index, "files", "indexed")))
            .replace("%2", size_text(number_of(index, "text_bytes")))
            .replace("%3", size_text(models))
        )
        memory = row_of(usage, "memory_bytes")
        running = [Part(_process_name(k), whole_of(memory, k)) for k in memory]
        total = sum(part.size_bytes for part in running)
        self.ram_title.setText(_of(tr("%1 of %2 in memory"), total, ram))
        self.ram_note.setText(
            tr("The language model is loaded with the first question and leaves when idle.")
        )
        self.ram_bar.show_parts(running, ram)
        self.ram_legend.show_parts(running)
        edited = self._edited_now()
        self._set_disk_mb, self._set_ram_mb = disk / MB, ram / MB
        if not edited:
            self.undo()

    # --- budgets ------------------------------------------------------------------------

    def _edited_now(self) -> bool:
        return bool(self._set_disk_mb) and (
            round(self.disk.value()) != round(self._set_disk_mb)
            or round(self.ram.value()) != round(self._set_ram_mb)
        )

    def _edited(self) -> None:
        self.apply_button.setEnabled(False)
        self.reset_button.setEnabled(self._edited_now())
        self._preview_soon.start()

    def undo(self) -> None:
        """Back to the budgets that are in force."""
        for field, value in ((self.disk, self._set_disk_mb), (self.ram, self._set_ram_mb)):
            if round(field.value()) != round(value):
                field.setValue(value)
        self.apply_button.setEnabled(False)
        self.reset_button.setEnabled(False)

    def preview(self) -> None:
        """Ask what the budgets in the fields would do."""
        self._send(preview=True)

    def apply(self) -> None:
        """Set the budgets in the fields."""
        self._send(preview=False)

    def _send(self, preview: bool) -> None:
        self._preview_soon.stop()
        if self._preview_request:
            self._client.cancel(self._preview_request)
        disk, ram = round(self.disk.value()) * MB, round(self.ram.value()) * MB
        self._preview_request = self._client.ask(
            lambda number: BudgetRequest(number, disk, ram, preview=preview),
            lambda message: self._planned(message, preview),
            self._plan_slow,
        )

    def _plan_slow(self) -> None:
        self.plan_note.setText(tr("Still working…"))

    def _planned(self, message: Message, preview: bool) -> None:
        self._preview_request = 0
        clear(self.reasons)
        self.plan_note.clear()
        if isinstance(message, Failed):
            self.apply_button.setEnabled(False)
            for text, role in ((message.title, "danger"), (message.advice, "muted")):
                self.reasons.addWidget(label(tame(text), role, wrap=True))
            return
        if not isinstance(message, Report):
            return
        for reason in texts_of(message.body, "reasons"):
            self.reasons.addWidget(label(f"•  {tame(reason)}", wrap=True))
        if preview:
            self.apply_button.setEnabled(self._edited_now())
            if self._edited_now():
                self.plan_note.setText(tr("This is what it would do. Nothing has changed yet."))
        else:
            self._set_disk_mb = number_of(message.body, "budgets", "disk_bytes") / MB
            self._set_ram_mb = number_of(message.body, "budgets", "ram_bytes") / MB
            self.undo()
            self.plan_note.setText(tr("Applied."))
            self.reload()


def _of(text: str, used: int, whole: int) -> str:
    return text.replace("%1", size_text(used)).replace("%2", size_text(whole))


def _part_name(key: str) -> str:
    return {
        "catalogue": tr("Catalogue of files"),
        "codes": tr("Meaning codes"),
        "graph": tr("Graph of passages"),
        "spans": tr("Places in files"),
        "embeddings": tr("Embeddings"),
        "lexical": tr("Word index"),
        "text_cache": tr("Texts of slow files"),
        "history": tr("Conversations"),
        "other": tr("Other"),
    }.get(key, key.replace("_", " "))


def _process_name(key: str) -> str:
    return {
        "service": tr("Search and index"),
        "extractors": tr("Readers of files"),
        "model_worker": tr("Language model"),
    }.get(key, key.replace("_", " "))
