"""How fast a language model is here: as it was seen, or as can be expected of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.machine import known_probe, model_speeds
from core.home import Home
from core.llm.facts import ModelFacts, try_facts
from core.llm.fit import (
    Run,
    nearest_run,
    pace_of,
    predicted_prefill_per_s,
    predicted_tokens_per_s,
    resident_share,
    steps,
    work_bytes,
)
from core.llm.store import installed


@dataclass(frozen=True, slots=True)
class Outlook:
    """Tokens a second of prompt and answer; None unknown. `source` says what an answer's is from:
    this model's answers, those of another one, or how fast this machine reads memory.
    """

    prefill_tokens_per_s: float | None
    decode_tokens_per_s: float | None
    source: Literal["this model", "another model", "memory"] | None

    @property
    def measured(self) -> bool:
        """Whether it was seen so."""
        return self.source == "this model"


class Outlooks:
    """What is known of speed on this machine, looked at once."""

    def __init__(self, home: Home) -> None:
        self._speeds = model_speeds(home)
        self._probe = known_probe(home)
        self._runs: list[Run] = []
        for model in installed(home.models):
            speed = self._speeds.of(model.name, model.size_bytes)
            facts = try_facts(model.path) if speed is not None else None
            if speed is not None and facts is not None and speed.decode_tokens_per_s is not None:
                self._runs.append(
                    Run(
                        work_bytes(facts),
                        speed.decode_tokens_per_s,
                        facts.active_weights,
                        speed.prefill_tokens_per_s,
                        steps(facts),
                    )
                )

    def of(
        self, facts: ModelFacts, memory_bytes: int, context_tokens: int, cell_bytes_share: float
    ) -> Outlook:
        """The outlook for a model within this much memory for its worker."""
        seen = self._speeds.of(facts.name, facts.file_bytes)
        nearest = nearest_run(facts, self._runs)
        prefill = seen.prefill_tokens_per_s if seen else None
        if prefill is None:
            prefill = predicted_prefill_per_s(facts, nearest)
        if seen is not None and seen.decode_tokens_per_s is not None:
            return Outlook(prefill, seen.decode_tokens_per_s, "this model")
        probe = self._probe
        decode = predicted_tokens_per_s(
            facts,
            pace_of(nearest, probe.memory_read_bytes_per_s if probe else None),
            resident_expert_share=resident_share(
                facts, memory_bytes, context_tokens, cell_bytes_share
            ),
            disk_bytes_per_s=probe.disk_read_bytes_per_s if probe else None,
        )
        if decode is None:
            return Outlook(prefill, None, None)
        return Outlook(prefill, decode, "memory" if nearest is None else "another model")
