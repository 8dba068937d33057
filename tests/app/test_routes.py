"""Each request goes to the thread whose subject it is; what only looks waits for no change."""

from __future__ import annotations

import pytest

from app.routes import Thread, thread_for, writes
from core.messages import (
    Ask,
    BudgetRequest,
    ConversationDelete,
    ConversationsList,
    Index,
    Message,
    Pause,
    Search,
    SettingsGet,
    SettingsSet,
    Shutdown,
    StatusRequest,
    TagsRequest,
)

ROUTES: tuple[tuple[Message, Thread | None, bool], ...] = (
    (Index(1), "work", True),
    (SettingsSet(1, "window.theme", "dark"), "work", True),
    (BudgetRequest(1, disk_bytes=10**9), "work", True),
    (BudgetRequest(1, disk_bytes=10**9, preview=True), "look", True),
    (BudgetRequest(1), "look", True),
    (Search(1, "lease"), "search", False),
    (TagsRequest(1, "suggest", "housing"), "search", True),
    (TagsRequest(1), "look", True),
    (StatusRequest(1), "look", False),
    (SettingsGet(1), "look", False),
    (ConversationsList(1), "look", False),
    (ConversationDelete(1, 1), "look", True),
    (Ask(1, "When does the lease end?"), "ask", True),
    (Pause(1, True), None, False),
    (Shutdown(1), None, False),
)


@pytest.mark.parametrize(("message", "thread", "may_write"), ROUTES)
def test_who_carries_it_out(message: Message, thread: Thread | None, may_write: bool) -> None:
    assert thread_for(message) == thread
    assert writes(message) == may_write
