"""What a request changes, other than indexing: folders, settings, budgets, models, repairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from app.doctor import examine
from app.forgetting import forget
from app.models import change_models, check_choice
from app.reports import budget_report, current_plan, folders_report, models_report
from core.budget.plan import MB
from core.files.folders import absolute, load_folders, save_folders, with_added, with_removed
from core.messages import (
    BudgetRequest,
    Doctor,
    FoldersAdd,
    FoldersRemove,
    Forget,
    Message,
    ModelsRequest,
    Retry,
    SettingsSet,
)

if TYPE_CHECKING:
    from app.service import Service

LEVEL = "index.level"


def carry_out(service: Service, message: Message, given_up: Callable[[], bool]) -> object:
    """Change what a request asks for; the body of its report. Raises UserError and Cancelled."""
    if isinstance(message, FoldersAdd):
        folders = with_added(load_folders(service.home.folders), message.paths, message.exclude)
        for folder in folders:
            service.engine.rules(folder)
        save_folders(service.home.folders, folders)
        service.engine.sync_folders(folders)
        return folders_report(service.engine.catalogue, folders)
    if isinstance(message, FoldersRemove):
        folders = with_removed(load_folders(service.home.folders), message.paths)
        save_folders(service.home.folders, folders)
        service.engine.sync_folders(folders)
        return folders_report(service.engine.catalogue, folders)
    if isinstance(message, Retry):
        below = None if message.path is None else absolute(message.path)
        return {"files": service.engine.catalogue.files.retry(below)}
    if isinstance(message, Forget):
        return forget(service, absolute(message.path))
    if isinstance(message, Doctor):
        return examine(service, message.repair)
    if isinstance(message, BudgetRequest):
        return _budget(service, message)
    if isinstance(message, SettingsSet):
        check_choice(service, message.key, message.value)
        service.settings.set({message.key: message.value})
        if message.key == LEVEL:
            service.engine.set_level(service.settings.text(LEVEL))
        return service.settings.table()
    if isinstance(message, ModelsRequest):
        change_models(service, message, given_up)
        return models_report(service.home, service.settings)
    raise TypeError(type(message).__name__)


def set_level(service: Service, name: str) -> None:
    """Let the index come to a level from now on. Raises UserError when there is no such level."""
    service.settings.set({LEVEL: name})
    service.engine.set_level(name)


def _budget(service: Service, message: BudgetRequest) -> object:
    report = budget_report(
        service.home, service.settings, message.disk_bytes, message.ram_bytes, message.preview
    )
    changes: dict[str, object] = {}
    if message.disk_bytes is not None:
        changes["budget.disk_mb"] = message.disk_bytes / MB
    if message.ram_bytes is not None:
        changes["budget.ram_mb"] = message.ram_bytes / MB
    service.settings.check(changes)
    if changes and not message.preview:
        service.settings.set(changes)
        service.engine.apply(current_plan(service.home, service.settings))
    return report
