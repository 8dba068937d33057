"""Passages like the one in the preview, each of which leads to its place."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtWidgets import QStackedWidget, QWidget

from core.messages import Failed, Hit, Message, Related, SearchResults
from ui.client import Asker
from ui.parts import Banner, Look, column, label
from ui.results import HIT_ROLE, ResultsModel, ResultsView
from ui.target import Target
from ui.text import counted, tr

RELATED = 12


class RelatedView(QWidget):
    """The list; `chosen` gives the Target of a passage that is opened from it."""

    chosen = Signal(object)

    def __init__(self, look: Look, client: Asker) -> None:
        super().__init__()
        self._client = client
        self._request = 0
        self._target: Target | None = None
        self.status = label("", "small")
        self.banner = Banner(look)
        self.model = ResultsModel()
        self.view = ResultsView(look, self.model)
        self.view.setAccessibleName(tr("Related passages"))
        self.view.clicked.connect(self._choose)
        self.view.activated.connect(self._choose)
        self._body = QStackedWidget()
        self._body.addWidget(self.view)
        self._body.addWidget(QWidget())
        layout = column(self.status, self.banner, self._body, spacing=8)
        layout.setStretch(2, 1)
        layout.setContentsMargins(16, 12, 12, 8)
        self.setLayout(layout)

    def show_for(self, target: Target) -> None:
        """Look for passages like the one at a place."""
        self.give_up()
        self._target = target
        self.banner.hide()
        self.status.setText(tr("Looking for passages like this one…"))
        self.model.show(())
        self._body.setCurrentIndex(1)
        placed = target.quote is not None
        self._request = self._client.ask(
            lambda number: Related(
                number,
                target.path,
                RELATED,
                page=target.locator.page if placed else None,
                line=target.locator.line if placed else None,
                start=None if placed else target.start,
            ),
            self._reply,
            self._slow,
        )

    def give_up(self) -> None:
        """Nobody waits for the list any more."""
        if self._request:
            self._client.cancel(self._request)
            self._request = 0

    def _again(self) -> None:
        if self._target is not None:
            self.show_for(self._target)

    def _slow(self) -> None:
        self.banner.tell(
            tr("Still looking…"),
            tr("This takes longer than usual."),
            "info",
            tr("Retry"),
            self._again,
        )

    def _reply(self, message: Message) -> None:
        self._request = 0
        self.banner.hide()
        if isinstance(message, Failed):
            self.status.clear()
            self.banner.fail(message, self._again)
        elif isinstance(message, SearchResults):
            self._show(message.hits)

    def _show(self, hits: tuple[Hit, ...]) -> None:
        self.model.show(hits)
        self._body.setCurrentIndex(0 if hits else 1)
        said = counted(len(hits), tr("1 related passage"), tr("%1 related passages"))
        self.status.setText(said if hits else tr("No passage comes close to this one."))
        if hits:
            self.view.setCurrentIndex(self.model.index(0))
            self.view.setFocus(Qt.FocusReason.OtherFocusReason)

    def _choose(self, index: QModelIndex) -> None:
        hit = index.data(HIT_ROLE)
        if isinstance(hit, Hit):
            self.chosen.emit(Target.of(hit))
