"""Changes of the models on this machine: fetched, added, removed, chosen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from app.children import python_child
from core.errors import Cancelled, UserError
from core.index.embedder import find_model
from core.index.fetch_model import fetch_embedding
from core.index.models import (
    embedding_folder,
    entry_named,
    installed_embeddings,
    load_embedding_catalogue,
    remove_embedding,
)
from core.llm import store as model_store
from core.llm.catalogue import find_entry, load_catalogue
from core.llm.fetch import fetch
from core.messages import ModelsRequest

if TYPE_CHECKING:
    from app.service import Service

EMBEDDING, CHAT = "index.embedding_model", "assistant.model"


def change_models(
    service: Service, message: ModelsRequest, is_given_up: Callable[[], bool]
) -> None:
    """Carry out a request that changes something. Raises UserError, and Cancelled when given up."""
    if message.action == "list":
        return
    if message.name is None:
        raise UserError("No model is named.", "See `satchel models list`.")
    if message.action == "fetch":
        _fetch(service, message.name, is_given_up)
    elif message.action == "add":
        model_store.add(service.home.models, Path(message.name))
    elif message.action == "use":
        _use(service, message.name, message.confirmed)
    else:
        _remove(service, message.name)


def check_choice(service: Service, key: str, value: object) -> None:
    """Raises UserError when a setting would choose an embedding model that is not here."""
    if key == EMBEDDING and isinstance(value, str):
        find_model(embedding_folder(service.home.models, value))


def _fetch(service: Service, name: str, is_given_up: Callable[[], bool]) -> None:
    def progress(_done: int, _total: int) -> None:
        if is_given_up():
            raise Cancelled

    models = service.home.models
    embedding = entry_named(load_embedding_catalogue(), name)
    if embedding is not None:
        convert = python_child("core.index.convert")
        fetch_embedding(embedding, models, progress=progress, convert=convert)
    else:
        fetch(find_entry(load_catalogue(), name), models, progress=progress)


def _remove(service: Service, name: str) -> None:
    if name not in installed_embeddings(service.home.models):
        service.model.close()
        model_store.remove(service.home.models, name)
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
