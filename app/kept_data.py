"""What is kept of the person: shown with its place and size, and deleted for good when asked."""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.crash_reports import kept_reports
from app.reports import Table
from core.budget.measure import models_bytes
from core.home import Home
from core.llm.kv.saved import forget_conversation
from core.messages import KeptRequest
from core.store.kept_answers import KeptAnswerTable
from core.store.memories import MemoryTable

if TYPE_CHECKING:
    from app.service import Service

SHOWN_REPORTS, LONGEST_REPORT = 3, 40_000


def kept_data(service: Service, message: KeptRequest) -> Table:
    """Delete what a request names, if it does; then all that is kept, and where."""
    own = service.history.own
    if message.delete == "conversations":
        forget_conversations(service, service.history.delete_all())
    elif message.delete == "answers":
        table = KeptAnswerTable(own)
        table.drop([one.turn for one in table.all()])
        own.scrub()
    elif message.delete == "memories":
        MemoryTable(own).clear()
    elif message.delete == "searches":
        service.recent.kept.clear()
    home = service.home
    conversations, turns = service.history.counts()
    kept = KeptAnswerTable(own).all()
    index = (home.catalogue, home.segments, home.text_cache, home.digests)
    return {
        "kept": [
            {
                "kind": "conversations", "count": conversations, "turns": turns,
                "path": str(home.history),
                "bytes": _size(home.history) + _size(home.saved_kv),
            },
            {
                "kind": "answers", "count": len(kept), "path": str(home.history),
                "bytes": sum(one.size_bytes for one in kept),
            },
            {
                "kind": "memories", "count": len(MemoryTable(own).all()),
                "path": str(home.history), "bytes": None,
            },
            {
                "kind": "searches", "count": len(service.recent.kept.all()),
                "path": str(home.recent_searches), "bytes": _size(home.recent_searches),
            },
            {
                "kind": "index", "count": service.catalogue().totals()[0],
                "path": str(home.data), "bytes": sum(_size(path) for path in index),
            },
            {"kind": "models", "path": str(home.models), "bytes": models_bytes(home)},
        ],
        "about": {
            "version": importlib.metadata.version("satchel"),
            "python": platform.python_version(),
            "system": platform.platform(terse=True),
            "settings": str(home.config),
            "data": str(home.data),
            "cache": str(home.cache),
            "models": str(home.models),
            "crash_reports": crash_reports(home),
        },
    }  # fmt: skip


def crash_reports(home: Home) -> list[dict[str, str]]:
    """The newest reports of mistakes, to be read and copied: where each is, and its text."""
    found = []
    for path in kept_reports(home)[:SHOWN_REPORTS]:
        with contextlib.suppress(OSError):  # it was removed meanwhile
            text = path.read_text("utf-8", "replace")
            found.append({"path": str(path), "text": text[:LONGEST_REPORT]})
    return found


def forget_conversations(service: Service, numbers: Sequence[int]) -> None:
    """Drop what language models keep of conversations that are gone, in memory and on disk."""
    for number in numbers:
        service.model.forget_saved(number)
        forget_conversation(service.home.saved_kv, number)


def _size(path: Path) -> int:
    """Bytes of a file with its log beside it, or of all files in a folder."""
    if path.is_dir():
        found = list(path.rglob("*"))
    else:
        found = [path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))]
    total = 0
    for one in found:
        try:
            total += one.stat().st_size if one.is_file() else 0
        except OSError:
            continue  # it has just gone
    return total
