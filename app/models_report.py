"""The table of models, as plain JSON values: the catalogues, and what is on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from app.model_outlook import Outlooks
from app.model_room import Room, model_room
from core.download import PackageSource
from core.errors import UserError
from core.home import Home
from core.index.models import embedding_bytes, installed_embeddings, load_embedding_catalogue
from core.llm.catalogue import ModelEntry, load_catalogue
from core.llm.experts import quality
from core.llm.experts.quality import Quality
from core.llm.facts import ModelFacts, entry_facts, try_facts
from core.llm.fetch import partly_fetched
from core.llm.store import InstalledModel, installed
from core.settings import Settings
from core.web import mirrored

Table = dict[str, object]


def models_report(
    home: Home, settings: Settings, chunks: int, memory_notes: Mapping[Path, str] | None = None
) -> list[Table]:
    """The catalogues of models and what is on disk: those that answer, then those that search.

    `size_bytes` is that on disk, `download_bytes` what fetching brings, None for unlisted ones.
    Of those that answer, `fits` says whether they do within the memory budget beside an index of
    so many passages, `tokens_per_s` how fast an answer is, `measured` whether it was seen so, and
    else `speed_from` what it is told from ("another model", "memory"); None is unknown.
    `memory_note` is what `memory_notes` has of a model's file: why old turns cannot come back.
    """
    chat = _chat_models(home, settings, chunks, memory_notes or {})
    return chat + _embedding_models(home, settings)


def _told(facts: ModelFacts, room: Room, outlooks: Outlooks) -> Table:
    """The part of a model's row that comes from its facts."""
    fit = room.fit(facts)
    outlook = outlooks.of(facts, room.memory_bytes, room.context_tokens, room.cell_bytes_share)
    shown = fit != "no" or outlook.measured
    return {
        "architecture": facts.architecture,
        "bits_a_weight": facts.bits_a_weight,
        "experts": facts.experts,
        "active_experts": facts.active_experts,
        "active_bytes": facts.active_bytes,
        "memory_bytes": room.needed_bytes(facts),
        "template": facts.has_template,
        "fits": fit,
        "tokens_per_s": _figures(outlook.decode_tokens_per_s) if shown else None,
        "prefill_tokens_per_s": _figures(outlook.prefill_tokens_per_s) if shown else None,
        "measured": outlook.measured,
        "speed_from": outlook.source if shown else None,
    }


def _figures(value: float | None) -> float | None:
    """No more figures than are worth telling."""
    return None if value is None else float(f"{value:.3g}")


_UNKNOWN: Table = dict.fromkeys(
    ("architecture", "bits_a_weight", "experts", "active_experts", "active_bytes",
     "memory_bytes", "template", "fits", "tokens_per_s", "speed_from", "prefill_tokens_per_s")
) | {"measured": False}  # fmt: skip


def _chat_models(
    home: Home, settings: Settings, chunks: int, memory_notes: Mapping[Path, str]
) -> list[Table]:
    here = {model.name: model for model in installed(home.models)}
    chosen = settings.text("assistant.model")
    catalogue = {entry.name: entry for entry in load_catalogue()}
    known = {name: try_facts(model.path) for name, model in here.items()}
    room, outlooks = model_room(settings, chunks), Outlooks(home)
    report: list[Table] = []
    for name in [*catalogue, *(name for name in here if name not in catalogue)]:
        entry, model = catalogue.get(name), here.get(name)
        facts = known[name] if model else entry_facts(entry) if entry else None
        report.append(
            {
                "name": name,
                "kind": "chat",
                "installed": model is not None,
                "chosen": name == chosen,
                "memory_note": memory_notes.get(model.path) or None if model else None,
                **_listed(home, entry, model, settings.text("models.mirror")),
                **(_UNKNOWN if facts is None else _told(facts, room, outlooks)),
                **({} if model is None else _quality(model)),
            }
        )
    return report


def _listed(
    home: Home, entry: ModelEntry | None, model: InstalledModel | None, mirror: str
) -> Table:
    """What the catalogue has of a model, and the bytes of it that are here."""
    return {
        "title": entry.title if entry else None,
        "size_bytes": entry.size_bytes if entry else model.size_bytes if model else 0,
        "download_bytes": entry.download_bytes if entry else None,
        "from": host_of(entry, mirror) if entry else None,
        "adapters": [
            {"name": adapter.name, "size_bytes": adapter.size_bytes}
            for adapter in (model.adapters if model else ())
        ],
        "fetched_bytes": partly_fetched(home.models, entry) if entry and not model else 0,
        "licence": entry.licence if entry else None,
        "parameters": entry.parameters if entry else None,
        "active_parameters": entry.active_parameters if entry else None,
        "good_for": entry.good_for if entry else None,
    }


def _quality(model: InstalledModel) -> Table:
    """What was measured of a model that was slimmed, or of fewer experts a token."""
    kept = quality.load(model.path)
    slimmed = kept.slimmed
    return {
        "slimmed": slimmed
        and {
            "source": slimmed.source,
            "experts": slimmed.experts,
            "experts_before": slimmed.experts_before,
            "quality": slimmed.quality and _figures_of(slimmed.quality),
        },
        "fewer": [
            {"active": one.active, "quality": _figures_of(one.quality)} for one in kept.fewer
        ],
    }


def _figures_of(measured: Quality) -> Table:
    return {
        "agreement": measured.agreement,
        "perplexity": round(measured.perplexity, 3),
        "perplexity_before": round(measured.perplexity_before, 3),
        "tokens": measured.tokens,
        "texts": measured.texts,
    }


def host_of(entry: ModelEntry, mirror: str) -> str | None:
    """The host that a model's file comes from; None for one that pip fetches in a package."""
    if isinstance(entry.source, PackageSource):
        return None
    try:
        return urlsplit(mirrored(entry.source, mirror).url).hostname
    except UserError:  # a wrong mirror is told when something is fetched
        return None


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
