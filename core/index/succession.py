"""From one embedding model to another, while the old index goes on serving.

The new index grows in a folder of its own inside the home, made by the same
indexer from the same files, so it can be interrupted at any time and goes on.
When all that can be read is in it, what only drives out of reach hold is
carried over, to be found by words, and the new takes the old one's place:
from a mark on, every start finishes that.
"""

from __future__ import annotations

import contextlib
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from core.atomic import sync_folder, write_atomic
from core.budget.measure import measure_disk
from core.errors import UserError
from core.home import Home
from core.index.embedder import Embedder, EmbeddingModel
from core.index.foreign import carry_out_of_reach
from core.index.view import View
from core.store.catalogue import Catalogue
from core.store.database import StoreDamagedError
from core.store.rows import SegmentRow

if TYPE_CHECKING:
    from core.index.engine import Engine

MB = 1_000_000
_FOLDER = "next"
_READY = "ready"
_FOR_MODEL = "model"  # a file that names the fingerprint of the model
_LEAST_SPARE_BYTES = 500_000  # left for what is indexed meanwhile


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a new index is: passages in it, and in the one that serves."""

    model: str
    serving: str
    done: int
    total: int


def next_home(home: Home) -> Home:
    """Where the new index of a home grows."""
    return replace(home, data=home.data / _FOLDER)


def has_next(home: Home) -> bool:
    """Whether a new index was begun."""
    return next_home(home).data.is_dir()


def give_up(home: Home) -> None:
    """Remove what was made of a new index."""
    shutil.rmtree(next_home(home).data, ignore_errors=True)


def choose_serving(
    segments: Sequence[SegmentRow],
    chosen: EmbeddingModel | None,
    here: Mapping[str, EmbeddingModel],
    taken: str | None = None,
) -> EmbeddingModel | None:
    """The model that a home's index is used with: the chosen one, unless another made all of it.

    That other one serves while it is on this machine. `taken` is the fingerprint of the
    model whose index took over last, though all of it may be out of reach.
    """
    made: Counter[str] = Counter()
    for row in segments:
        made[row.model] += row.chunks
    if not made or (chosen is not None and chosen.description.fingerprint in {*made, taken}):
        return chosen
    by_print = {model.description.fingerprint: model for model in here.values()}
    return next((by_print[name] for name, _ in made.most_common() if name in by_print), chosen)


def shortage(serving: str, chosen: str, needed_bytes: int, room_bytes: int) -> UserError | None:
    """What to say when a new index has no room beside the old one."""
    if needed_bytes + _LEAST_SPARE_BYTES <= room_bytes:
        return None
    return UserError(
        f"The index for {chosen} needs about {needed_bytes / MB:.1f} MB beside the one for "
        f"{serving}, and the disk budget has {max(0, room_bytes) / MB:.1f} MB left; "
        f"{serving} goes on searching.",
        "Give Satchel more with `satchel budget --disk SIZE` until that is done, or go back with "
        f"`satchel models use {serving}`.",
    )


def mark_ready(home: Home) -> None:
    """The new index is whole: from now on it is the one. Raises OSError."""
    write_atomic(next_home(home).data / _READY, b"")


def take_place(home: Home) -> bool:
    """Let a new index that is ready take the old one's place; whether there was one.

    Done again after an interruption it goes on. Raises OSError: what of it was
    done stays, and the rest is done next time.
    """
    new = next_home(home)
    if not (new.data / _READY).is_file():
        return False
    if new.catalogue.is_file():
        for suffix in ("", "-wal", "-shm"):
            home.catalogue.with_name(home.catalogue.name + suffix).unlink(missing_ok=True)
        new.catalogue.rename(home.catalogue)
    for mine, its in (
        (home.segments, new.segments),
        (home.text_cache, new.text_cache),
        (home.rotations, new.rotations),
    ):
        if its.is_dir():
            _remove_folder(mine)
            its.rename(mine)
    sync_folder(home.data)
    _remove_folder(new.data)
    return True


def _remove_folder(folder: Path) -> None:
    if folder.is_dir():
        shutil.rmtree(folder)


class Successor:
    """The index for another embedding model in the making. For the thread that changes the store.

    Its engine is opened when there is room for it, and has a home of its own.
    """

    def __init__(self, home: Home, open_engine: Callable[[Home, EmbeddingModel], Engine]) -> None:
        self._home = home
        self._open_engine = open_engine
        self.engine: Engine | None = None

    def open(self, model: EmbeddingModel, serving: str, room_bytes: int) -> Engine:
        """The engine for a model; what was made for yet another is removed.

        Raises UserError when there is no room for it beside the one that serves.
        """
        if self.engine is not None and self.engine.model == model:
            return self.engine
        self.give_up(unless=model)
        home = next_home(self._home)
        use, begun = measure_disk(self._home), measure_disk(home) if has_next(self._home) else None
        needed = use.catalogue + use.segments
        needed -= begun.catalogue + begun.segments if begun else 0
        problem = shortage(serving, model.folder.name, needed, room_bytes)
        if problem is not None:
            raise problem
        home.create()
        self.engine = self._open_engine(home, model)
        return self.engine

    def give_up(self, unless: EmbeddingModel | None = None) -> None:
        """Remove what was made, but that for one model."""
        self.close()
        data = next_home(self._home).data
        name = unless.description.fingerprint if unless else None
        with contextlib.suppress(OSError):
            if name is not None and (data / _FOR_MODEL).read_text("ascii") == name:
                return
        give_up(self._home)
        if name is not None:
            data.mkdir(mode=0o700, parents=True)
            write_atomic(data / _FOR_MODEL, name.encode("ascii"))

    def hand_over(self, catalogue: Catalogue, view: View) -> Embedder | None:
        """Make the new index whole and ready to take the place of this catalogue's.

        Its embedding model, if it is in memory. Raises SegmentError and OSError.
        """
        new = self.engine
        assert new is not None
        carry_out_of_reach(catalogue, view, new.catalogue, new.store.folder)
        new.catalogue.notes.set_model(new.require_model().description.fingerprint)
        self.close()
        mark_ready(self._home)
        return new.embedder() if new.has_embedder else None

    def made_chunks(self) -> int:
        """How many passages are in it. For any thread."""
        path = next_home(self._home).catalogue
        with contextlib.suppress(UserError, StoreDamagedError, apsw.Error):
            if path.is_file():
                catalogue = Catalogue(path, read_only=True)
                try:
                    return catalogue.totals()[0]
                finally:
                    catalogue.close()
        return 0

    def close(self) -> None:
        """Close its engine; it is gone on with later."""
        if self.engine is not None:
            self.engine.close()
            self.engine = None
