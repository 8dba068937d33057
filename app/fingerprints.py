"""Looks, for `doctor`, whether each language model still computes what it did."""

from __future__ import annotations

import contextlib
import datetime
from typing import TYPE_CHECKING

from app.extractors import processors
from app.machine import model_speeds
from app.model_room import model_room
from core.budget.probe import machine_name
from core.download import file_sha256
from core.errors import UserError
from core.llm import fingerprint
from core.llm.catalogue import read_catalogue
from core.llm.facts import model_facts
from core.llm.fingerprint import TEXT, Kept
from core.llm.gguf import read_header
from core.llm.store import InstalledModel, installed
from core.messages import Fingerprinted

if TYPE_CHECKING:
    from app.service import Service


def look_at_models(service: Service, repair: bool) -> list[tuple[str, bool]]:
    """What is wrong with the installed models that memory has room for, and whether it is mended.

    A model that is seen for the first time has its fingerprint kept. With `repair` one that
    has changed while its file is right is taken as it is now.
    """
    found: list[tuple[str, bool]] = []
    room = model_room(service.settings, service.engine.store.view.live_chunks)
    for model in installed(service.home.models):
        try:
            read_header(model.path)
            if room.fit(model_facts(model.path)) != "yes":
                continue
            said = service.model.fingerprint(model.path, TEXT)
        except UserError as error:
            found.append((f"{error.title} {error.advice}".strip(), False))
            continue
        _learn_speed(service, model, said)
        problem = _compare(service, model, said, repair)
        if problem is not None:
            found.append(problem)
    return found


def look_at_catalogue(notes: list[str]) -> list[tuple[str, bool]]:
    """What is wrong with the catalogue of models; what of it is passed over goes to `notes`."""
    try:
        unknown = read_catalogue().unknown
    except UserError as error:
        return [(f"{error.title} {error.advice}", False)]
    if unknown:
        notes.append(f"The catalogue of models has fields that are not known: {', '.join(unknown)}")
    return []


def _compare(
    service: Service, model: InstalledModel, said: Fingerprinted, repair: bool
) -> tuple[str, bool] | None:
    home = service.home
    new = Kept(
        model=model.name,
        file_bytes=model.size_bytes,
        mtime_ns=model.path.stat().st_mtime_ns,
        build=said.build,
        machine=machine_name(processors()),
        seen=datetime.datetime.now(datetime.UTC).date().isoformat(),
        steps=said.steps,
    )
    old = next(
        (kept for kept in fingerprint.load(home.fingerprints) if kept.is_of_the_same(new)), None
    )
    if old is not None and not fingerprint.differs(old.steps, new.steps):
        return None
    altered = None if old is None else _is_altered(model)
    if old is None or (repair and not altered):
        with contextlib.suppress(OSError):
            fingerprint.keep(home.fingerprints, new)
    if old is None:
        return None
    text = (
        f"{model.name} computes something else than on {old.seen}, though its file has the same "
        "size and date"
    )
    if altered:
        return f"{text}: the file is damaged. Run `satchel models fetch {model.name}`", False
    if altered is None:
        text += "; put the file in again from where you had it"
    else:
        text += " and is the right one: memory or processor of this computer may be faulty"
    return text, repair


def _is_altered(model: InstalledModel) -> bool | None:
    """Whether a file is not the one that the catalogue names; None where it names none."""
    with contextlib.suppress(UserError):
        for entry in read_catalogue().entries:
            if entry.name == model.name:
                return file_sha256(model.path) != entry.sha256
    return None


def _learn_speed(service: Service, model: InstalledModel, said: Fingerprinted) -> None:
    model_speeds(service.home).learn(
        model.name,
        model.size_bytes,
        prefill_tokens=said.prompt_tokens,
        prefill_ms=said.prefill_ms,
        decode_tokens=len(said.steps),
        decode_ms=said.decode_ms,
    )
