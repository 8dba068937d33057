"""Answers that were given before: given again at once when nothing they rest on has changed."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from app.memories import Memories
from core.chat.alike import read
from core.chat.answer_cache import (
    FITTED_FOR,
    FileMark,
    Floats,
    KeptAnswer,
    Rests,
    other_words,
    same_words,
    speaks_of_now,
    stands_alone,
    to_drop,
)
from core.llm.store import installed
from core.messages import (
    EVERYWHERE,
    AnswerDone,
    AnswerSources,
    Ask,
    ChatTurn,
    Citation,
    ProtocolError,
    Scope,
    decode,
    encode,
)
from core.store.kept_answers import KeptAnswerTable

if TYPE_CHECKING:
    from app.service import Service

MB = 1_000_000
# Settings under these names that do not change what an answer says.
_BESIDE = ("assistant.idle_minutes", "assistant.kept_answers_mb", "search.idle_minutes")
NO_VECTOR: Floats = np.empty(0, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Recall:
    """What is known of a question before its files are searched.

    `vector` is the question's, empty when nothing is embedded. `kept` is an answer to it that
    may still hold: it does for sure with `unchanged`, and otherwise when a search finds the
    passages that it was made from. `keeps` says whether a new answer may be kept.
    """

    question: str
    vector: Floats
    rests: Rests
    kept: KeptAnswer | None = None
    unchanged: bool = False
    keeps: bool = False


@dataclass(frozen=True, slots=True)
class Again:
    """A kept answer as it was sent, and its age in seconds."""

    shown: AnswerSources
    done: AnswerDone


class KeptAnswers:
    """Looks up and keeps answers. For the `ask` thread."""

    def __init__(self, service: Service, memories: Memories) -> None:
        self._service = service
        self._memories = memories
        self._table = KeptAnswerTable(service.history.own)

    def recall(
        self,
        message: Ask,
        question: str,
        earlier: Sequence[ChatTurn],
        by_words: bool,
        scope: Scope = EVERYWHERE,
    ) -> Recall:
        """What is known of a question; `by_words` says that nothing is embedded now.

        What another machine is to answer is neither looked up nor kept.
        """
        model = message.model or self._service.settings.text("assistant.model")
        rests = Rests(self._model_mark(model), self._settings_mark(scope), self._index_mark())
        wanted = self._most_bytes() > 0 and not message.remote
        keeps = wanted and not earlier and not by_words
        looks = wanted and not message.fresh and (not earlier or stands_alone(question))
        known = [one for one in self._table.all() if self._may_hold(one, rests)] if looks else []
        found = same_words(question, known)
        vector = NO_VECTOR
        if not found or not self._files_stand(found[0]):
            vector = NO_VECTOR if by_words else self._vector(question)
            if self._can_compare():
                found += other_words(question, vector, known)
        rests = replace(rests, memories=self._memories_mark(vector))
        kept = next((one for one in found if self._files_stand(one)), None)
        if kept is None:
            return Recall(question, vector, rests, keeps=keeps)
        rests = replace(rests, memories=kept.rests.memories)
        return Recall(question, vector, rests, kept, kept.rests == rests, keeps)

    def again(self, recall: Recall) -> Again | None:
        """The kept answer as it is to be sent; None when there is none that is sure."""
        if recall.kept is None or not recall.unchanged:
            return None
        return self._sent(recall.kept)

    def after_search(self, recall: Recall, sources: Sequence[Citation]) -> Again | None:
        """The kept answer, if the search found what it was made from though the index changed."""
        if recall.kept is None:
            return None
        sent = self._sent(recall.kept)
        if sent is None or sent.shown.sources != tuple(sources):
            return None
        self._table.confirm(recall.kept.turn, recall.rests)
        return sent

    def keep(
        self, recall: Recall, turn: int, sources: AnswerSources, done: AnswerDone, cost_ms: float
    ) -> None:
        """Keep an answer that was found, is supported, and was not stopped."""
        supported = done.found and done.citations and done.stopped != "cancelled"
        if not recall.keeps or not supported:
            return
        files = self._marks([source.path for source in sources.sources])
        if files is None:
            return
        known = self._table.all()
        normal = read(recall.question).normal
        older = [one.turn for one in known if read(one.question).normal == normal]
        now = time.time()
        rests = replace(recall.rests, index=self._index_mark())
        kept = KeptAnswer(
            turn, recall.question, recall.vector, rests, files, (encode(sources), encode(done)),
            cost_ms, now, 0, now,
        )  # fmt: skip
        others = [one for one in known if one.turn not in older]
        most = min(self._most_bytes(), self._service.engine.room())
        self._table.drop([*older, *to_drop([*others, kept], self._most_bytes(), now)])
        if kept.size_bytes <= most and turn not in to_drop([*others, kept], most, now):
            self._table.add(kept)

    # --- what an answer rests on --------------------------------------------------------

    def _may_hold(self, kept: KeptAnswer, rests: Rests) -> bool:
        """Whether all but the index is as it was for an answer."""
        remembered = self._memories_mark(kept.vector)
        if kept.rests != replace(rests, index=kept.rests.index, memories=remembered):
            return False
        if not speaks_of_now(kept.question):
            return True
        return time.localtime(kept.kept_at_s)[:3] == time.localtime()[:3]

    def _files_stand(self, kept: KeptAnswer) -> bool:
        """Whether every file of an answer is as it was; an answer that is out of date goes."""
        for mark in kept.files:
            try:
                status = os.stat(mark.path)  # noqa: PTH116 - the path may not be UTF-8
            except OSError:
                return False  # it may only be out of reach
            if (status.st_size, status.st_mtime_ns) != (mark.size_bytes, mark.mtime_ns):
                self._table.drop([kept.turn])
                return False
        return True

    def _marks(self, paths: Sequence[str]) -> tuple[FileMark, ...] | None:
        """The files as they were indexed; None when the catalogue no longer has one of them."""
        catalogue = self._service.catalogue()
        marks = []
        for path in dict.fromkeys(paths):
            document = catalogue.document_at(path)
            refs = [] if document is None else catalogue.files_of([document]).get(document, [])
            ref = next((ref for ref in refs if ref.path == path), None)
            if ref is None:
                return None
            marks.append(FileMark(path, ref.size_bytes, ref.mtime_ns))
        return tuple(marks)

    def _model_mark(self, name: str) -> str:
        """The model that is asked for, all that are installed, and the search model."""
        here = installed(self._service.home.models)
        files = [file for one in here for file in (one.path, *(a.path for a in one.adapters))]
        stats = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
        embedding = self._service.engine.model
        return _mark((name, stats, embedding and embedding.description.fingerprint))

    def _settings_mark(self, scope: Scope) -> str:
        """What the settings say of answers, and where this one is looked for."""
        table = self._service.settings.table()
        said = [
            (row["key"], row["value"])
            for row in table
            if str(row["key"]).startswith(("assistant.", "search.")) and row["key"] not in _BESIDE
        ]
        return _mark(said if scope == EVERYWHERE else (said, msgspec.to_builtins(scope)))

    def _memories_mark(self, vector: Floats) -> str:
        """What is remembered of the person that bears on a question with this vector."""
        return _mark([one.text for one in self._memories.used_for(vector)])

    def _index_mark(self) -> str:
        return "-".join(map(str, self._service.catalogue().state()))

    def _most_bytes(self) -> int:
        return int(self._service.settings.number("assistant.kept_answers_mb") * MB)

    def _can_compare(self) -> bool:
        """Whether the cosines of this search model are those that were measured."""
        return self._service.engine.model_name == FITTED_FOR

    def _vector(self, question: str) -> Floats:
        if self._service.engine.model is None:
            return NO_VECTOR
        vector = self._service.engine.embedder().embed_query(question)
        return vector.astype("<f2").astype(np.float32)  # as it is kept

    def _sent(self, kept: KeptAnswer) -> Again | None:
        """The messages of an answer; None, and it goes, when another version sent them."""
        try:
            sources, done = map(decode, kept.replies)
        except (ProtocolError, ValueError):
            self._table.drop([kept.turn])
            return None
        assert isinstance(sources, AnswerSources)
        assert isinstance(done, AnswerDone)
        self._table.note_use(kept.turn)
        age_s = round(max(0.0, time.time() - kept.kept_at_s), 1)
        return Again(sources, msgspec.structs.replace(done, cached_age_s=age_s, offers=()))


def without_question(turns: Sequence[ChatTurn], question: str) -> list[ChatTurn]:
    """The turns but those in which this question was asked before."""
    normal = read(question).normal
    pairs = zip(turns[::2], turns[1::2], strict=False)
    return [turn for pair in pairs if read(pair[0].text).normal != normal for turn in pair]


def _mark(value: object) -> str:
    """A short text that changes with a value."""
    return hashlib.sha256(repr(value).encode("utf-8", "backslashreplace")).hexdigest()[:16]
