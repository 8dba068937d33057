"""What `satchel budget` and the storage page show: the plan in force, another one, and between."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING

from app.planning import (
    CHOICES,
    DISK,
    RAM,
    Choices,
    expected_speeds,
    measure_corpus,
    model_needs,
    plan_for,
)
from core.budget.facts import MB, Corpus, Limits
from core.budget.measure import measure_free, measure_memory, memory_by_part
from core.budget.plan import SMALLEST, Plan, check_limits, rounded_up
from core.budget.propose import propose
from core.budget.ram import smallest_memory
from core.budget.words import changes, why
from core.errors import UserError
from core.home import Home
from core.messages import BudgetRequest
from core.settings import Settings
from core.store.catalogue import Catalogue

if TYPE_CHECKING:
    from app.service import Service

Table = dict[str, object]


def is_preview(request: BudgetRequest) -> bool:
    """Whether a request changes nothing."""
    asked = (request.disk_bytes, request.ram_bytes, request.choices)
    return request.preview or not any(one is not None for one in asked)


def preview_budget(service: Service, catalogue: Catalogue, request: BudgetRequest) -> Table:
    """The report of a request that changes nothing; `catalogue` is the caller's own."""
    chunks, _ = catalogue.totals()
    wanted = wanted_changes(request, service.home, service.settings, chunks)
    return budget_report(service, catalogue, wanted, preview=request.preview)


def set_budget(service: Service, request: BudgetRequest) -> Table:
    """Set budgets and what is chosen with them, all or none; what that changes."""
    chunks, _ = service.engine.catalogue.totals()
    wanted = wanted_changes(request, service.home, service.settings, chunks)
    report = budget_report(service, service.engine.catalogue, wanted, preview=False)
    service.settings.set(wanted)
    service.replan()
    return report


def wanted_changes(
    request: BudgetRequest, home: Home, settings: Settings, chunks: int
) -> dict[str, object]:
    """The settings that a request would change, with so many passages indexed.

    Raises UserError when that cannot be.
    """
    wanted: dict[str, object] = {}
    if request.disk_bytes is not None:
        wanted[DISK] = request.disk_bytes / MB
    if request.ram_bytes is not None:
        wanted[RAM] = request.ram_bytes / MB
    for key, value in (request.choices or {}).items():
        if key not in CHOICES:
            raise UserError(f"{key} is not chosen with the budgets.", "Set it in the settings.")
        wanted[key] = value
    _check_budgets(request, home, settings, chunks)
    settings.check(wanted)
    return wanted


def _check_budgets(request: BudgetRequest, home: Home, settings: Settings, chunks: int) -> None:
    """Only what is asked for is checked: a budget of before may be larger than another disk."""
    device = device_limits(home)
    if request.ram_bytes is None:
        device = Limits(device.disk_bytes, 0)
    choices = Choices(settings)
    check_limits(
        Limits(
            SMALLEST.disk_bytes if request.disk_bytes is None else request.disk_bytes,
            smallest_memory(chunks) if request.ram_bytes is None else request.ram_bytes,
        ),
        device,
        choices.wishes.level,
        chunks,
    )


def device_limits(home: Home) -> Limits:
    """Sizes of the home's disk and of the memory that this process may take; 0 for unknown."""
    try:
        disk = shutil.disk_usage(home.data).total
    except OSError:
        disk = 0
    return Limits(disk, measure_memory().total_bytes)


def budget_report(
    service: Service, catalogue: Catalogue, wanted: Mapping[str, object], *, preview: bool
) -> Table:
    """The plan in force beside the one with these settings; `catalogue` is the caller's own."""
    home, settings, engine = service.home, service.settings, service.engine
    corpus = measure_corpus(home, engine, catalogue)
    before, choices = Choices(settings), Choices(settings, wanted)
    now, plan = (
        plan_for(home, each, corpus, expected_speeds(home, engine.model_name, each, corpus.chunks))
        for each in (before, choices)
    )
    needs = model_needs(home, choices.text("assistant.model"))
    device = device_limits(home)
    smallest = Limits(SMALLEST.disk_bytes, rounded_up(smallest_memory(corpus.chunks)))
    proposed = propose(measure_memory().total_bytes, measure_free(home)[1], smallest)
    used = memory_by_part(service.pids())
    parts = used_on_disk(corpus)
    return {
        "preview": preview,
        "budgets": {"disk_bytes": plan.limits.disk_bytes, "ram_bytes": plan.limits.ram_bytes},
        "smallest": dataclasses.asdict(smallest),
        "proposed": dataclasses.asdict(proposed),
        "largest": {
            "disk_bytes": device.disk_bytes or None,
            "ram_bytes": device.ram_bytes or None,
        },
        "used": {
            "disk": parts,
            "memory": used,
            "disk_bytes": sum(parts.values()),
            "ram_bytes": sum(used.values()),
        },
        "now": plan_table(now),
        "plan": plan_table(plan),
        "changes": changes(now, plan, parts),
        "reasons": why(plan, corpus, choices.wishes, needs),
    }


def used_on_disk(corpus: Corpus) -> dict[str, int]:
    """Bytes of the home by part."""
    names = (
        *("catalogue", "codes", "graph", "spans", "embeddings", "lexical"),
        *("text_cache", "saved_kv", "history", "other"),
    )
    return {name: int(getattr(corpus, name)) for name in names}


def plan_table(plan: Plan) -> Table:
    """A plan as plain values."""
    return {
        "disk": dict(plan.disk),
        "memory": dict(plan.memory),
        "level": plan.level.name,
        "words": plan.words,
        "cell_type": plan.cell_type,
        "context_tokens": plan.context_tokens,
        "model": plan.model,
        "can_answer": plan.can_answer,
        "active_experts": plan.fewer.active if plan.fewer else None,
        "query_s": plan.query_s,
        "first_token_s": plan.first_token_s,
        "tokens_per_s": plan.tokens_per_s,
        "index_bytes": plan.index_bytes,
        "text_bytes_that_fit": plan.text_bytes_that_fit,
    }
