"""The table of models, as plain JSON values: the catalogues, and what is on disk."""

from __future__ import annotations

from core.home import Home
from core.index.models import embedding_bytes, installed_embeddings, load_embedding_catalogue
from core.llm.catalogue import load_catalogue
from core.llm.store import installed
from core.settings import Settings

Table = dict[str, object]


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
