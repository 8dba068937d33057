"""The `digest` thread: whole files read as a stream, for summaries, dates and changes."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from app.digesting import Digesting
from app.engines import use_model
from app.session import Session
from core.digest.kept import KeptDigests, is_within
from core.errors import UserError
from core.files.folders import absolute
from core.messages import Digest, Message
from core.store.rows import FileRef
from core.text.source import os_failure

if TYPE_CHECKING:
    from app.service import Service


class Digests:
    """Handler for Digest requests; one at a time."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.kept = KeptDigests(service.home.digests, service.engine.room)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="digest")
        self._current: tuple[Session, Digest] | None = None
        self._reading = threading.Lock()

    def forget(self, path: str) -> int:
        """Remove what was read of a file, or of those below a folder; how many digests.

        One in the making is given up first, or it would be kept after this.
        """
        current = self._current
        if current is not None and any(is_within(one, path) for one in current[1].paths):
            session, message = current
            session.cancel(message.id)
            with self._reading:
                return self.kept.forget(path)
        return self.kept.forget(path)

    def submit(self, session: Session, message: Message) -> None:
        """Take a Digest."""
        number = int(getattr(message, "id", 0))
        self._thread.submit(
            self._service.guard, session, number, lambda: self._run(session, message)
        )

    def close(self) -> None:
        """Wait until the one in hand, whose asker is gone, has kept what it read."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _run(self, session: Session, message: Message) -> None:
        assert isinstance(message, Digest)
        started = time.monotonic()
        wanted = 2 if message.task == "changes" else 1
        if len(message.paths) != wanted:
            raise UserError(
                "Two files are needed to tell what changed." if wanted == 2 else "Name one file.",
                "Name the older one first.",
            )
        if message.task == "find":
            if not message.wanted.strip():
                raise UserError("Nothing is wanted of the file.", "Say what to look for.")
            use_model(self._service, self._service.settings.text("assistant.model"))
        files = [_file(path) for path in message.paths]
        whole = msgspec.structs.replace(message, paths=tuple(file.path for file in files))
        with self._reading:
            self._current = (session, whole)
            digesting = Digesting(self._service, self.kept, session, whole)
            try:
                done = digesting.changes(*files) if wanted == 2 else digesting.read(files[0])
            finally:
                digesting.close()
                self._current = None
        session.reply(msgspec.structs.replace(done, seconds=round(time.monotonic() - started, 2)))


def _file(path: str) -> FileRef:
    """A file as it is now. Raises FileError."""
    whole = absolute(path)
    try:
        found = Path(whole).stat()
    except OSError as error:
        raise os_failure(whole, error) from error
    return FileRef(whole, found.st_size, found.st_mtime_ns, offline=False)
