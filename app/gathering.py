"""What the files say about a question: searched for, read sentence by sentence, weighed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from app.search_mode import choose_mode, means
from core.chat.assistant import PASSAGES_SEARCHED, Gathered, gather
from core.chat.evidence import load_evidence
from core.chat.expected import is_request
from core.chat.followups import stand_alone
from core.index.search import Query
from core.messages import EVERYWHERE, ChatTurn, Mode, Scope

if TYPE_CHECKING:
    from app.service import Service

SEARCH_DEADLINE_S = 3.0


class Gathering:
    """Looks for what answers a question. For the `ask` thread."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._evidence = load_evidence()

    @property
    def by_words(self) -> bool:
        """Whether nothing can be embedded now."""
        service = self._service
        return service.engine.model is None or service.governor.decision.words_only

    @property
    def mode(self) -> Mode:
        """By what a search finds passages now."""
        engine, memory = self._service.engine, self._service.governor.decision
        has_model, has_memory = engine.model is not None, not memory.words_only
        mode, _ = choose_mode(
            "hybrid", means(engine.view, has_model=has_model, has_memory=has_memory)
        )
        return mode

    def gather(
        self,
        question: str,
        turns: Sequence[ChatTurn],
        mode: Mode,
        given_up: Callable[[], bool],
        scope: Scope = EVERYWHERE,
    ) -> Gathered:
        """The passages for a question, which is searched for with what it leans on."""
        service, engine = self._service, self._service.engine
        by_words = self.by_words
        whole = stand_alone(question, turns)
        searcher = engine.searcher(service.query_readers, service.catalogue())
        results = searcher.search(
            Query(
                whole,
                PASSAGES_SEARCHED,
                mode,
                below=scope.folder,
                paths=frozenset(scope.files) if scope.files else None,
                fold=bool(service.settings.get("search.fold_copies")),
            ),
            int(service.settings.number("search.max_recomputes")),
            SEARCH_DEADLINE_S,
            given_up,
        )
        # What is enough was fitted to questions that one sentence answers.
        alike = engine.model_name == self._evidence.embedding_model and not is_request(question)
        fitted = by_words or alike
        return gather(
            results,
            whole,
            None if by_words else engine.embedder(),
            self._evidence,
            int(service.settings.number("assistant.passage_tokens")),
            None if fitted else engine.about_cosine,
            bare=question,
        )
