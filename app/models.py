"""Changes of the models on this machine: fetched, added, removed, chosen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from app.children import python_child
from app.fetches import MIRROR
from app.model_check import check_in_child
from core.errors import UserError
from core.index.embedder import find_model
from core.index.models import (
    embedding_folder,
    installed_embeddings,
    remove_embedding,
)
from core.llm import store as model_store
from core.llm.catalogue import load_catalogue
from core.llm.fetch import give_up_part, model_path, partly_fetched
from core.llm.kv.saved import forget_model
from core.messages import ModelsRequest
from core.web import check_address

if TYPE_CHECKING:
    from app.service import Service

EMBEDDING, CHAT = "index.embedding_model", "assistant.model"


def change_models(service: Service, message: ModelsRequest) -> None:
    """Carry out a request that changes something, other than a fetch. Raises UserError."""
    if message.action == "list":
        return
    if message.name is None:
        raise UserError("No model is named.", "See `satchel models list`.")
    if message.action == "add":
        _add(service, Path(message.name), message.base)
    elif message.action == "use":
        _use(service, message.name, message.confirmed)
    elif message.base is not None:
        service.model.close()
        model_store.remove_adapter(service.home.models, message.name, message.base)
    else:
        _remove(service, message.name)


def check_choice(service: Service, key: str, value: object) -> None:
    """Raises UserError when a setting would choose an embedding model that is not here, or a
    mirror that is no safe address.
    """
    if key == MIRROR and isinstance(value, str) and value:
        check_address(value)
    if key == EMBEDDING and isinstance(value, str):
        find_model(embedding_folder(service.home.models, value))


def _add(service: Service, file: Path, base: str | None) -> None:
    """Let a file in that llama.cpp can use, as a model or as an adapter of one."""
    command = python_child("app.worker")
    if base is None:
        model_store.add(service.home.models, file, lambda path: check_in_child(command, path))
    else:
        model_store.add_adapter(
            service.home.models,
            file,
            base,
            lambda model, adapter: check_in_child(command, model, adapter),
        )


def _remove(service: Service, name: str) -> None:
    """Remove a model, or what has come of one whose fetch was given up."""
    models = service.home.models
    if name not in installed_embeddings(models):
        entry = next((entry for entry in load_catalogue() if entry.name == name), None)
        if entry is not None and partly_fetched(models, entry):
            give_up_part(models, entry)
            if not model_path(models, name).exists():
                return
        service.model.close()
        model_store.remove(models, name)
        forget_model(service.home.saved_kv, name)
    elif name == service.settings.text(EMBEDDING):
        raise UserError(
            f"{name} is the model that searches your files.",
            "Choose another first with `satchel models use NAME`.",
        )
    elif name == service.engine.model_name and service.engine.wanted_model is not None:
        raise UserError(
            f"{name} searches your files until the index for the new model is whole.",
            "See how far that is with `satchel status`.",
        )
    else:
        remove_embedding(service.home.models, name)


def _use(service: Service, name: str, confirmed: bool) -> None:
    """Choose a model; that another embedding model costs reading all files again is told first.

    Until that is done the model before goes on searching.
    """
    if name not in installed_embeddings(service.home.models):
        if name not in {model.name for model in model_store.installed(service.home.models)}:
            raise UserError(
                f"The model {name} is not on this machine.", f"Run `satchel models fetch {name}`."
            )
        service.settings.set({CHAT: name})
        return
    files = service.engine.catalogue.files.coverage()["indexed"]
    here = (service.settings.text(EMBEDDING), service.engine.model_name)
    if name not in here and files and not confirmed:
        raise UserError(
            f"With {name}, all {files} indexed files have to be read again; until that is done "
            f"{service.engine.model_name} goes on searching them.",
            f"To do so, run `satchel models use {name} --yes`, then `satchel index`.",
        )
    service.settings.set({EMBEDDING: name})
