"""Making a smaller copy of a mixture of experts, and measuring what changes of a model cost."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from app.children import python_child
from app.model_check import check_in_child
from app.model_process import Wanted
from app.model_shape import shape_for
from app.own_texts import own_texts
from core.atomic import sync_folder
from core.errors import Cancelled, UserError
from core.llm.experts import quality
from core.llm.experts.layout import read_layout
from core.llm.experts.quality import CONTEXT_TOKENS, Fewer, Foretold, Quality, Slimmed
from core.llm.experts.slim import check_space, keep_count, look_at, most_used, write_slim
from core.llm.experts.traces import Traces
from core.llm.facts import model_facts
from core.llm.fetch import model_path
from core.llm.store import InstalledModel, find_installed, safe_name
from core.messages import ModelPhase

if TYPE_CHECKING:
    from app.service import Service

# Of a model's work so many tokens have to be known before its experts are told apart.
LEAST_TRACED_TOKENS = 300
_STALE_S = 86_400.0
_SPLIT = re.compile(r"-\d{5}-of-\d{5}$")
_SHARES = (0.75, 0.5)  # of the experts a token uses, which are measured unasked

# Told what is done, how far, and of how much; may raise Cancelled.
Tell = Callable[[ModelPhase, int, int], None]


def slim(service: Service, name: str, keep: str, tell: Tell) -> str:
    """Write a smaller copy of a model and measure it; the copy's name.

    The original is only read. Raises UserError and Cancelled; before the copy is whole it leaves
    nothing then, after that the copy stays, not yet measured.
    """
    models = service.home.models
    original = find_installed(models, name)
    source = look_at(original.path)
    count = keep_count(keep, source.experts)
    new = safe_name(f"{_SPLIT.sub('', name)}-{count}of{source.experts}")
    target = model_path(models, new)
    if target.exists():
        raise UserError(
            f"There is a model called {new} already.",
            f"Remove it first with `satchel models remove {new}`, or keep another number.",
        )
    shares = _used(service, original)
    kept = {layer: most_used(shares[layer], count) for layer in source.layers}
    check_space(source, count, target.parent)
    title = f"{source.parts[0].header.name or name} ({count} of {source.experts} experts)"
    with _scratch(target.parent) as folder:
        copy = folder / target.name
        write_slim(source, kept, title, copy, lambda done, total: tell("slimming", done, total))
        check_in_child(python_child("app.worker"), copy)
        _publish(copy, target)
    quality.keep(target, slimmed=Slimmed(name, count, source.experts, None))
    try:
        measure_slimmed(service, find_installed(models, new), tell)
    except UserError as error:
        raise UserError(
            f"{new} is there, but what it lost could not be measured. {error.title}",
            f"{error.advice} Then run `satchel models measure {new}`.",
        ) from error
    return new


def measure(service: Service, name: str, active: int | None, tell: Tell) -> str:
    """Measure a model that was slimmed, or what fewer `active` experts cost; its name.

    Of a mixture that was not slimmed, three quarters and half of its usual number are measured
    unless one is given. Raises UserError and Cancelled.
    """
    model = find_installed(service.home.models, name)
    if active is None and quality.load(model.path).slimmed is not None:
        measure_slimmed(service, model, tell)
        return name
    used = model_facts(model.path).active_experts
    if used < 2:
        raise UserError(
            f"There is nothing to measure of {name}: it was not slimmed, and a token cannot use "
            "fewer experts of it.",
            "See `satchel models list` for models with experts.",
        )
    if active is not None and not 1 <= active < used:
        raise UserError(
            f"{name} uses {used} experts a token; {active} cannot be measured.",
            f"Give a number from 1 to {used - 1}.",
        )
    wanted = (active,) if active else tuple(sorted({max(1, round(used * s)) for s in _SHARES}))
    numbers = [number for number in reversed(wanted) if number < used]
    texts = own_texts(service)
    rounds = len(numbers) + 1
    before = _foretold(service, model, None, texts.texts, tell, 0, rounds)
    for at, number in enumerate(numbers):
        after = _foretold(service, model, number, texts.texts, tell, at + 1, rounds)
        found = _compared(before, after, texts.source)
        known = quality.load(model.path)
        quality.keep(model.path, fewer=known.fewer_with(Fewer(number, found)))
    return name


def measure_slimmed(service: Service, model: InstalledModel, tell: Tell) -> None:
    """Compare a slimmed model with its original and keep the result. Raises UserError."""
    slimmed = quality.load(model.path).slimmed
    assert slimmed is not None
    original = find_installed(service.home.models, slimmed.source)
    texts = own_texts(service)
    before = _foretold(service, original, None, texts.texts, tell, 0, 2)
    after = _foretold(service, model, None, texts.texts, tell, 1, 2)
    found = _compared(before, after, texts.source)
    known = Slimmed(slimmed.source, slimmed.experts, slimmed.experts_before, found)
    quality.keep(model.path, slimmed=known)


def _compared(before: list[Foretold], after: list[Foretold], source: quality.Texts) -> Quality:
    found = quality.compare(before, after, source)
    if found is None:
        raise UserError(
            "There was too little text to measure with.", "Index more files and measure again."
        )
    return found


def _foretold(
    service: Service,
    model: InstalledModel,
    active: int | None,
    texts: tuple[str, ...],
    tell: Tell,
    turn: int,
    turns: int,
) -> list[Foretold]:
    """What a model foretells of all texts, in the worker; this is turn `turn` of `turns`."""
    shape = dataclasses.replace(
        shape_for(service, model.name), context_tokens=CONTEXT_TOKENS, active_experts=active
    )
    wanted = Wanted(model.path, (), shape)
    whole = sum(len(text.encode()) for text in texts)
    done, found = turn * whole, []

    def given_up() -> bool:
        try:
            tell("measuring", done, turns * whole)
        except Cancelled:
            return True
        return False

    for text in texts:
        said = service.model.foretell(wanted, text, given_up)
        found.append(Foretold(said.losses, said.best))
        done += len(text.encode())
    return found


def _used(service: Service, model: InstalledModel) -> dict[int, list[float]]:
    """How often each expert of each layer was used here. Raises UserError when it is not known."""
    layout = read_layout(model.path)
    path = service.home.expert_traces / f"{model.path.stem}.trace"
    # What was seen with fewer experts a token is as good.
    known = (
        Traces.load(path, dataclasses.replace(layout, active=active))
        for active in range(max(1, layout.active), 0, -1)
    )
    traces = max(known, key=lambda found: found.tokens)
    if traces.tokens < LEAST_TRACED_TOKENS:
        raise UserError(
            f"It is not known yet which experts of {model.name} your work uses "
            f"({traces.tokens} tokens seen, {LEAST_TRACED_TOKENS} needed).",
            "They are counted while the model is larger than the memory budget: set a smaller one "
            "with `satchel budget --ram SIZE`, ask the model some of your usual questions, and "
            "slim it then.",
        )
    layers = sorted({unit.layer for unit in layout.units})
    return {layer: traces.share[row].tolist() for row, layer in enumerate(layers)}


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A folder for a copy in the making; what an end in the middle left a day ago goes with it."""
    for left in folder.glob(".slim-*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _STALE_S:
                shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=".slim-", dir=folder) as name:
        yield Path(name)


def _publish(copy: Path, target: Path) -> None:
    try:
        copy.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        raise UserError(
            f"{target.stem} could not be stored: {error.strerror or error}.",
            f"Check the space and your rights in {target.parent}.",
        ) from error
