"""The tables that status, budget, folders and models show, as plain JSON values."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import msgspec

from app.budget_report import used_on_disk
from app.machine import device_report
from app.planning import Choices, measure_corpus
from core.budget.facts import Corpus
from core.budget.measure import measure_disk, memory_by_part, models_bytes
from core.files.folders import WatchedFolder
from core.home import Home
from core.index.engine import Engine
from core.index.indexer import Outcome
from core.index.levels import LEVELS, MEASURED_WITH
from core.llm.store import installed
from core.messages import ModelLoaded, WeightsHeld
from core.settings import Settings
from core.store.catalogue import Catalogue
from core.store.rows import FileState
from core.text.programs import find_programs
from core.text.wanted import USED

Table = dict[str, object]

MOST_FAILURES = 100  # named after a run


def status_report(
    engine: Engine,
    catalogue: Catalogue,
    home: Home,
    settings: Settings,
    pids: Mapping[str, Sequence[int]],
    state: Table,
    protections: Sequence[str] | None,
    weights: WeightsHeld | None,
    loaded: ModelLoaded | None,
) -> Table:
    """Device, budgets, usage by component, index, readers and model."""
    chunks, text_bytes = catalogue.totals()
    embedding = engine.model.description if engine.model else None
    moving = engine.progress_of_next()
    return {
        "device": device_report(home),
        "budgets": dataclasses.asdict(Choices(settings).limits),
        "usage": {
            "disk_bytes": measure_disk(home).total,
            "store_bytes": store_bytes(measure_corpus(home, engine, catalogue)),
            "models_bytes": models_bytes(home),
            "memory_bytes": memory_by_part(pids),
        },
        "index": {
            **state,
            "files": catalogue.files.coverage(),
            "chunks": chunks,
            "text_bytes": text_bytes,
            "segments": engine.store.segment_count,
            "moving": None if moving is None else dataclasses.asdict(moving),
            **_level_report(engine),
        },
        "readers": readers_report(protections),
        "model": {
            "embedding": embedding.name if embedding else None,
            "embedding_fidelity": msgspec.to_builtins(embedding.fidelity) if embedding else None,
            "assistant": settings.text("assistant.model"),
            "assistant_installed": settings.text("assistant.model")
            in {one.name for one in installed(home.models)},
            "weights": weights_report(weights),
            "memory": memory_report(loaded if weights is not None else None),
        },
        "settings": settings.table(),
    }


def weights_report(held: WeightsHeld | None) -> Table | None:
    """How the weights of the model that is loaded are kept in memory; None when none is."""
    if held is None:
        return None
    asked = held.hits + held.misses
    rate = round(held.hits / asked, 4) if asked else None
    return {**msgspec.structs.asdict(held), "hit_rate": rate}


def memory_report(loaded: ModelLoaded | None) -> Table | None:
    """What the memory of the model that is loaded is made of, and what of it is switched off."""
    if loaded is None:
        return None
    return {
        "cell_type": loaded.cell_type,
        "context_tokens": loaded.context_tokens,
        "switched_off": loaded.memory_why or None,
    }


def index_report(home: Home, engine: Engine, outcome: Outcome) -> Table:
    """What `satchel index` prints: totals for the store, not for the run."""
    counts = engine.catalogue.files.coverage()
    chunks, text_bytes = engine.catalogue.totals()
    waiting = counts.pop("waiting")
    counts["skipped"] += waiting
    return {
        "files": counts,
        "waiting": waiting,
        "chunks": chunks,
        "text_bytes": text_bytes,
        "store_bytes": store_bytes(measure_corpus(home, engine, engine.catalogue)),
        "seconds": round(outcome.seconds, 3),
        "embedded_chunks": outcome.embedded_chunks,
        "level": engine.store.dial.level.name,
        "level_chunks": engine.store.chunks_at_level,
        "words": engine.store.dial.words,
        "stopped": str(outcome.stopped) if outcome.stopped else None,
        "problems": list(outcome.unreadable),
        "failures": engine.catalogue.files.in_state(
            (FileState.FAILED, FileState.NEEDS_OCR), None, MOST_FAILURES
        ),
    }


def store_bytes(corpus: Corpus) -> dict[str, int]:
    """Bytes of the home by part; they add up to `total`."""
    parts = used_on_disk(corpus)
    return {**parts, "total": sum(parts.values())}


def readers_report(protections: Sequence[str] | None) -> Table:
    """What readers of files are kept from (None until one has run), and who converts for them."""
    programs = find_programs()
    return {
        "protections": None if protections is None else list(protections),
        "programs": {
            "tesseract": USED and programs.tesseract is not None,
            "libreoffice": USED and programs.office is not None,
        },
    }


def _level_report(engine: Engine) -> Table:
    """The level wished for, how many passages are at it, and what each level is predicted to be."""
    store = engine.store
    chunks, done = store.view.live_chunks, store.chunks_at_level
    return {
        "level": store.dial.level.name,
        "level_chunks": done,
        "levelling": done < chunks,
        "words": store.dial.words,
        "wordless_chunks": int(store.view.wordless.sum()),
        "code_bytes_a_chunk": engine.rotation.code_bytes if store.dial.level.code_bytes else 0,
        "levels": [dataclasses.asdict(level) for level in LEVELS],
        "levels_measured_with": MEASURED_WITH,
    }


def folders_report(catalogue: Catalogue, folders: Sequence[WatchedFolder]) -> list[Table]:
    """Each watched folder with its state and coverage."""
    known = {row.path: row for row in catalogue.files.folders()}
    report: list[Table] = []
    for folder in folders:
        row = known.get(folder.path)
        counts = catalogue.files.coverage(row.id) if row else None
        state = "new" if row is None else ("offline" if row.offline else "watched")
        report.append(
            {
                "path": folder.path,
                "state": state,
                "files": counts,
                "excluded": list(folder.exclude),
                "skipped_by_rule": catalogue.files.left_out(row.id) if row else {},
            }
        )
    return report
