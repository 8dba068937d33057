"""Making the index for another embedding model on the work thread, and letting it take over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from app.extractors import ExtractorPool
from core.errors import Cancelled, UserError
from core.files.changes import EVERYTHING, Changes
from core.files.folders import load_folders
from core.files.watch import Watcher
from core.index.bits import CodecError
from core.index.embedder import EmbeddingModel
from core.index.indexer import Outcome
from core.index.segment_format import SegmentError
from core.messages import IndexProgress
from core.store.database import StoreDamagedError

if TYPE_CHECKING:
    from app.service import Service


class Succession:
    """Brings the index that is to take over up to date, piece by piece. For one thread."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._readers: ExtractorPool | None = None
        self._model: EmbeddingModel | None = None
        self._surveyed = False  # since this process began with the model

    def run(
        self,
        on_progress: Callable[[IndexProgress], None],
        breathe: Callable[[], None],
        watcher: Watcher | None,
    ) -> Outcome | None:
        """Go on as far as it comes; None when no other model is wanted.

        It makes way for whatever `breathe` raises Cancelled for, and for changes that
        the watcher has. When all that can be read is in the new index, that takes over.
        """
        service = self._service
        model = service.engine.wanted_model
        if model is None:
            self.close()
            service.engine.give_up_next()
            return None
        try:
            new = service.engine.open_next(model)
        except UserError as problem:
            return Outcome(stopped=problem)
        if self._model != model:
            self.close()
            self._model = model
        if self._readers is None:
            self._readers = service.make_readers("next", model)

        def breathe_or_look() -> None:
            breathe()
            if watcher is not None and watcher.wait(0):
                raise Cancelled

        folders = load_folders(service.home.folders)
        indexer = new.indexer(folders, self._readers, on_progress, breathe_or_look)
        # A piece that was interrupted is gone on with; what changed since is looked for at the end.
        try:
            whole = indexer.run(Changes() if self._surveyed else EVERYTHING)
        except (SegmentError, CodecError, StoreDamagedError):
            new.rebuild()  # what is damaged of it is read again
            whole = Outcome(interrupted=True)
        self._surveyed = True
        if whole.stopped is not None:
            whole.stopped = UserError(
                f"{whole.stopped.title} {service.engine.model_name} goes on searching until the "
                f"index for {new.model_name} is whole.",
                whole.stopped.advice,
            )
        ended = whole.interrupted or whole.stopped is not None
        if ended or self._late_changes(indexer.run, whole):
            return whole
        self._take_over()
        return whole

    def _take_over(self) -> None:
        """Let the new index take the old one's place, and its readers theirs."""
        service = self._service
        with service.standstill():
            try:
                service.engine.finish_next()
            except OSError as error:
                raise UserError(
                    f"The new index cannot take the old one's place: {error.strerror or error}.",
                    "Start Satchel again.",
                ) from error
            for pool in (service.index_readers, service.query_readers):
                pool.close()
            service.index_readers = service.make_readers("index", service.engine.model)
            service.query_readers = service.make_readers("query", service.engine.model)
        self.close()

    @staticmethod
    def _late_changes(run: Callable[[Changes], Outcome], whole: Outcome) -> bool:
        """Look at all files once more; whether that was interrupted."""
        last = run(EVERYTHING)
        whole.embedded_chunks += last.embedded_chunks
        whole.published_files += last.published_files
        whole.interrupted, whole.stopped = last.interrupted, last.stopped
        return whole.interrupted or whole.stopped is not None

    def readers(self) -> list[int]:
        """Process ids of the readers. Any thread asks."""
        readers = self._readers
        return [] if readers is None else readers.pids()

    def close(self) -> None:
        """End the readers."""
        if self._readers is not None:
            self._readers.close()
        self._readers = self._model = None
        self._surveyed = False
