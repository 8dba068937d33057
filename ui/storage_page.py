"""The storage page: what each part uses, and the budgets with a look ahead before they are set."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from PySide6.QtCore import QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLayout, QScrollArea, QWidget

from core.messages import BudgetRequest, Failed, Message, ModelsRequest, Report, StatusRequest
from ui.advanced import Advanced
from ui.budget_card import BudgetCard
from ui.budget_parts import disk_parts, memory_parts, promises
from ui.changes_panel import ChangesPanel
from ui.client import Asker
from ui.parts import PAGE_PX, Banner, Look, column, label, page_of, row
from ui.tables import Row, number_of, row_of, rows_of, texts_of, whole_of
from ui.text import count_text, size_text, spoken, tr

REFRESH_MS = 5000
PREVIEW_MS = 250


@dataclass(frozen=True, slots=True)
class Draft:
    """What the person wants otherwise than it is; None and empty is as it is."""

    disk_bytes: int | None = None
    ram_bytes: int | None = None
    choices: dict[str, object] = field(default_factory=dict)

    def request(self, number: int, preview: bool) -> BudgetRequest:
        """The request that shows or does it."""
        return BudgetRequest(
            number, self.disk_bytes, self.ram_bytes, preview, dict(self.choices) or None
        )


AS_IT_IS = Draft()


class StoragePage(QWidget):
    """Shows usage while it is visible; whatever is changed is previewed before it is applied."""

    def __init__(self, look: Look, client: Asker) -> None:
        super().__init__()
        self._client = client
        self._request = 0
        self._previewed: Draft | None = None
        self._applying: Draft | None = None
        self._shown = AS_IT_IS  # what the fields held when the request was sent
        self._before: Draft | None = None  # what Undo goes back to after Apply
        self._usage: Row = {}
        self._report: Row = {}
        self._plan: Row = {}  # for what is in the fields; nothing when that cannot be
        self._measuring = 0  # the request
        self._plan_is_old = False
        self.banner = Banner(look)
        self.loading = label(tr("Measuring…"), "muted")
        self.disk = BudgetCard(
            look,
            tr("Disk budget"),
            tr("%1 of %2 on disk"),
            tr("Everything Satchel keeps, but the models."),
            tr("Planned"),
        )
        self.ram = BudgetCard(
            look,
            tr("Memory budget"),
            tr("%1 of %2 in memory"),
            tr("All of Satchel's processes together. The language model leaves memory when idle."),
            tr("At most"),
        )
        self.index_note = label(role="small", wrap=True)
        self.advanced = Advanced(look)
        self.panel = ChangesPanel(look)
        self.content = QWidget()
        self.content.setProperty("ground", "none")
        self.content.setLayout(
            column(self.disk, self.ram, self.advanced, self.index_note, spacing=14)
        )
        self.content.hide()
        page = column(
            label(tr("Storage"), "title"), self.banner, self.loading, self.content, 1, spacing=14
        )
        area = page_of(page)
        whole, self._foot = with_foot(area, self.panel)
        self._foot.hide()
        self.setLayout(whole)
        for part in (self.disk, self.ram, self.advanced):
            part.edited.connect(self._edited)
        # Once it is laid out, what was opened below the edge comes into view.
        look_at = partial(area.ensureWidgetVisible, self.advanced)
        self.advanced.fold.opened.connect(lambda: QTimer.singleShot(0, self, look_at))
        self.panel.apply_asked.connect(self.apply)
        self.panel.undo_asked.connect(self.undo)
        self._refresh = QTimer(self, interval=REFRESH_MS)
        self._refresh.timeout.connect(self._look_again)
        self._refresh.start()
        self._preview_soon = QTimer(self, singleShot=True, interval=PREVIEW_MS)
        self._preview_soon.timeout.connect(self.preview)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """The foot takes no more than its share."""
        super().resizeEvent(event)
        self.panel.limit(self.height())

    # --- usage --------------------------------------------------------------------------

    def reload(self) -> None:
        """Measure and plan again, and ask which models are here."""
        self._plan_is_old = True
        self._measure()
        self._client.ask(ModelsRequest, self._models_reply)

    def _measure(self) -> None:
        if not self._measuring:
            self._measuring = self._client.ask(StatusRequest, self._measured, self.banner.working)

    def _look_again(self) -> None:
        if self.isVisible() and not self.banner.isVisible():
            self._measure()

    def _models_reply(self, message: Message) -> None:
        if isinstance(message, Report):
            self.advanced.offer_models(rows_of({"models": message.body}, "models"))

    def _measured(self, message: Message) -> None:
        self._measuring = 0
        if isinstance(message, Failed):
            self.loading.hide()
            self.banner.fail(message, self.reload)
        elif isinstance(message, Report):
            self.banner.hide()
            self.loading.hide()
            self.content.show()
            self._foot.show()
            self._show_status(message.body)
            if self._plan_is_old:
                self._plan_is_old = False
                self.preview()

    def _show_status(self, body: object) -> None:
        self._usage = row_of(body, "usage")
        self.disk.show_in_force(whole_of(body, "budgets", "disk_bytes"))
        self.ram.show_in_force(whole_of(body, "budgets", "ram_bytes"))
        self.advanced.show_settings(rows_of(body, "settings"), rows_of(body, "index", "levels"))
        files = tr("%1 files with %2 of text are indexed. Models take %3 beside this budget.")
        self.index_note.setText(
            files.replace("%1", count_text(whole_of(body, "index", "files", "indexed")))
            .replace("%2", size_text(number_of(body, "index", "text_bytes")))
            .replace("%3", size_text(whole_of(self._usage, "models_bytes")))
        )
        self._draw()

    def _draw(self) -> None:
        """Show what is used, and what the plan would use."""
        memory = row_of(self._usage, "memory_bytes")
        self.disk.show_parts(
            disk_parts(row_of(self._usage, "store_bytes"), self._plan),
            whole_of(self._usage, "disk_bytes"),
        )
        self.ram.show_parts(
            memory_parts(memory, self._plan), sum(whole_of(memory, k) for k in memory)
        )
        for card, key in ((self.disk, "disk_bytes"), (self.ram, "ram_bytes")):
            card.show_ends(
                whole_of(self._report, "smallest", key), whole_of(self._report, "largest", key)
            )
        self._show_buttons()

    # --- what the person wants ----------------------------------------------------------

    @property
    def draft(self) -> Draft:
        """What would be applied."""
        return Draft(self.disk.wanted_bytes, self.ram.wanted_bytes, self.advanced.wanted)

    def _edited(self) -> None:
        self._show_buttons()
        if self._applying is None:
            self._give_up()
            self._preview_soon.start()

    def _show_buttons(self) -> None:
        draft = self.draft
        complete = self.disk.complete and self.ram.complete
        edited = draft != AS_IT_IS or not complete
        idle = self._applying is None
        self.panel.apply_button.setEnabled(
            idle and edited and complete and draft == self._previewed
        )
        self.panel.undo_button.setEnabled(idle and (edited or self._before is not None))

    def undo(self) -> None:
        """Put the fields back; where they are as it is, go back to what was before Apply."""
        if self.draft == AS_IT_IS and self.disk.complete and self.ram.complete:
            if self._before is not None:
                self._send(self._before, preview=False)
            return
        self._put_back()
        self._edited()

    def preview(self) -> None:
        """Ask what the draft would do."""
        if self._applying is None and self.disk.complete and self.ram.complete:
            self._send(self.draft, preview=True)

    def apply(self) -> None:
        """Have the draft done, all of it or nothing."""
        self._send(self.draft, preview=False)

    def _give_up(self) -> None:
        self._preview_soon.stop()
        if self._request:
            self._client.cancel(self._request)
            self._request = 0

    def _send(self, draft: Draft, preview: bool) -> None:
        self._give_up()
        self._applying = None if preview else draft
        self._shown = self.draft
        if not preview:
            self.panel.note.setText(tr("Applying…"))
        self._request = self._client.ask(
            lambda number: draft.request(number, preview),
            lambda message: self._planned(message, draft),
            lambda: self.panel.note.setText(tr("Still working…")),
        )
        self._show_buttons()

    def _planned(self, message: Message, draft: Draft) -> None:
        self._request = 0
        applied, self._applying = self._applying is not None, None
        self.panel.note.clear()
        if isinstance(message, Failed):
            self._previewed, self._plan = None, {}
            self.panel.refuse(message.title, message.advice)
        elif isinstance(message, Report):
            self._report = row_of({"report": message.body}, "report")
            self._previewed, self._plan = draft, row_of(self._report, "plan")
            self._tell(draft, applied)
            if applied:
                self._applied(draft)
        self._draw()

    def _tell(self, draft: Draft, applied: bool) -> None:
        """Say what the draft does; without one, what the plan in force promises."""
        reasons = [spoken(text) for text in texts_of(self._report, "reasons")]
        changes = [spoken(text) for text in texts_of(self._report, "changes")]
        if draft == AS_IT_IS:
            self.panel.tell(tr("As it is now"), promises(row_of(self._report, "now")), reasons)
            return
        if applied:
            title = tr("Undone.") if draft == self._before else tr("Applied.")
        else:
            title = tr("What changes")
            changes = changes or [tr("Nothing that could be noticed.")]
        self.panel.tell(title, changes, reasons)

    def _applied(self, draft: Draft) -> None:
        """What was a draft is in force; one step back stays possible, but not back and forth."""
        undone, changed_meanwhile = draft == self._before, self.draft != self._shown
        before = Draft(
            self.disk.in_force_bytes if draft.disk_bytes is not None else None,
            self.ram.in_force_bytes if draft.ram_bytes is not None else None,
            self.advanced.in_force(draft.choices),
        )
        self._before = None if undone else before
        if draft.disk_bytes is not None:
            self.disk.come_into_force(draft.disk_bytes)
        if draft.ram_bytes is not None:
            self.ram.come_into_force(draft.ram_bytes)
        self.advanced.come_into_force(draft.choices)
        self._previewed = AS_IT_IS
        if changed_meanwhile:
            self._preview_soon.start()
        else:
            self._put_back()
        if self._measuring:  # it may have been measured before
            self._client.cancel(self._measuring)
            self._measuring = 0
        self._measure()

    def _put_back(self) -> None:
        for part in (self.disk, self.ram, self.advanced):
            part.put_back()


def with_foot(page: QScrollArea, content: QWidget) -> tuple[QLayout, QWidget]:
    """A page over what stays at its foot, in the same column; the layout, and the foot."""
    content.setMaximumWidth(PAGE_PX)
    across = row(content, spacing=0)
    foot = QWidget()
    foot.setLayout(across)
    bar = page.verticalScrollBar()

    def align(_low: int = 0, high: int = 0) -> None:
        across.setContentsMargins(28, 4, 28 + (bar.sizeHint().width() if high else 0), 16)

    bar.rangeChanged.connect(align)
    align()
    whole = column(page, foot, spacing=0)
    whole.setStretch(0, 1)
    return whole, foot
