"""Pinned files: a conversation about one whole document, which the model has before it."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from app.gathering import Gathering
from app.recollection import last_of, turns_for
from core.chat.assistant import Answer
from core.chat.instructions import instructions_as_turns
from core.chat.pinned import answer_pinned
from core.digest.kept import is_within
from core.errors import FileError, UserError
from core.files.folders import absolute
from core.index.reader import Wanted
from core.llm.kv.saved import forget_conversation
from core.messages import (
    AnswerDone,
    AnswerSources,
    AnswerText,
    Ask,
    Made,
    PassageText,
    PinnedText,
    Scope,
)
from core.store.catalogue import Catalogue
from core.store.pins import Pin, PinTable
from core.store.rows import FileRef

if TYPE_CHECKING:
    from app.engines import Engines
    from app.service import Service
    from app.session import Session


@dataclass(frozen=True, slots=True)
class Document:
    """A whole file as it was read: its passages in order, and all of its text."""

    file: FileRef
    passages: tuple[PassageText, ...]
    text: str

    @property
    def path(self) -> str:
        """The file."""
        return self.file.path


class Pins:
    """What conversations have pinned, and what of it is kept. Thread-safe."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._table = PinTable(service.history.own)

    def wanted(self, message: Ask) -> str | None:
        """The file that a question is about as a whole, None for none. Raises UserError."""
        kept = self.of(message.conversation) if message.conversation is not None else None
        path = kept if message.pin is None else (absolute(message.pin) if message.pin else None)
        if path is not None and message.remote:
            raise UserError(
                "A pinned file is only read on this computer.",
                "Ask without the remote engine, or without pinning the file.",
            )
        return path

    def of(self, conversation: int) -> str | None:
        """The path that a conversation has pinned."""
        pin = self._table.of(conversation)
        return None if pin is None else pin.path

    def change(self, message: Ask) -> None:
        """Let a conversation that has a pin have none, where a question says so."""
        if message.pin == "" and message.conversation is not None:
            self._table.remove(message.conversation)

    def read(self, path: str) -> Document:
        """A file whole, as it was indexed. Raises UserError and FileError."""
        service = self._service
        catalogue = service.catalogue()
        document = catalogue.document_at(path)
        nothing = UserError(
            f"{path} has no indexed text, so it cannot be pinned.",
            f"See why with: satchel folders check {path}",
        )
        if document is None:
            raise nothing
        chunks = service.engine.view.chunks_of(document)
        if len(chunks) == 0:
            raise nothing
        file = next(ref for ref in catalogue.files_of([document])[document] if ref.path == path)
        spans = service.engine.view.spans(service.engine.view.place(int(chunks[0])))
        whole = (0, spans.spans[-1][1])
        wanted = Wanted(file, (whole, *spans.spans), spans.page_chars)
        [found] = service.query_readers.read([wanted])
        if isinstance(found, FileError):
            raise found
        return Document(file, found[1:], found[0].text.encode("utf-8", "replace").decode())

    def hold(self, conversation: int, file: FileRef) -> None:
        """Pin a file as it was read just now; what was computed of an older state of it goes."""
        before = self._table.of(conversation)
        now = Pin(conversation, file.path, file.size_bytes, file.mtime_ns)
        if before is not None and before != now:
            self._drop(before)
        self._table.set(now)

    def put_back(self, conversation: int, path: str | None) -> None:
        """Have a conversation pin what it did before, of which nothing is kept."""
        if path is None:
            self._table.remove(conversation)
        else:
            self._table.set(Pin(conversation, path))

    def follow(self, catalogue: Catalogue) -> None:
        """Keep nothing of a pinned file that changed, or is not in the index any more.

        While the model answers it would be kept again; so it is looked for after that.
        """
        for pin in self._table.all():
            if pin.size_bytes is not None and not _stands(catalogue, pin) and self._drop(pin):
                self._table.set(Pin(pin.conversation, pin.path))

    def forget(self, path: str) -> list[int]:
        """Unpin a file and all below it; the conversations that had pinned it."""
        found = [pin.conversation for pin in self._table.all() if is_within(pin.path, path)]
        for conversation in found:
            self._table.remove(conversation)
        return found

    def tidy(self) -> None:
        """Keep nothing of conversations that are not there: their first answer was broken off."""
        with contextlib.suppress(OSError):
            for folder in list(self._service.home.saved_kv.iterdir()):
                if folder.name.isdigit() and not self._service.history.exists(int(folder.name)):
                    shutil.rmtree(folder, ignore_errors=True)

    def _drop(self, pin: Pin) -> bool:
        """Remove all that was computed with a document before it, turns as well; False when the
        model is at work.
        """
        model = self._service.model
        if model.pid is not None and not model.let_go():
            return False
        forget_conversation(self._service.home.saved_kv, pin.conversation)
        return True


def _stands(catalogue: Catalogue, pin: Pin) -> bool:
    """Whether the index has a pinned file as it was read."""
    document = catalogue.document_at(pin.path)
    refs = [] if document is None else catalogue.files_of([document]).get(document, [])
    as_read = (pin.path, pin.size_bytes, pin.mtime_ns)
    return any((ref.path, ref.size_bytes, ref.mtime_ns) == as_read for ref in refs)


class PinnedAnswers:
    """Answers questions about pinned files. For the `ask` thread."""

    def __init__(self, service: Service, gathering: Gathering, engines: Engines) -> None:
        self._service = service
        self._gathering = gathering
        self._engines = engines

    def answer(
        self,
        session: Session,
        message: Ask,
        question: str,
        place: tuple[int, int],
        path: str,
    ) -> None:
        """Answer a question about a whole file; both are kept at a place: in a conversation, after
        one of its turns.

        Raises UserError and FileError; what was pinned before is pinned then.
        """
        pins = self._service.pins
        conversation = place[0]
        before = pins.of(conversation)
        document = pins.read(path)
        pins.hold(conversation, document.file)
        try:
            self._answer(session, message, question, place, document)
        except UserError:
            if before != path:
                pins.put_back(conversation, before)
            raise
        finally:
            pins.follow(self._service.catalogue())

    def _answer(
        self,
        session: Session,
        message: Ask,
        question: str,
        place: tuple[int, int],
        document: Document,
    ) -> None:
        conversation, after = place
        service, history = self._service, self._service.history
        started = time.perf_counter()

        def given_up() -> bool:
            return session.is_cancelled(message.id)

        mode, by_words = self._gathering.mode, self._gathering.by_words
        if mode != "lexical":
            service.governor.check_memory()
        wishes = service.settings.text("assistant.instructions").strip()
        said = history.turns(conversation, after)
        gathered = self._gathering.gather(
            question, last_of(said), mode, given_up, Scope(files=(document.path,))
        )
        gathered_ms = 1000 * (time.perf_counter() - started)
        session.reply(
            AnswerSources(message.id, gathered.sources, conversation, (), gathered.extract, wishes)
        )
        turns = turns_for(service, conversation, said, question, by_words=by_words)
        told = [*instructions_as_turns(wishes), *turns]
        pinned = PinnedText(conversation, Path(document.path).name, document.text)

        def run(show: Callable[[str], None]) -> Answer:
            return answer_pinned(
                question,
                gathered,
                document,
                lambda asked, texts, piece: service.model.answer(
                    asked, texts, told, piece, given_up, pinned
                ),
                show,
            )

        outcome = self._engines.answer(
            session, message, question, gathered.texts, conversation,
            lambda _model: run(lambda text: session.reply(AnswerText(message.id, text))),
        )  # fmt: skip
        assert outcome is not None, "nothing is sent, so nothing is asked before"
        answer, made = outcome
        turn = history.add_turn(
            conversation, question, answer.text, answer.found, answer.citations,
            [document.path], made, after=after, stopped=answer.stopped,
        )  # fmt: skip
        done = _done(message.id, answer, made, document.path, gathered_ms)
        versions = tuple(history.versions(turn))
        session.reply(msgspec.structs.replace(done, turn=turn, versions=versions))


def _done(number: int, answer: Answer, made: Made, path: str, gathered_ms: float) -> AnswerDone:
    timings = {"search": round(gathered_ms, 1), **answer.timings_ms}
    timings["total"] = round(timings["total"] + gathered_ms, 1)
    timings["first_text"] = round(timings["first_text"] + gathered_ms, 1)
    return AnswerDone(
        id=number,
        answer=answer.text,
        found=answer.found,
        citations=answer.citations,
        timings_ms=timings,
        prompt_tokens=answer.prompt_tokens,
        answer_tokens=answer.answer_tokens,
        stopped=answer.stopped,
        model=made.model,
        made=made,
        recalled_turns=answer.recalled_turns,
        unsupported=answer.unsupported,
        pinned=path,
        restored_tokens=answer.restored_tokens,
    )
