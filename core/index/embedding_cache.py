"""Recently computed embeddings, kept in memory within a bound."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class EmbeddingCache:
    """Recently computed embeddings by chunk number, least recently used out first. Thread-safe."""

    def __init__(self, capacity: int) -> None:
        """Room for `capacity` embeddings."""
        self._capacity = capacity
        self._kept: OrderedDict[int, Floats] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, number: int) -> Floats | None:
        """The embedding of a chunk, if it is kept."""
        with self._lock:
            found = self._kept.get(number)
            if found is not None:
                self._kept.move_to_end(number)
            return found

    def put(self, number: int, embedding: Floats) -> None:
        """Keep an embedding."""
        with self._lock:
            self._kept[number] = embedding
            self._kept.move_to_end(number)
            self._shrink()

    def resize(self, capacity: int) -> None:
        """Make room for more, or let go of what is over."""
        with self._lock:
            self._capacity = capacity
            self._shrink()

    def _shrink(self) -> None:
        while len(self._kept) > self._capacity:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._kept.clear()

    def __len__(self) -> int:
        return len(self._kept)
