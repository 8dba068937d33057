"""The plan for a home: its limits, what is in it, what is wished for and how fast things are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from app.extractors import processors
from app.model_outlook import Outlooks
from core.budget.facts import (
    MB,
    Corpus,
    FewerExperts,
    Limits,
    ModelNeeds,
    Speeds,
    Wishes,
)
from core.budget.measure import measure_disk
from core.budget.plan import Plan, make_plan
from core.budget.probe import machine_name
from core.budget.query_speed import load_speed
from core.budget.ram import room_for_model
from core.home import Home
from core.index.engine import Engine
from core.index.levels import level_named
from core.index.rotations import kept_bytes
from core.llm.experts import quality
from core.llm.facts import ModelFacts, try_facts
from core.llm.fetch import model_path
from core.llm.fit import overhead_bytes
from core.llm.kv.cells import CELL_SHARES, CellType
from core.llm.store import installed
from core.settings import Settings, Value
from core.store.catalogue import Catalogue

DISK, RAM = "budget.disk_mb", "budget.ram_mb"
# What may be chosen together with the budgets, and is previewed with them.
CHOICES = (
    "index.level",
    "index.words",
    "index.text_cache_mb",
    "assistant.saved_kv_mb",
    "assistant.model",
    "assistant.context_tokens",
    "assistant.cell_type",
    "assistant.active_experts",
)


class Choices:
    """The settings as they are, or as they would be with some of them changed."""

    def __init__(self, settings: Settings, changes: Mapping[str, object] | None = None) -> None:
        """Raises UserError when a change does not fit its setting."""
        self._settings = settings
        self._changes: dict[str, Value] = settings.check(changes or {})

    def number(self, key: str) -> float:
        """The value of a setting that is a number."""
        found = self._changes.get(key)
        return float(found) if isinstance(found, int | float) else self._settings.number(key)

    def text(self, key: str) -> str:
        """The value of a setting that is a text."""
        found = self._changes.get(key)
        return found if isinstance(found, str) else self._settings.text(key)

    @property
    def limits(self) -> Limits:
        """The budgets."""
        return Limits(round(self.number(DISK) * MB), round(self.number(RAM) * MB))

    @property
    def wishes(self) -> Wishes:
        """What is wished for where there is room."""
        cell = self.text("assistant.cell_type")
        known: tuple[CellType, ...] = get_args(CellType)
        return Wishes(
            level=level_named(self.text("index.level")),
            text_cache_bytes=int(self.number("index.text_cache_mb") * MB),
            saved_kv_bytes=int(self.number("assistant.saved_kv_mb") * MB),
            context_tokens=int(self.number("assistant.context_tokens")),
            passage_tokens=int(self.number("assistant.passage_tokens")),
            answer_tokens=int(self.number("assistant.answer_tokens")),
            cell_type=next((one for one in known if one == cell), "q8_0"),
            cells_by_room=cell not in known,
            active_experts=int(self.number("assistant.active_experts")),
            words=self.text("index.words"),
        )


def plan_for(
    home: Home, choices: Choices, corpus: Corpus, speeds: Speeds, model: str | None = None
) -> Plan:
    """The plan for these choices; `model` names another language model than the chosen one."""
    needs = model_needs(home, model or choices.text("assistant.model"))
    return make_plan(choices.limits, corpus, choices.wishes, speeds, needs)


def model_needs(home: Home, name: str) -> ModelNeeds | None:
    """What an installed language model takes; None when it is not here or cannot be read."""
    facts = installed_facts(home, name)
    if facts is None:
        return None
    weights = max(facts.file_bytes, facts.weight_bytes)
    dense = weights - facts.expert_bytes
    return ModelNeeds(
        name=name,
        weight_bytes=weights,
        least_weight_bytes=dense + facts.active_expert_bytes,
        overhead_bytes=overhead_bytes(facts),
        kv_bytes_a_token=facts.kv_bytes_a_token_f16,
        trained_context_tokens=facts.trained_context_tokens,
        expert_bytes=facts.expert_bytes,
        active_experts=facts.active_experts,
        fewer=_fewer_experts(home, facts, dense),
        quantizable=facts.quantizable,
    )


def _fewer_experts(home: Home, facts: ModelFacts, dense_bytes: int) -> tuple[FewerExperts, ...]:
    """Every smaller number of experts a token, and what of it was measured."""
    kept = quality.load(model_path(home.models, facts.name)).fewer
    costs = {one.active: one.quality.cost for one in kept}
    return tuple(
        FewerExperts(
            number, costs.get(number), dense_bytes + facts.with_active(number).active_expert_bytes
        )
        for number in range(1, facts.active_experts)
    )


def installed_facts(home: Home, name: str) -> ModelFacts | None:
    """What an installed language model tells of itself."""
    return next((try_facts(one.path) for one in installed(home.models) if one.name == name), None)


def expected_speeds(home: Home, embedding: str, choices: Choices, chunks: int) -> Speeds:
    """How fast searches were here, and answers are or can be expected to be."""
    known = load_speed(home.query_speed, machine_name(processors()), embedding)
    facts = installed_facts(home, choices.text("assistant.model"))
    wishes = choices.wishes
    room = room_for_model(choices.limits.ram_bytes, chunks)
    outlook = None
    if facts is not None:
        # Only what was chosen: what is automatic would make more memory look slower.
        if wishes.active_experts:
            facts = facts.with_active(wishes.active_experts)
        share = CELL_SHARES[wishes.cell_type]
        outlook = Outlooks(home).of(facts, room, wishes.context_tokens, share)
    return Speeds(
        recompute_s=known.recompute_s,
        rest_s=known.rest_s,
        prefill_tokens_per_s=outlook.prefill_tokens_per_s if outlook else None,
        decode_tokens_per_s=outlook.decode_tokens_per_s if outlook else None,
    )


def measure_corpus(home: Home, engine: Engine, catalogue: Catalogue) -> Corpus:
    """What is in the index and the bytes of each part; `catalogue` belongs to the caller's thread.

    The parts add up to what the home takes on disk.
    """
    use = measure_disk(home)
    sizes, rotations = engine.store.sizes(), kept_bytes(home.rotations)
    chunks, text_bytes = catalogue.totals()
    store = engine.store
    return Corpus(
        level=store.dial.level,
        at_level=store.chunks_at_level >= store.view.live_chunks,
        words=not store.view.wordless.any(),
        wordless_within=catalogue.notes.wordless_within,
        files=catalogue.files.coverage()["indexed"],
        chunks=chunks,
        text_bytes=text_bytes,
        catalogue=use.catalogue,
        codes=sizes.codes + rotations,
        graph=sizes.graph,
        spans=sizes.spans,
        embeddings=sizes.embeddings,
        lexical=sizes.words,
        text_cache=use.text_cache,
        saved_kv=use.saved_kv,
        history=use.history,
        other=use.other - rotations + max(0, use.segments - sizes.parts),
        dimensions=len(engine.rotation.mean),
    )
