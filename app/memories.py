"""What is remembered of the person: changed when they say so, used where it bears on a question."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from core.chat.memories import Floats, Memory, bearing_on
from core.chat.noticing import Examples, load_examples, notice, worth_asking
from core.errors import UserError
from core.messages import MemoriesRequest, MemoryOffer
from core.store.memories import MemoryTable

if TYPE_CHECKING:
    from app.service import Service

MOST_MEMORIES = 500
MOST_OFFERS = 3  # of one message


class Memories:
    """The memories of a service. Thread-safe."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._table = MemoryTable(service.history.own)
        self._examples: tuple[str, Examples] | None = None
        self._lock = threading.Lock()

    # --- what the person does with them -------------------------------------------------

    def carry_out(self, message: MemoriesRequest) -> dict[str, object]:
        """Do what a request asks for; all memories afterwards. Raises UserError."""
        text = message.text or ""
        if message.action == "add":
            self._check_room()
            self._table.add(text)
        elif message.action == "refuse":
            self._table.refuse(text)
        elif message.action in ("edit", "remove"):
            if message.memory is None:
                raise UserError("Which memory?", "See them with `satchel memories list`.")
            if message.action == "edit":
                self._table.edit(message.memory, text)
            else:
                self._table.remove(message.memory)
        return {
            "memories": [
                {"id": one.id, "text": one.text, "kind": one.kind, "made_at": one.made_at_s}
                for one in self._table.all()
            ]
        }

    def _check_room(self) -> None:
        if len(self._table.all()) >= MOST_MEMORIES:
            raise UserError(
                f"{MOST_MEMORIES} things are remembered, and more are not kept.",
                "Remove some with `satchel memories remove N`.",
            )
        self._service.engine.limit.check_to_talk()

    # --- what is done with them ---------------------------------------------------------

    def used_for(self, vector: Floats) -> list[Memory]:
        """The memories that bear on a question, given its vector; none where that is off."""
        if not self._wanted:
            return []
        return bearing_on(vector, self._embedded(vector))

    def offers(self, message: str, by_words: bool) -> tuple[MemoryOffer, ...]:
        """What of a message could be remembered: to be asked about, not kept so far."""
        if not self._wanted or by_words:
            return ()
        new = [text for text in worth_asking(message) if self._table.is_new(text)]
        if not new:
            return ()
        vectors = self._service.engine.embedder().embed(new)
        found = notice(new, vectors, self._known_examples())
        return tuple(MemoryOffer(one.text, one.kind) for one in found[:MOST_OFFERS])

    @property
    def _wanted(self) -> bool:
        return bool(self._service.settings.get("assistant.memories"))

    def _embedded(self, vector: Floats) -> list[Memory]:
        """All memories, those without a vector of the model in use embedded if there is one."""
        name = self._service.engine.model_name
        memories = self._table.all()
        missing = [one for one in memories if one.model != name]
        if not missing or not vector.size:
            return memories
        vectors = self._service.engine.embedder().embed([one.text for one in missing])
        for one, made in zip(missing, vectors, strict=True):
            self._table.set_vector(one.id, one.text, made, name)
        return self._table.all()

    def _known_examples(self) -> Examples:
        """The labelled sentences as the model in use sees them."""
        name = self._service.engine.model_name
        with self._lock:
            if self._examples is None or self._examples[0] != name:
                rows = load_examples()
                vectors = self._service.engine.embedder().embed([text for _, text in rows])
                labels = tuple(label for label, _ in rows)
                self._examples = (name, Examples(labels, np.asarray(vectors)))
            return self._examples[1]
