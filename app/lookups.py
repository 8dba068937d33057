"""What the service answers without changing anything: searches, previews and tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from app.budget_report import preview_budget
from app.checks import why
from app.conversations import KINDS
from app.kept_data import kept_data
from app.previews import Previews
from app.reports import folders_report, status_report
from app.scope import known_folder
from app.search_mode import Means, choose_mode, means
from app.search_times import SearchTimes
from app.session import Session
from core.errors import Cancelled, UserError
from core.files.folders import absolute, load_folders
from core.index.phrases import parse
from core.index.search import Query, Results, Searcher
from core.messages import (
    BudgetRequest,
    FilesList,
    FoldersCheck,
    FoldersList,
    KeptRequest,
    MemoriesRequest,
    Message,
    PagePreview,
    PhraseCount,
    Preview,
    Related,
    Report,
    Search,
    SearchesRequest,
    SearchProgress,
    SearchResults,
    SettingsGet,
    StatusRequest,
    TagsRequest,
)
from core.store.rows import FileState

if TYPE_CHECKING:
    from app.service import Service

DEADLINE_S = 4.0
REST_S = 0.15  # between keys: what a person still types is not looked for by meaning
PHRASES_TOLD_FROM = 32  # documents to be read
EXACT_DEADLINE_S = 86_400.0


class Lookups:
    """Handlers for the `search` and `look` threads."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._exact: tuple[object, Searcher] | None = None
        self._times = SearchTimes(service.home)
        self._previews = Previews(service)

    def let_go(self) -> None:
        """Give up what an exact search has embedded."""
        self._exact = None

    # --- search thread ------------------------------------------------------------------

    def search(self, session: Session, message: Message) -> None:
        """Search, related passages, and previews."""
        if isinstance(message, Search):
            self._search(session, message)
        elif isinstance(message, Related):
            self._related(session, message)
        elif isinstance(message, TagsRequest):
            self._service.tags.suggest(session, message)
        elif isinstance(message, Preview):
            session.reply(self._previews.text(message))
        elif isinstance(message, PagePreview):
            session.reply(self._previews.page(message))

    def _searcher(self, exact: bool) -> Searcher:
        """A searcher; the one that has embedded everything is kept while the index stands."""
        service = self._service
        view = service.engine.view
        if exact and self._exact is not None and self._exact[0] is view:
            return self._exact[1]
        searcher = service.engine.searcher(service.query_readers, service.catalogue())
        if exact:
            self._exact = (view, searcher)
        return searcher

    def _search(self, session: Session, message: Search) -> None:
        if message.k < 1:
            raise UserError("The number of results must be at least 1.", "Give -k a number.")
        after_s, before_s = message.after_s, message.before_s
        if after_s is not None and before_s is not None and before_s <= after_s:
            raise UserError(
                "No day lies between the two that the search is narrowed to.",
                "Let the day of --after come before that of --before.",
            )
        query = Query(
            text=message.query.encode("utf-8", "replace").decode(),
            k=message.k,
            mode=message.mode,
            below=None
            if message.folder is None
            else known_folder(self._service.home, message.folder),
            suffixes=message.file_types,
            dates=(after_s, before_s),
            fold=bool(self._service.settings.get("search.fold_copies")),
            paths=None if message.tag is None else self._service.tags.paths(message.tag),
        )

        phrases = bool(parse(query.text).phrases)
        if message.early and message.mode == "hybrid" and self._means().has_words and not phrases:
            query = self._first(session, message, query)
            self._service.later(
                REST_S,
                session,
                message,
                lambda _session, _message: self._whole(session, message, query),
            )
        else:
            self._whole(session, message, query)

    def _first(self, session: Session, message: Search, query: Query) -> Query:
        """Reply with what is found by words at once; the query as it is to be searched for."""
        words = replace(query, mode="lexical")
        given_up = self._given_up(session, message)
        searcher = self._searcher(exact=False)
        first = searcher.search(words, 0, DEADLINE_S, given_up)
        if not first.hits:  # the last word may be half typed
            query, words = replace(query, typing=True), replace(words, typing=True)
            first = searcher.search(words, 0, DEADLINE_S, given_up)
        session.reply(self._reply(message.id, first, final=False))
        return query

    @staticmethod
    def _given_up(session: Session, message: Search) -> Callable[[], bool]:
        def given_up() -> bool:
            stale = message.early and session.outdated(message.id)
            return stale or session.is_cancelled(message.id)

        return given_up

    def _whole(self, session: Session, message: Search, query: Query) -> None:
        """Reply with what is found by words and by meaning. Raises Cancelled."""
        given_up = self._given_up(session, message)
        if given_up():
            raise Cancelled
        phrases = bool(parse(query.text).phrases)
        mode, note = choose_mode(message.mode, self._means(), phrases=phrases)
        searcher = self._searcher(message.exact)
        limit = int(self._service.settings.number("search.max_recomputes"))
        if mode != "lexical":
            self._service.governor.check_memory()
        results = searcher.search(
            replace(query, mode=mode),
            limit,
            EXACT_DEADLINE_S if message.exact else DEADLINE_S,
            given_up,
            exact=message.exact,
            on_phrases=lambda done, total: self._tell(session, message.id, done, total),
        )
        note = note or self._service.engine.damage(self._service.catalogue())
        session.reply(self._reply(message.id, results, final=True, note=note))
        if not message.exact:
            self._times.note(self._service.engine.model_name, results)

    def _means(self) -> Means:
        engine, memory = self._service.engine, self._service.governor.decision
        has_model, has_memory = engine.model is not None, not memory.words_only
        return means(engine.view, has_model=has_model, has_memory=has_memory)

    @staticmethod
    def _tell(session: Session, number: int, done: int, total: int) -> None:
        """Tell how far a phrase was looked for, where that takes a while."""
        if total > PHRASES_TOLD_FROM:
            session.reply(SearchProgress(number, done, total))

    def _reply(
        self, number: int, results: Results, final: bool, note: str | None = None
    ) -> SearchResults:
        return SearchResults(
            id=number,
            hits=self._service.tags.on(results.hits),
            final=final,
            recomputed=results.recomputed,
            from_cache=results.from_cache,
            timings_ms=results.timings_ms,
            phrases=None
            if results.phrases is None
            else PhraseCount(
                results.phrases.occurrences, results.phrases.documents, results.phrases.unread
            ),
            note=note,
        )

    def _related(self, session: Session, message: Related) -> None:
        self._service.governor.check_memory()
        searcher = self._searcher(exact=False)
        position = self._position(message)
        limit = int(self._service.settings.number("search.max_recomputes"))
        fold = bool(self._service.settings.get("search.fold_copies"))
        results = searcher.related(position, message.k, limit, DEADLINE_S, fold)
        session.reply(self._reply(message.id, results, final=True))

    def _position(self, message: Related) -> int:
        """The chunk at the asked place of a file; its first chunk when no place is asked."""
        view = self._service.engine.view
        path = absolute(message.path)
        document = self._service.catalogue().document_at(path)
        nothing = UserError(
            f"{path} has no indexed text.", f"See why with: satchel folders check {path}"
        )
        if document is None:
            raise nothing
        chunks = view.chunks_of(document)
        if len(chunks) == 0:
            raise nothing
        spans = view.spans(view.place(int(chunks[0])))
        start = message.start
        if start is None and message.page is not None:
            start = sum(spans.page_chars[: max(0, message.page - 1)])
        if start is None and message.line is not None:
            start = self._previews.start_of_line(
                document, spans.spans, spans.page_chars, message.line
            )
        at = 0
        for number, (first, _) in enumerate(spans.spans):
            if start is not None and first <= start:
                at = number
        return int(chunks[at])

    # --- look thread --------------------------------------------------------------------

    def look(self, session: Session, message: Message) -> None:
        """Tables of what there is."""
        session.reply(Report(int(getattr(message, "id", 0)), self._table(message)))

    def _table(self, message: Message) -> object:
        service = self._service
        if isinstance(message, BudgetRequest):
            return preview_budget(service, service.catalogue(), message)
        if isinstance(message, StatusRequest):
            state, reason = service.work.standing.now()
            return status_report(
                service.engine,
                service.catalogue(),
                service.home,
                service.settings,
                service.pids(),
                {
                    "state": state,
                    "reason": reason,
                    "stage": service.governor.decision.stage.name.lower(),
                    "held_back": list(service.governor.decision.reasons),
                    "set_aside": list(service.deaths),
                    "repaired": list(service.engine.repaired),
                    "damage": service.engine.damage(service.catalogue()),
                },
                service.index_readers.protections or service.query_readers.protections,
                service.model.held(),
                service.model.last_loaded,
            )
        if isinstance(message, FoldersList):
            return folders_report(service.catalogue(), load_folders(service.home.folders))
        if isinstance(message, FoldersCheck):
            path = absolute(message.path)
            folders = load_folders(service.home.folders)
            found = why(path, folders, service.engine.rules, service.catalogue().files)
            return {"path": path, "indexed": found.indexed, "rule": found.rule}
        if isinstance(message, FilesList):
            files = service.catalogue().files
            if message.state == "offline":
                return files.offline(message.folder, message.limit)
            wanted = {
                "failed": FileState.FAILED,
                "skipped": FileState.SKIPPED,
                "needs_ocr": FileState.NEEDS_OCR,
            }[message.state]
            return files.in_state((wanted,), message.folder, message.limit)
        if isinstance(message, SettingsGet):
            return service.settings.table()
        return self._own(message)

    def _own(self, message: Message) -> object:
        """What is the person's own."""
        service = self._service
        if isinstance(message, KINDS):
            return service.conversations.carry_out(message)
        if isinstance(message, KeptRequest):
            return kept_data(service, message)
        if isinstance(message, MemoriesRequest):
            return service.memories.carry_out(message)
        if isinstance(message, TagsRequest):
            return service.tags.carry_out(message)
        if isinstance(message, SearchesRequest):
            return service.recent.carry_out(message)
        raise TypeError(type(message).__name__)
