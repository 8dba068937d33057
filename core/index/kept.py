"""What an engine keeps to be quick, within its plan: embeddings in memory, texts on disk."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from core.budget.order import Change, in_order
from core.budget.plan import Plan
from core.errors import UserError
from core.home import Home
from core.index.embedding_cache import EmbeddingCache
from core.index.text_cache import TextCache
from core.llm.kv.saved import shrink, total_bytes

_EMBEDDINGS, _TEXTS = "embedding cache", "text cache"


class Kept:
    """The caches of one home."""

    def __init__(
        self, home: Home, plan: Plan, room: Callable[[], int], most_text_bytes: int | None
    ) -> None:
        """`room` gives the bytes that the disk budget still allows."""
        self._plan = plan
        self._saved_kv = home.saved_kv
        self.embeddings = EmbeddingCache(plan.cached_embeddings)
        most = plan.text_cache_bytes
        kept = most if most_text_bytes is None else min(most, most_text_bytes)
        self.texts = TextCache(home.text_cache, max(0, kept), room)

    def apply(self, plan: Plan) -> None:
        """Take over the sizes of another plan at once, what gets smaller first.

        Raises UserError when that cannot be done; then the old plan stands.
        """
        done: list[Change] = []
        try:
            for change in in_order(_sizes(self._plan), _sizes(plan)):
                done.append(change)
                self._resize(change.part, change.after)
        except OSError as error:
            for change in reversed(done):
                with contextlib.suppress(OSError):
                    self._resize(change.part, change.before)
            raise UserError(
                f"The new budgets cannot be taken over: {error.strerror or error}.",
                "The old ones stand. Check who may write in Satchel's folder, then try again.",
            ) from error
        self._plan = plan

    def _resize(self, part: str, size: int) -> None:
        if part == _EMBEDDINGS:
            self.embeddings.resize(size)
        else:
            self.texts.resize(size)

    def give_up_texts(self, given_up: bool) -> None:
        """Remove the texts that are kept of slow files and keep none; or keep some again."""
        self.texts.resize(0 if given_up else self._plan.text_cache_bytes)

    def give_up_saved(self) -> bool:
        """Remove what language models keep of conversations; whether there was anything."""
        found = total_bytes(self._saved_kv) > 0
        shrink(self._saved_kv, 0)
        return found

    def renew(self) -> None:
        """Forget the embeddings: they were another model's."""
        self.embeddings = EmbeddingCache(self._plan.cached_embeddings)


def _sizes(plan: Plan) -> dict[str, int]:
    """What is taken over of a plan: how many embeddings are kept, and bytes of texts."""
    return {_EMBEDDINGS: plan.cached_embeddings, _TEXTS: plan.text_cache_bytes}
