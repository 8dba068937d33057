"""File events gathered into batches: what was touched, what was moved, or that all must be seen.

An event is a hint. A path in a batch says that disk and catalogue are to be
compared there and below; a move says that what stood at one path may stand at
another unchanged.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from core.files.paths import is_under, moved

QUIET_S = 0.7
LONGEST_DELAY_S = 3.0
MOST_PATHS = 4_000  # more than this are no quicker than a whole survey


@dataclass(frozen=True, slots=True)
class Changes:
    """What to look at. `moves` are (old, new), in the order they happened."""

    paths: frozenset[str] = frozenset()
    moves: tuple[tuple[str, str], ...] = ()
    everything: bool = False

    def touched(self) -> list[str]:
        """All paths to compare, those below another left out."""
        ends = {path for move in self.moves for path in move}
        found: list[str] = []
        for path in sorted(self.paths | ends, key=lambda path: path.replace(os.sep, "\0")):
            if not found or not is_under(path, found[-1]):
                found.append(path)
        return found

    def origin(self, path: str) -> str:
        """Where what is at `path` now was before the moves."""
        for old, new in reversed(self.moves):
            if is_under(path, new):
                path = moved(path, new, old)
        return path

    def __bool__(self) -> bool:
        return bool(self.paths or self.moves or self.everything)


EVERYTHING = Changes(everything=True)


class Coalescer:
    """Gathers events until they are due: after a quiet moment, but never too late.

    It has no clock; times are seconds on any clock that only goes forward.
    """

    def __init__(self, most_paths: int = MOST_PATHS) -> None:
        self._most_paths = most_paths
        self._first_s: float | None = None
        self._last_s = 0.0
        self._clear()

    def _clear(self) -> None:
        self._paths: set[str] = set()
        self._moves: list[tuple[str, str]] = []
        self._tops: set[str] = set()
        self._everything = False

    def touch(self, path: str, now_s: float) -> None:
        """Something happened to a file or folder."""
        self._happened(now_s)
        if not self._everything and not self._is_covered(path):
            self._paths.add(path)
            self._tops.add(path)
            self._bound()

    def move(self, old: str, new: str, now_s: float) -> None:
        """A file or folder has got another place."""
        self._happened(now_s)
        if not self._everything:
            self._moves.append((old, new))
            self._tops.update((old, new))
            self._bound()

    def lose(self, now_s: float) -> None:
        """Nobody knows what happened."""
        self._happened(now_s)
        self._become_everything()

    def give_back(self, changes: Changes, now_s: float) -> None:
        """Changes that were taken but not dealt with: they come first, and are due at once."""
        if not changes:
            return
        self._first_s = now_s - LONGEST_DELAY_S
        self._last_s = max(self._last_s, self._first_s)
        if changes.everything or self._everything:
            self._become_everything()
            return
        self._paths |= changes.paths
        self._moves[:0] = changes.moves
        self._tops |= self._paths | {path for move in self._moves for path in move}
        self._bound()

    def due_in_s(self, now_s: float) -> float | None:
        """Seconds until a batch is due, 0 when it is; None when there is nothing."""
        if self._first_s is None:
            return None
        due_s = min(self._last_s + QUIET_S, self._first_s + LONGEST_DELAY_S)
        return max(0.0, due_s - now_s)

    def take(self) -> Changes:
        """All that was gathered; what comes from now on is another batch."""
        taken = EVERYTHING if self._everything else Changes(
            frozenset(self._paths), tuple(self._moves)
        )  # fmt: skip
        self._first_s = None
        self._clear()
        return taken

    def _happened(self, now_s: float) -> None:
        if self._first_s is None:
            self._first_s = now_s
        self._last_s = max(now_s, self._first_s)

    def _is_covered(self, path: str) -> bool:
        while path not in self._tops:
            above = os.path.dirname(path)  # noqa: PTH120
            if above == path:
                return False
            path = above
        return True

    def _bound(self) -> None:
        if len(self._paths) + len(self._moves) > self._most_paths:
            self._become_everything()

    def _become_everything(self) -> None:
        self._clear()
        self._everything = True
