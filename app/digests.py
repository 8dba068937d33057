"""The `digest` thread: whole files read as a stream, for summaries, dates and changes."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from app.digesting import Digesting
from app.session import Session
from core.digest.kept import KeptDigests
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
        files = [_file(path) for path in message.paths]
        digesting = Digesting(self._service, self.kept, session, message)
        try:
            done = digesting.changes(*files) if wanted == 2 else digesting.read(files[0])
        finally:
            digesting.close()
        session.reply(msgspec.structs.replace(done, seconds=round(time.monotonic() - started, 2)))


def _file(path: str) -> FileRef:
    """A file as it is now. Raises FileError."""
    whole = absolute(path)
    try:
        found = Path(whole).stat()
    except OSError as error:
        raise os_failure(whole, error) from error
    return FileRef(whole, found.st_size, found.st_mtime_ns, offline=False)
