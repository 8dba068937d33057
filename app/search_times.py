"""How long searches take on this machine, noted as they happen."""

from __future__ import annotations

import time

from app.extractors import processors
from core.budget.probe import machine_name
from core.budget.query_speed import QuerySpeed, keep_speed, load_speed
from core.home import Home
from core.index.search import Results

KEEP_EVERY_S = 10.0


class SearchTimes:
    """Of use to the search thread only."""

    def __init__(self, home: Home) -> None:
        self._path = home.query_speed
        self._machine = machine_name(processors())
        self._known: QuerySpeed | None = None
        self._kept_at = -KEEP_EVERY_S

    def note(self, model: str, results: Results) -> None:
        """One more search with this embedding model; written down now and then."""
        if self._known is None or self._known.model != model:
            self._known = load_speed(self._path, self._machine, model)
        embedded = results.recomputed - results.from_cache
        found = self._known.after(embedded, results.timings_ms)
        if found is self._known:
            return
        self._known = found
        if time.monotonic() - self._kept_at >= KEEP_EVERY_S:
            self._kept_at = time.monotonic()
            keep_speed(self._path, found)
