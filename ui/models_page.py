"""The models page: what there is, what is here, and what is fetched, used and removed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from PySide6.QtWidgets import QFileDialog, QWidget

from core.messages import Failed, Message, ModelProgress, ModelsRequest, Report
from ui.client import Asker
from ui.model_card import EMBEDDING, ModelCard
from ui.parts import Banner, Look, button, card, clear, column, label, page_of, row, rule
from ui.tables import Row, rows_of, text_of, whole_of
from ui.text import size_text, split_path, tr

Change = Literal["fetch", "use", "remove"]


def searches(model: Row) -> bool:
    """Whether a model searches; the others answer."""
    return text_of(model, "kind") == EMBEDDING


class ModelsPage(QWidget):
    """Asks the service for the table of models, and to change what is here."""

    def __init__(
        self, look: Look, client: Asker, title: str | None = None, answering_only: bool = False
    ) -> None:
        """`title` stands instead of its own; with `answering_only` the others are left out."""
        super().__init__()
        self._look = look
        self._client = client
        self._answering_only = answering_only
        self._fetching: dict[str, int] = {}  # name: request
        self.cards: dict[str, ModelCard] = {}
        self.add_button = button(tr("Add a file…"), self.choose_file)
        look.dress(self.add_button, "plus", "text")
        self.banner = Banner(look)
        self.loading = label(tr("Reading the list of models…"), "muted")
        self.note = label(role="muted", wrap=True)
        self.note.hide()
        self.groups = column(spacing=14)
        content = column(
            row(label(title or tr("Models"), "title"), 1, self.add_button),
            self.banner,
            self.loading,
            self.note,
            self.groups,
            1,
            spacing=14,
        )
        self.setLayout(column(page_of(content)))

    # --- the table ----------------------------------------------------------------------

    def reload(self) -> None:
        """Ask for the table again."""
        self._client.ask(ModelsRequest, self._listed, self.banner.working)

    def _listed(self, message: Message) -> None:
        if isinstance(message, Failed):
            self.loading.hide()
            self.banner.fail(message, self.reload)
        elif isinstance(message, Report):
            self.banner.hide()
            self._show(rows_of({"models": message.body}, "models"))

    def _show(self, models: Sequence[Row]) -> None:
        self.loading.hide()
        if self._answering_only:
            models = [model for model in models if not searches(model)]
        models = sorted(models, key=searches)  # as they stand on the page
        if [text_of(model, "name") for model in models] != list(self.cards):
            self._build(models)
        for model in models:
            self.cards[text_of(model, "name")].show_model(model)
        here = [whole_of(model, "size_bytes") for model in models if model.get("installed")]
        words = tr("Models run on this device alone. Those that are here take %1, beside the disk "
                   "budget.")  # fmt: skip
        first = tr("Search works without one.") + " " if self._answering_only else ""
        self.note.setText(first + words.replace("%1", size_text(sum(here))))
        self.note.show()

    def _build(self, models: Sequence[Row]) -> None:
        clear(self.groups)
        self.cards = {}
        for by_meaning, heading in (
            (False, tr("Models that answer questions")),
            (True, tr("Models that search by meaning")),
        ):
            of_kind = [model for model in models if searches(model) == by_meaning]
            if not of_kind:
                continue
            inside = column(label(heading, "heading"), spacing=12)
            for at, model in enumerate(of_kind):
                if at:
                    inside.addWidget(rule())
                inside.addWidget(self._card(text_of(model, "name")))
            inside.setContentsMargins(18, 16, 18, 16)
            self.groups.addWidget(card(inside))

    def _card(self, name: str) -> ModelCard:
        made = ModelCard(self._look, name)
        made.fetch_asked.connect(self.fetch)
        made.cancel_asked.connect(self.cancel)
        made.use_asked.connect(self.use)
        made.remove_asked.connect(self.remove)
        made.adapter_asked.connect(self.choose_file)
        made.adapter_remove_asked.connect(self.remove_adapter)
        made.show_progress(None, fetching=name in self._fetching)
        self.cards[name] = made
        return made

    # --- changes ------------------------------------------------------------------------

    def fetch(self, name: str) -> None:
        """Download a model."""
        self._fetching[name] = self._ask(name, "fetch", self._fetched)
        self.cards[name].show_progress(None, fetching=True)

    def _fetched(self, name: str, message: Message) -> None:
        if isinstance(message, ModelProgress):
            if name in self.cards:
                self.cards[name].show_progress(message)
            return
        self._fetching.pop(name, None)
        if name in self.cards:
            self.cards[name].show_progress(None)
        self._done(name, message, partial(self.fetch, name))

    def cancel(self, name: str) -> None:
        """Give up a download."""
        self._client.cancel(self._fetching.pop(name, 0))
        self.cards[name].show_progress(None)
        self.cards[name].busy(False)
        self.reload()

    def use(self, name: str, confirmed: bool = False) -> None:
        """Choose a model; what that costs is told and asked first."""
        asks = searches(self.cards[name].model) and not confirmed

        def replied(name: str, message: Message) -> None:
            if isinstance(message, Failed) and asks and name in self.cards:
                self.cards[name].busy(False)
                self.cards[name].ask_to_confirm(message)
            else:
                self._done(name, message, partial(self.use, name, confirmed))

        self._ask(name, "use", replied, confirmed)

    def remove(self, name: str) -> None:
        """Remove a model from this device."""
        again = partial(self.remove, name)
        self._ask(name, "remove", lambda name, message: self._done(name, message, again))

    def remove_adapter(self, name: str, adapter: str) -> None:
        """Remove an adapter of a model."""
        self._ask(
            name,
            "remove",
            lambda name, message: self._done(
                name, message, partial(self.remove_adapter, name, adapter)
            ),
            adapter=adapter,
        )

    def _ask(
        self,
        name: str,
        change: Change,
        replied: Callable[[str, Message], None],
        confirmed: bool = False,
        adapter: str | None = None,
    ) -> int:
        made = self.cards[name]
        made.banner.hide()
        made.busy(True)
        return self._client.ask(
            lambda number: (
                ModelsRequest(number, change, name, confirmed)
                if adapter is None
                else ModelsRequest(number, change, adapter, base=name)
            ),
            partial(replied, name),
            None if change == "fetch" else made.banner.working,
        )

    def _done(self, name: str, message: Message, again: Callable[[], None]) -> None:
        made = self.cards.get(name)
        if made is not None:
            made.busy(False)
            made.banner.hide()
        if isinstance(message, Failed):
            (made.banner if made is not None else self.banner).fail(message, again)
        else:
            self._listed(message)

    # --- a file of one's own ------------------------------------------------------------

    def choose_file(self, base: str | None = None) -> None:
        """Let the person choose a model file, or that of an adapter for the model `base`."""
        title = tr("Add a model") if base is None else tr("Add an adapter")
        names = tr("Models in GGUF (*.gguf);;All files (*)")
        path, _ = QFileDialog.getOpenFileName(self, title, "", names)
        if path:
            self.add(path, base)

    def add(self, path: str, base: str | None = None) -> None:
        """Have a model file, or an adapter's, copied into Satchel's store."""
        self.add_button.setEnabled(False)
        adding = tr("Adding %1…").replace("%1", split_path(path)[1])
        self.banner.tell(adding, tr("It is checked and copied; the file stays where it is."))
        self._client.ask(
            lambda number: ModelsRequest(number, "add", path, base=base),
            lambda message: self._added(path, base, message),
        )

    def _added(self, path: str, base: str | None, message: Message) -> None:
        if isinstance(message, ModelProgress):
            return
        self.add_button.setEnabled(True)
        if isinstance(message, Failed):
            self.banner.fail(message, lambda: self.add(path, base))
        else:
            self._listed(message)
