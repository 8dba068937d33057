"""The index of one home as the service uses it: opened, searched, brought up to date, repaired.

Two threads use an Engine: one changes it (`Engine.writer` methods), one
searches through `Engine.searcher`. They meet in the view, which never changes.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence

import numpy as np

from core.budget.plan import Plan
from core.errors import UserError
from core.files.folders import WatchedFolder
from core.files.rules import Rules
from core.home import Home
from core.index.code_choice import CodeChoice, choose_codes
from core.index.codes import Rotation
from core.index.embedder import ABOUT_COSINE, Embedder, EmbeddingModel, find_model
from core.index.embedding_cache import EmbeddingCache
from core.index.indexer import Hints, Indexer
from core.index.kept import Kept
from core.index.kept_pages import KeptPages
from core.index.leaving import Leaving
from core.index.levelling import Leveller, Memory
from core.index.levels import Level
from core.index.limit import Limit
from core.index.merging import MOST_JOINED
from core.index.models import (
    embedding_folder,
    entry_named,
    installed_embeddings,
    load_embedding_catalogue,
)
from core.index.quarantine import Quarantine, in_words
from core.index.reader import Reader
from core.index.room import log_reserve
from core.index.rotations import drop_unused, placeholder
from core.index.search import Searcher
from core.index.succession import Progress, Successor, choose_serving, take_place
from core.index.text_cache import TextCache
from core.index.upkeep import IndexStore
from core.index.view import View
from core.memory import drop_program_pages
from core.messages import IndexProgress
from core.settings import Settings
from core.store.catalogue import Catalogue
from core.store.database import StoreDamagedError, errors
from core.store.rows import FolderRow, Loss

MB = 1_000_000


class Engine:
    """Opens the store of a home and lends its parts."""

    def __init__(
        self,
        home: Home,
        settings: Settings,
        plan: Plan,
        threads: int,
        *,
        model: EmbeddingModel | None = None,
        room: Callable[[], int] | None = None,
        careful: bool = False,
    ) -> None:
        """Open or create the store, for the model that is named or the one it is used with; with
        `careful` all of the index is read.

        A catalogue that SQLite cannot read is set aside and rebuilt from the
        files; `repaired` tells. Without an embedding model the store opens all
        the same, for word search and everything that needs no embeddings.
        """
        self._home = home
        self._settings = settings
        self._threads = threads
        self._embedder: Embedder | None = None
        self._loading = threading.Lock()
        self.repaired: list[str] = []
        self._fixed = model
        self._careful = careful
        self.model = model
        self.limit = Limit(home, settings, room)
        self._plan = plan
        self._successor = Successor(home, self._open_next)
        if model is None:
            self._take_place()
        self.kept = Kept(home, plan, self.room, None if room is None else room() // 4)
        self.generation = 0
        self._quarantine = Quarantine()
        self.leaving = Leaving()
        self._memory = Memory()
        self.catalogue, self.store = self._open()

    def _open(self) -> tuple[Catalogue, IndexStore]:
        try:
            catalogue, store = self._open_parts()
        except StoreDamagedError as error:
            self._remove_catalogue()
            self.repaired.append(f"{error}; it is derived from your files and is made anew")
            catalogue, store = self._open_parts()
            catalogue.notes.add_loss(Loss(str(error), 0))
        self.repaired += store.repaired
        store.most_joined = min(MOST_JOINED, self._plan.joined_chunks)
        return catalogue, store

    def _open_parts(self) -> tuple[Catalogue, IndexStore]:
        catalogue = Catalogue(self._home.catalogue)
        self.limit.watch(catalogue)
        try:
            with errors(self._home.catalogue):
                self.model = self._fixed or choose_serving(
                    catalogue.segments(),
                    self._chosen_model(),
                    installed_embeddings(self._home.models),
                    catalogue.notes.model,
                )
                level = self.limit.level_within(self._plan.level, catalogue.notes)
                return catalogue, IndexStore(
                    self._home.segments,
                    catalogue,
                    self._choose_codes(level),
                    self.model.description.fingerprint if self.model else None,
                    self.texts,
                    self.room,
                    level,
                    self.limit.error,
                    self.limit.words_within(self._plan.words, catalogue.notes),
                    self._careful,
                )
        except BaseException:
            catalogue.close()
            raise

    def _remove_catalogue(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            path = self._home.catalogue.with_name(self._home.catalogue.name + suffix)
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the database."""
        self._successor.close()
        self.catalogue.close()

    def apply(self, plan: Plan) -> None:
        """Take over the sizes of another plan, and its level; older passages come to that while
        indexing. Raises UserError; then the old plan stands.
        """
        self.kept.apply(plan)
        self._plan = plan
        self.store.most_joined = min(MOST_JOINED, plan.joined_chunks)
        self._set_level(self.limit.level_within(plan.level, self.catalogue.notes))
        self.store.set_words(self.limit.words_within(plan.words, self.catalogue.notes))

    @property
    def cache(self) -> EmbeddingCache:
        """The embeddings that were computed lately."""
        return self.kept.embeddings

    @property
    def texts(self) -> TextCache:
        """The texts of files that are slow to read."""
        return self.kept.texts

    @property
    def rotation(self) -> Rotation:
        """How embeddings become codes in this home."""
        return self.store.dial.rotation

    def _choose_codes(self, level: Level) -> CodeChoice:
        if self.model is None:
            return CodeChoice(placeholder(self._dimensions, max(1, level.code_bytes)))
        entry = entry_named(load_embedding_catalogue(), self.model_name)
        shipped_as = entry.rotation if entry else None
        return choose_codes(level, shipped_as, self.model, self._home.rotations)

    def _set_level(self, level: Level) -> None:
        """Write new segments at this level; older ones come to it while indexing."""
        if level != self.store.dial.level:
            self.store.set_level(level, self._choose_codes(level))

    def tidy(self) -> None:
        """Remove rotations of codes that no segment has any more."""
        if self.model is not None:
            drop_unused(self._home.rotations, self.model, self.store.rotations_in_use())

    @property
    def about_cosine(self) -> float:
        """How near a passage has to be to a question to be about it."""
        return self.model.description.about_cosine if self.model else ABOUT_COSINE

    @property
    def _dimensions(self) -> int:
        return self.model.description.dimensions if self.model else 384

    @property
    def model_name(self) -> str:
        """The name of the model that the index is used with."""
        return self.model.folder.name if self.model else self._chosen_name

    @property
    def _chosen_name(self) -> str:
        return self._settings.text("index.embedding_model")

    def _chosen_model(self) -> EmbeddingModel | None:
        try:
            return find_model(embedding_folder(self._home.models, self._chosen_name))
        except UserError:
            return None

    # --- to another embedding model -----------------------------------------------------

    @property
    def wanted_model(self) -> EmbeddingModel | None:
        """The chosen embedding model when another one serves as yet."""
        chosen = self._chosen_model()
        same = chosen is None or self.model is None or chosen.folder == self.model.folder
        return None if same else chosen

    def open_next(self, model: EmbeddingModel) -> Engine:
        """The new index, for another model, which takes this one's place when it is whole.

        Raises UserError when the disk budget has no room for both.
        """
        return self._successor.open(model, self.model_name, self.room())

    def _open_next(self, home: Home, model: EmbeddingModel) -> Engine:
        def room() -> int:
            return self.room() - log_reserve(home.catalogue)

        return Engine(home, self._settings, self._plan, self._threads, model=model, room=room)

    def give_up_next(self) -> None:
        """Remove what was made of a new index."""
        self._successor.give_up()

    def finish_next(self) -> None:
        """Let the new index, which is whole, take this one's place. Nobody may search meanwhile.

        Raises OSError: then nothing has changed for this process, and the next start goes on.
        """
        embedder = self._successor.hand_over(self.catalogue, self.store.view)
        if os.name == "nt":  # files that are mapped cannot be moved or removed there
            raise OSError("its files are in use")
        self.catalogue.close()
        take_place(self._home)
        self.kept.renew()
        with self._loading:
            self._embedder = embedder
        self._quarantine = Quarantine()
        self._fixed = None
        self.catalogue, self.store = self._open()
        self.leaving.hide_all(self.catalogue)
        self.generation += 1

    def _take_place(self) -> None:
        try:
            take_place(self._home)
        except OSError as error:
            raise UserError(
                f"The new index cannot take the old one's place: {error.strerror or error}.",
                "Close what uses the files in Satchel's folder and try again.",
            ) from error

    def progress_of_next(self) -> Progress | None:
        """How far the new index is. For any thread."""
        chosen = self.wanted_model
        if chosen is None:
            return None
        made, total = self._successor.made_chunks(), self.store.view.chunks
        return Progress(chosen.folder.name, self.model_name, made, total)

    def embedder(self) -> Embedder:
        """The embedding model, loaded at its first use. Raises UserError when it is not there."""
        with self._loading:
            if self._embedder is None:
                self._embedder = Embedder(self.require_model().folder, self._threads)
            return self._embedder

    @property
    def has_embedder(self) -> bool:
        """Whether the embedding model is in memory."""
        return self._embedder is not None

    def let_go(self) -> None:
        """Unload the embedding model, forget recent embeddings and what was read of the index.

        All of it comes back when needed.
        """
        with self._loading:
            self._embedder = None
            for library in ("/openvino/", "/tokenizers/"):
                drop_program_pages(library)
        self.cache.clear()
        self.store.view.let_go()
        if self._successor.engine is not None:
            self._successor.engine.let_go()

    def require_model(self) -> EmbeddingModel:
        """The embedding model on disk. Raises UserError that says what is missing."""
        if self.model is None:
            find_model(embedding_folder(self._home.models, self._chosen_name))
            raise UserError("The embedding model has just come.", "Start Satchel again.")
        return self.model

    def room(self) -> int:
        """Bytes that the disk budget still allows, never more than the disk has free."""
        return self.limit.room()

    def give_up(self) -> str | None:
        """Give up what can be spared most easily, for the disk has no room; what that was, in
        words, None when there is nothing. For the thread that changes the store.
        """
        dial = self.store.dial
        found = self.limit.give_up(self.kept, dial.level, dial.words, self.catalogue.notes)
        if found is None:
            return None
        said, level, words = found
        self._set_level(level)
        self.store.set_words(words)
        return said

    @property
    def view(self) -> View:
        """What a search sees at this moment: all segments but those found damaged, without
        folders that leave.
        """
        return self.leaving.visible(self._quarantine.sound(self.store.view))

    def look_for_damage(self) -> bool:
        """After altered bytes were met: check every segment, and leave the damaged ones out of
        every view. Whether there are any.
        """
        return self._quarantine.look(self.store.view)

    def damage(self, catalogue: Catalogue) -> str | None:
        """What a search misses because it was damaged and is not made anew so far, in words.

        `catalogue` belongs to the caller's thread.
        """
        losses = catalogue.notes.losses()
        for number, what in self._quarantine.damaged.items():
            losses.append(Loss(what, catalogue.files_in_segment(number)))
        return in_words(losses)

    def searcher(self, reader: Reader, catalogue: Catalogue) -> Searcher:
        """A searcher over the view of this moment; `catalogue` belongs to the caller's thread."""
        return Searcher(
            self.view,
            catalogue,
            self.embedder,
            KeptPages(reader, self.texts),
            self.cache,
            self.texts,
        )

    def rules(self, folder: WatchedFolder) -> Rules:
        """The rules of a watched folder as the settings are now."""
        return Rules(
            folder.path,
            folder.exclude,
            everywhere=self._settings.texts("files.exclude"),
            own_home=[str(root) for root in (*self._home.roots(), self._home.models)],
            max_file_bytes=int(self._settings.number("files.max_mb") * MB),
            use_gitignore=bool(self._settings.get("files.use_gitignore")),
            hidden=bool(self._settings.get("files.hidden")),
        )

    def indexer(
        self,
        folders: Sequence[WatchedFolder],
        reader: Reader,
        on_progress: Callable[[IndexProgress], None],
        breathe: Callable[[], None],
        hints: Hints | None = None,
        tell: Callable[[str], None] = lambda _said: None,
    ) -> Indexer:
        """An indexer over these folders; the catalogue's list of folders becomes theirs.

        `tell` is told at once what was given up for the disk budget.
        """

        def give_up() -> str | None:
            said = self.give_up()
            if said is not None:
                tell(said)
            return said

        self.sync_folders(folders)
        by_path = {folder.path: folder for folder in folders}

        def watched() -> list[FolderRow]:
            return [row for row in self.catalogue.files.folders() if row.path in by_path]

        return Indexer(
            self.catalogue,
            self.store,
            reader,
            self.embedder,
            lambda path: self.rules(by_path[path]),
            on_progress,
            breathe,
            Leveller(
                self.catalogue,
                self.store,
                reader,
                self.texts,
                self.embedder,
                on_progress,
                breathe,
                self._memory,
                self.tidy,
            ),
            watched=watched,
            hints=hints,
            offline_days=self._settings.number("files.offline_days"),
            give_up=give_up,
        )

    def sync_folders(self, folders: Sequence[WatchedFolder], undo_s: float = 0.0) -> None:
        """Drop what was indexed from folders that are not watched any more.

        Those that leave now wait for `undo_s` seconds, found by nobody: whoever watches one of
        them again has everything back. The next call after that drops them.
        """
        watched = [folder.path for folder in folders]
        known = [row.path for row in self.catalogue.files.folders()]
        if undo_s:
            gone = set(known) - set(watched) - set(self.leaving.paths)
            self.leaving.part_with(gone, undo_s)
        self.leaving.stay(watched)
        self.leaving.forget_due()
        self.catalogue.files.sync_folders([*watched, *self.leaving.paths])
        self.leaving.hide_all(self.catalogue)
        self.store.refresh()
        if self._successor.engine is not None:
            self._successor.engine.sync_folders(folders, undo_s)

    def finish_leaving(self, folders: Sequence[WatchedFolder]) -> None:
        """Drop at once what is not watched and still there, from this service or one before."""
        watched = {folder.path for folder in folders}
        self.leaving.stay(self.leaving.paths)
        if any(row.path not in watched for row in self.catalogue.files.folders()):
            self.sync_folders(folders)

    def forget(self, path: str) -> int:
        """Remove every trace of a file or folder from the index; how many files it was.

        The segments that held it are written anew and the database is scrubbed.
        """
        ids = self.catalogue.files.below(path)
        segments = self._segments_of(ids)
        self.catalogue.files.remove(ids)
        self.catalogue.files.forget_left_out(path)
        self.store.refresh()
        self.cache.clear()
        self.store.rewrite_without(segments)
        self.catalogue.scrub()
        if self._successor.engine is not None:
            self._successor.engine.forget(path)
        else:
            self.give_up_next()  # it is begun anew rather than looked through
        return len(ids)

    def _segments_of(self, file_ids: Sequence[int]) -> set[int]:
        rows = self.catalogue.documents()
        held = self.catalogue.documents_of_files(file_ids)
        return set(rows.segment[np.isin(rows.id, held)].tolist())

    def verify(self) -> list[str]:
        """What is wrong with the store, in words."""
        return self.catalogue.problems() + list(self.store.verify().values())

    def rebuild(self, deep: bool = True) -> list[str]:
        """Give up what is damaged. All of it is derived: the next indexing makes it anew.

        What was damaged, in words; without `deep` only checksums are compared. After a
        new catalogue `generation` is another, and readers open it again.
        """
        if problems := self.catalogue.problems():
            self.catalogue.close()
            self._remove_catalogue()
            self._fixed = self.model
            self.catalogue, self.store = self._open()
            self.catalogue.notes.add_loss(Loss(problems[0], 0))
            self._quarantine = Quarantine()
            self.generation += 1
        else:
            damaged = self.store.verify(deep)
            self.store.drop(list(damaged), damaged)
            self._quarantine.release(set(damaged))
            problems = list(damaged.values())
        self.cache.clear()
        return problems
