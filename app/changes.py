"""What a request changes, other than indexing: folders, settings, budgets, models, repairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.autostart import start_with_session
from app.budget_report import set_budget
from app.doctor import examine
from app.forgetting import forget
from app.models import change_models, check_choice
from app.models_report import models_report
from app.reports import folders_report
from core.files.folders import absolute, load_folders, save_folders, with_added, with_removed
from core.index.levels import level_named
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

LEVEL, AUTOSTART = "index.level", "window.autostart"


def carry_out(service: Service, message: Message) -> object:
    """Change what a request asks for; the body of its report. Raises UserError."""
    if isinstance(message, FoldersAdd):
        folders = with_added(
            load_folders(service.home.folders),
            message.paths,
            message.exclude,
            service.engine.leaving.paths,
        )
        for folder in folders:
            service.engine.rules(folder)
        save_folders(service.home.folders, folders)
        service.engine.sync_folders(folders)
        return folders_report(service.engine.catalogue, folders)
    if isinstance(message, FoldersRemove):
        folders = with_removed(load_folders(service.home.folders), message.paths)
        save_folders(service.home.folders, folders)
        service.engine.sync_folders(folders, message.undo_s)
        return folders_report(service.engine.catalogue, folders)
    if isinstance(message, Retry):
        below = None if message.path is None else absolute(message.path)
        return {"files": service.engine.catalogue.files.retry(below)}
    if isinstance(message, Forget):
        return forget(service, absolute(message.path))
    if isinstance(message, Doctor):
        return examine(service, message.repair)
    if isinstance(message, BudgetRequest):
        return set_budget(service, message)
    if isinstance(message, SettingsSet):
        check_choice(service, message.key, message.value)
        checked = service.settings.check({message.key: message.value})
        if message.key == AUTOSTART:
            start_with_session(service.home, bool(checked[AUTOSTART]))
        service.settings.set(checked)
        service.recent.heed_setting()
        service.replan()
        return service.settings.table()
    if isinstance(message, ModelsRequest):
        change_models(service, message)
        chunks = service.engine.store.view.live_chunks
        notes = service.model.memory_notes
        return models_report(service.home, service.settings, chunks, notes)
    raise TypeError(type(message).__name__)


def set_level(service: Service, name: str) -> None:
    """Let the index come to a level from now on. Raises UserError when there is no such level."""
    level_named(name)
    service.settings.set({LEVEL: name})
    service.replan()
