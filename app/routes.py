"""Which request is one for which of the service's threads."""

from __future__ import annotations

from typing import Literal

from app.budget_report import is_preview
from app.conversations import KINDS as CONVERSATION_KINDS
from core.messages import (
    Ask,
    BudgetRequest,
    ConversationGet,
    ConversationsList,
    Doctor,
    FilesList,
    FoldersAdd,
    FoldersCheck,
    FoldersList,
    FoldersRemove,
    Forget,
    Index,
    KeptRequest,
    MemoriesRequest,
    Message,
    ModelsRequest,
    PagePreview,
    Pause,
    Preview,
    Raise,
    Related,
    Retry,
    Search,
    SearchesRequest,
    SettingsGet,
    SettingsSet,
    Shutdown,
    StatusRequest,
    Subscribe,
    TagsRequest,
)

Thread = Literal["work", "search", "ask", "look"]

_WORK = (
    Index,
    Retry,
    FoldersAdd,
    FoldersRemove,
    Forget,
    Doctor,
    BudgetRequest,
    SettingsSet,
    ModelsRequest,
)
_SEARCH = (Search, Related, Preview, PagePreview)
_TABLES = (StatusRequest, FoldersList, FoldersCheck, FilesList, SettingsGet)
_LOOK = (
    *_TABLES,
    *CONVERSATION_KINDS,
    KeptRequest,
    MemoriesRequest,
    SearchesRequest,
    TagsRequest,
)
_WRITES_NOTHING = (
    *_SEARCH,
    *_TABLES,
    ConversationsList,
    ConversationGet,
    Pause,
    Subscribe,
    Raise,
    Shutdown,
)


def thread_for(message: Message) -> Thread | None:
    """The thread that carries a request out; None for what is done at once."""
    if isinstance(message, _SEARCH) or _suggests(message):
        return "search"
    if isinstance(message, _LOOK) or _only_looks(message):
        return "look"
    if isinstance(message, _WORK):
        return "work"
    return "ask" if isinstance(message, Ask) else None


def writes(message: Message) -> bool:
    """Whether a request may change the home, so that it has to wait where that is not there."""
    return not isinstance(message, _WRITES_NOTHING)


def _suggests(message: Message) -> bool:
    """Whether a request about tags needs a search."""
    return isinstance(message, TagsRequest) and message.action == "suggest"


def _only_looks(message: Message) -> bool:
    """Whether a request of a kind that changes things changes nothing."""
    return isinstance(message, BudgetRequest) and is_preview(message)
