"""One digest in the making: what is read, remembered, checked against its file and told.

It has a reader of its own, so that a search never waits for it, and steps aside while anybody
waits for an answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from app.session import Session
from core.chat.words import sentence_spans
from core.digest.changes import Change, compare
from core.digest.kept import KeptDigests
from core.digest.memory import (
    DatesMemory,
    FindMemory,
    Kept,
    Memory,
    Saved,
    Stamp,
    SummaryMemory,
    question_about,
)
from core.digest.summary import Floats, word_vectors
from core.errors import Cancelled, FileError, UserError
from core.index.reader import Wanted
from core.llm.grammar import numbers_grammar, numbers_said
from core.messages import (
    Digest,
    DigestDone,
    DigestEntry,
    DigestProgress,
    Extracted,
    Locator,
    Quoted,
)
from core.store.rows import FileRef

if TYPE_CHECKING:
    from app.service import Service

TELL_S = 0.5
PARTIAL_S = 4.0  # between two partial results, which may cost embeddings
SAVE_S = 5.0
STEP_ASIDE_S = 30.0
EMBED_TOGETHER = 64
MOST_VECTORS = 600
NEAR_SHARE = 0.6  # of the cosine from which a passage is about a question: a sentence says less
MOST_COMPARED_CHARS = 4_000_000  # of each file
TOLD_ENTRIES = 200  # of a partial result


class Digesting:
    """Carries out one Digest. `close` ends its reader."""

    def __init__(
        self, service: Service, kept: KeptDigests, session: Session, message: Digest
    ) -> None:
        self._service = service
        self._kept = kept
        self._session = session
        self._message = message
        self._readers = service.make_readers("digest", service.engine.model)
        self._vectors: dict[str, Floats] = {}
        self._wanted: Floats | None = None  # the vector of what is to be found

    def close(self) -> None:
        """End the reader."""
        self._readers.close()

    # --- one file -----------------------------------------------------------------------

    def read(self, file: FileRef) -> DigestDone:
        """The file as a summary, or all its dates. Given up, what was read is kept.

        Raises FileError, UserError, Cancelled.
        """
        message, stamps = self._message, (_stamp(file),)
        if message.anew:
            self._kept.drop(self._name, stamps)
        saved = self._kept.load(self._name, stamps)
        resumed = 0 if saved is None else saved.chars
        if saved is None:
            saved = Saved(stamps, self._fresh_memory())
        kept = True
        if not saved.whole:
            try:
                self._stream(file, saved)
            finally:
                kept = self._kept.save(self._name, saved)
        entries = self._entries(file, saved)
        sound = self._sourced(file, entries, saved.page_chars)
        more = 0 if isinstance(saved.memory, SummaryMemory) else saved.memory.more
        return DigestDone(
            id=message.id,
            task=message.task,
            entries=sound,
            chars=saved.chars,
            dropped=len(entries) - len(sound),
            more=more,
            resumed_chars=resumed,
            kept=kept,
        )

    @property
    def _name(self) -> str:
        """What this is kept under beside the file's name."""
        message = self._message
        return f"find {message.wanted}" if message.task == "find" else message.task

    def _fresh_memory(self) -> Memory:
        if self._message.task == "find":
            return FindMemory(self._message.wanted)
        return SummaryMemory() if self._message.task == "summarize" else DatesMemory()

    def _take(self, memory: Memory, chunk: Kept) -> None:
        """Have the memory take a chunk. What fails in the middle of one is taken anew later."""
        if isinstance(memory, FindMemory):
            before = len(memory.found), memory.more
            try:
                memory.take(chunk.start, chunk.text, self._pick)
            except (Cancelled, UserError):
                del memory.found[before[0] :]
                memory.more = before[1]
                raise
        else:
            memory.take(chunk.start, chunk.text, self._embed)

    def _pick(self, sentences: Sequence[str]) -> Sequence[int]:
        """The numbers of the sentences about what is wanted: near to it by meaning, where that can
        be told, and among these the ones that the language model names.
        """
        self._check()
        near = self._near(sentences)
        if not near:
            return ()
        count = len(near)
        said = self._service.model.complete_in_background(
            "",
            question_about(self._message.wanted, [sentences[at] for at in near]),
            4 * count + 4,
            lambda: self._session.is_cancelled(self._message.id),
            grammar=numbers_grammar(count, count),
        )
        self._check()
        return [near[number - 1] + 1 for number in numbers_said(said.text, count)]

    def _near(self, sentences: Sequence[str]) -> list[int]:
        """Which sentences may be about what is wanted: all of them without a search model."""
        engine = self._service.engine
        if engine.model is None or self._service.governor.decision.words_only:
            return list(range(len(sentences)))
        if self._wanted is None:
            self._wanted = engine.embedder().question(self._message.wanted).vector
        near = self._embed(sentences) @ self._wanted >= engine.about_cosine * NEAR_SHARE
        return [int(at) for at in np.flatnonzero(near)]

    def _stream(self, file: FileRef, saved: Saved) -> None:
        """Read on from where the memory ends, until the text does. Raises Cancelled."""
        total = self._length(file)
        told = partial = kept = time.monotonic()
        for chunk in self._texts(file, saved):
            if chunk.end <= saved.chars:
                continue
            self._take(saved.memory, chunk)
            saved.chars = chunk.end
            now = time.monotonic()
            if now - partial > PARTIAL_S:
                entries = self._entries(file, saved)[:TOLD_ENTRIES]
                self._tell("reading", saved.chars, total, entries)
                told = partial = time.monotonic()
            elif now - told > TELL_S:
                self._tell("reading", saved.chars, total)
                told = now
            if now - kept > SAVE_S:
                self._kept.save(self._name, saved)
                kept = now
        if isinstance(saved.memory, SummaryMemory):
            saved.memory.finish(self._embed)
        saved.whole = True

    def _texts(self, file: FileRef, saved: Saved) -> Iterator[Kept]:
        """The chunks of a file, with nothing in them that cannot be written down."""
        for reply in self._readers.extract(file):
            self._check()
            if isinstance(reply, Extracted):
                saved.page_chars = reply.page_chars
            else:
                for chunk in reply.chunks:
                    yield Kept(chunk.start, chunk.end, _plain(chunk.text))

    def _entries(self, file: FileRef, saved: Saved) -> list[DigestEntry]:
        """What the memory has, without places yet."""
        memory = saved.memory
        if isinstance(memory, SummaryMemory):
            found = memory.result(self._embed, saved.chars)
            return [DigestEntry("sentence", _quoted(file, one)) for one in found]
        if isinstance(memory, FindMemory):
            return [DigestEntry("sentence", _quoted(file, one)) for one in memory.found]
        return [
            DigestEntry("date", _quoted(file, d.sentence, d.mark), date=d.iso, unsure=d.unsure)
            for d in memory.result()
        ]

    def _sourced(
        self, file: FileRef, entries: Sequence[DigestEntry], page_chars: tuple[int, ...]
    ) -> tuple[DigestEntry, ...]:
        """The entries with their places, without those whose words are not in the file."""
        quotes = [entry.new for entry in entries if entry.new is not None]
        places = self._placed(file, quotes, page_chars)
        return tuple(
            msgspec.structs.replace(entry, new=placed)
            for entry, placed in zip(entries, places, strict=True)
            if placed is not None
        )

    def _placed(
        self, file: FileRef, quotes: Sequence[Quoted], page_chars: tuple[int, ...]
    ) -> list[Quoted | None]:
        """Each quote with its place; None where the file does not have exactly these words."""
        if not quotes:
            return []
        order = sorted(range(len(quotes)), key=lambda at: quotes[at].start)
        spans = tuple((quotes[at].start, quotes[at].end) for at in order)
        [read] = self._readers.read([Wanted(file, spans, page_chars)])
        if isinstance(read, FileError):
            raise read
        found: list[Quoted | None] = [None] * len(quotes)
        for at, passage in zip(order, read, strict=True):
            if _plain(passage.text) == quotes[at].text:
                found[at] = msgspec.structs.replace(quotes[at], locator=passage.locator)
        return found

    # --- two files ----------------------------------------------------------------------

    def changes(self, old: FileRef, new: FileRef) -> DigestDone:
        """What changed from one file to the other. Raises FileError, UserError, Cancelled."""
        left, left_pages = self._sentences(old)
        right, right_pages = self._sentences(new)
        chars = sum(side[-1].end for side in (left, right) if side)
        self._tell("comparing", chars, chars)
        found = compare([one.text for one in left], [one.text for one in right])
        self._check()
        was = self._side(old, left, [(c.old, c.old_marks) for c in found], left_pages)
        now = self._side(new, right, [(c.new, c.new_marks) for c in found], right_pages)
        entries = tuple(
            DigestEntry(change.kind, new=after, old=before)
            for change, before, after in zip(found, was, now, strict=True)
            if _whole(change, before, after)
        )
        return DigestDone(
            id=self._message.id,
            task="changes",
            entries=entries,
            chars=chars,
            dropped=len(found) - len(entries),
            kept=False,
        )

    def _sentences(self, file: FileRef) -> tuple[list[Kept], tuple[int, ...]]:
        """The sentences of a whole file and its pages. Raises UserError when it is too long."""
        saved = Saved((_stamp(file),), DatesMemory())
        sentences: list[Kept] = []
        total = self._length(file)
        told = time.monotonic()
        for chunk in self._texts(file, saved):
            if chunk.end > MOST_COMPARED_CHARS:
                raise UserError(
                    f"{file.path} is too long to be compared.",
                    f"At most {MOST_COMPARED_CHARS // 1_000_000} million characters can be.",
                )
            sentences += [
                Kept(chunk.start + a, chunk.start + b, chunk.text[a:b])
                for a, b in sentence_spans(chunk.text)
            ]
            if time.monotonic() - told > TELL_S:
                told = time.monotonic()
                self._tell("reading", chunk.end, total)
        return sentences, saved.page_chars

    def _side(
        self,
        file: FileRef,
        sentences: Sequence[Kept],
        wanted: Sequence[tuple[int | None, tuple[tuple[int, int], ...]]],
        page_chars: tuple[int, ...],
    ) -> list[Quoted | None]:
        """For each change its sentence in one of the files."""
        quotes = {
            at: _quoted(file, sentences[number], *marks)
            for at, (number, marks) in enumerate(wanted)
            if number is not None
        }
        placed = self._placed(file, list(quotes.values()), page_chars)
        by_change = dict(zip(quotes, placed, strict=True))
        return [by_change.get(at) for at in range(len(wanted))]

    # --- common -------------------------------------------------------------------------

    def _tell(
        self,
        phase: Literal["reading", "comparing"],
        done: int,
        total: int | None,
        entries: Sequence[DigestEntry] = (),
    ) -> None:
        self._session.reply(DigestProgress(self._message.id, phase, done, total, tuple(entries)))

    def _check(self) -> None:
        """Step aside while somebody waits for an answer. Raises Cancelled when given up."""
        self._service.wait_for_people(STEP_ASIDE_S)
        if self._session.is_cancelled(self._message.id):
            raise Cancelled

    def _length(self, file: FileRef) -> int | None:
        """How long the text of a file is, where the index knows."""
        document = self._service.catalogue().document_at(file.path)
        view = self._service.engine.view
        if document is None or len(chunks := view.chunks_of(document)) == 0:
            return None
        return view.spans(view.place(int(chunks[0]))).spans[-1][1]

    def _embed(self, texts: Sequence[str]) -> Floats:
        """Vectors of sentences; those of shared words where the search model is not at hand."""
        service = self._service
        if service.engine.model is None or service.governor.decision.words_only:
            return word_vectors(texts)
        missing = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        for at in range(0, len(missing), EMBED_TOGETHER):
            self._check()
            part = missing[at : at + EMBED_TOGETHER]
            self._vectors |= zip(part, service.engine.embedder().embed(part), strict=True)
        found: Floats = np.stack([self._vectors[text] for text in texts])
        for text in list(self._vectors)[:-MOST_VECTORS]:
            del self._vectors[text]
        return found


def _stamp(file: FileRef) -> Stamp:
    return Stamp(file.path, file.size_bytes, file.mtime_ns)


def _plain(text: str) -> str:
    """The text, of the same length, with marks for lone halves of characters."""
    return text.encode("utf-8", "replace").decode()


def _quoted(file: FileRef, kept: Kept, *marks: tuple[int, int]) -> Quoted:
    return Quoted(file.path, Locator(), kept.start, kept.end, kept.text, marks)


def _whole(change: Change, before: Quoted | None, after: Quoted | None) -> bool:
    """Whether both sides of a change that it should have are there."""
    return (change.old is None) == (before is None) and (change.new is None) == (after is None)
