"""The tables that status, budget, folders and models show, as plain JSON values."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import msgspec

from app.machine import device_report
from core.budget.measure import measure_disk, memory_of, models_bytes
from core.budget.plan import MB, Limits, Plan, make_plan
from core.files.folders import WatchedFolder
from core.home import Home
from core.index.engine import Engine
from core.index.indexer import Outcome
from core.index.levels import LEVELS, MEASURED_WITH, level_named
from core.index.models import (
    embedding_bytes,
    installed_embeddings,
    load_embedding_catalogue,
)
from core.index.rotations import kept_bytes
from core.llm.catalogue import load_catalogue
from core.llm.store import installed
from core.settings import Settings
from core.store.catalogue import Catalogue
from core.store.rows import FileState
from core.text.programs import find_programs
from core.text.wanted import USED

Table = dict[str, object]

MOST_FAILURES = 100  # named after a run
CONTEXT_BYTES_A_TOKEN = 12_240  # KV cell in q8_0 of the starter model, measured


def model_memory_bytes(home: Home, settings: Settings, chosen: str | None = None) -> int:
    """Memory that a language model takes when loaded; 0 when it is not installed.

    Without a name it is the one in the settings.
    """
    chosen = chosen or settings.text("assistant.model")
    context = int(settings.number("assistant.context_tokens"))
    for model in installed(home.models):
        if model.name == chosen:
            return int(model.size_bytes * 1.1) + context * CONTEXT_BYTES_A_TOKEN + 100 * MB
    return 0


def current_plan(
    home: Home,
    settings: Settings,
    disk_bytes: int | None = None,
    ram_bytes: int | None = None,
    model: str | None = None,
) -> Plan:
    """The plan for the budgets and the model as set, or as they would be. Raises UserError."""
    limits = Limits(
        disk_bytes if disk_bytes is not None else int(settings.number("budget.disk_mb") * MB),
        ram_bytes if ram_bytes is not None else int(settings.number("budget.ram_mb") * MB),
    )
    wish = int(settings.number("index.text_cache_mb") * MB)
    level = level_named(settings.text("index.level"))
    return make_plan(limits, wish, model_memory_bytes(home, settings, model), level)


def budget_report(
    home: Home, settings: Settings, disk_bytes: int | None, ram_bytes: int | None, preview: bool
) -> Table:
    """The plan for these budgets, with reasons, beside what is used now."""
    plan = current_plan(home, settings, disk_bytes, ram_bytes)
    used = measure_disk(home).total
    disk = disk_bytes if disk_bytes is not None else int(settings.number("budget.disk_mb") * MB)
    ram = ram_bytes if ram_bytes is not None else int(settings.number("budget.ram_mb") * MB)
    reasons = list(plan.reasons)
    if used > disk:
        reasons.append(
            f"{used / MB:.1f} MB are used already, more than this budget: nothing is removed, and "
            "new content waits until files or folders are taken out."
        )
    return {
        "preview": preview,
        "budgets": {"disk_bytes": disk, "ram_bytes": ram},
        "used": {"disk_bytes": used},
        "plan": {
            name: value for name, value in dataclasses.asdict(plan).items() if name != "reasons"
        },
        "reasons": reasons,
    }


def status_report(
    engine: Engine,
    catalogue: Catalogue,
    home: Home,
    settings: Settings,
    pids: Mapping[str, Sequence[int]],
    state: Table,
    protections: Sequence[str] | None,
) -> Table:
    """Device, budgets, usage by component, index, readers and model."""
    chunks, text_bytes = catalogue.totals()
    embedding = engine.model.description if engine.model else None
    moving = engine.progress_of_next()
    return {
        "device": device_report(home),
        "budgets": {
            "disk_bytes": int(settings.number("budget.disk_mb") * MB),
            "ram_bytes": int(settings.number("budget.ram_mb") * MB),
        },
        "usage": {
            "disk_bytes": measure_disk(home).total,
            "store_bytes": store_bytes(home, engine),
            "models_bytes": models_bytes(home),
            "memory_bytes": {name: memory_of(found) for name, found in pids.items()},
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
            "assistant_installed": model_memory_bytes(home, settings) > 0,
        },
        "settings": settings.table(),
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
        "store_bytes": store_bytes(home, engine),
        "seconds": round(outcome.seconds, 3),
        "embedded_chunks": outcome.embedded_chunks,
        "level": engine.store.dial.level.name,
        "level_chunks": engine.store.chunks_at_level,
        "stopped": str(outcome.stopped) if outcome.stopped else None,
        "problems": list(outcome.unreadable),
        "failures": engine.catalogue.files.in_state(
            (FileState.FAILED, FileState.NEEDS_OCR), None, MOST_FAILURES
        ),
    }


def store_bytes(home: Home, engine: Engine) -> dict[str, int]:
    """Bytes of the home by part of the index; they add up to `total`."""
    use = measure_disk(home)
    sizes, rotations = engine.store.sizes(), kept_bytes(home.rotations)
    parts = {
        "catalogue": use.catalogue,
        "codes": sizes.codes + rotations,
        "graph": sizes.graph,
        "spans": sizes.spans,
        "embeddings": sizes.embeddings,
        "lexical": sizes.words,
        "text_cache": use.text_cache,
        "history": use.history,
        "other": use.other - rotations + max(0, use.segments - sizes.parts),
    }
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


def models_report(home: Home, settings: Settings) -> list[Table]:
    """The catalogues of models and what is on disk: those that answer, then those that search.

    `size_bytes` is that on disk, `download_bytes` what fetching brings, None for unlisted ones.
    """
    return _chat_models(home, settings) + _embedding_models(home, settings)


def _chat_models(home: Home, settings: Settings) -> list[Table]:
    here = {model.name: model for model in installed(home.models)}
    chosen = settings.text("assistant.model")
    catalogue = {entry.name: entry for entry in load_catalogue()}
    report: list[Table] = []
    for name in [*catalogue, *(name for name in here if name not in catalogue)]:
        entry = catalogue.get(name)
        report.append(
            {
                "name": name,
                "kind": "chat",
                "installed": name in here,
                "chosen": name == chosen,
                "size_bytes": entry.size_bytes if entry else here[name].size_bytes,
                "download_bytes": entry.source.wheel_bytes if entry else None,
                "licence": entry.licence if entry else None,
                "parameters": entry.parameters if entry else None,
                "architecture": entry.architecture if entry else None,
                "good_for": entry.good_for if entry else None,
            }
        )
    return report


def _embedding_models(home: Home, settings: Settings) -> list[Table]:
    here = installed_embeddings(home.models)
    chosen = settings.text("index.embedding_model")
    catalogue = {entry.name: entry for entry in load_embedding_catalogue()}
    report: list[Table] = []
    for name in [*catalogue, *(name for name in here if name not in catalogue)]:
        entry, model = catalogue.get(name), here.get(name)
        licence = entry.licence if entry else model.description.licence if model else None
        on_disk = embedding_bytes(model) if model else entry.disk_bytes if entry else 0
        report.append(
            {
                "name": name,
                "kind": "embedding",
                "installed": model is not None,
                "chosen": name == chosen,
                "size_bytes": on_disk,
                "download_bytes": entry.download_bytes if entry else None,
                "licence": licence,
                "languages": entry.languages if entry else None,
                "good_for": entry.good_for if entry else None,
            }
        )
    return report
