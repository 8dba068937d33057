"""Whether a model fits this device, and how fast it is likely to answer. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from core.llm.facts import ModelFacts

Fit = Literal["yes", "with experts on disk", "no"]

# Keys and values in q8_0 against 16 bits: blocks of 32 take 34 bytes instead of 64.
Q8_SHARE = 34 / 64
# The worker beside weights, keys and values: Python and libraries, and what grows with the
# vocabulary (tables, scores of a batch of 64). Measured with the starter model and its 49,152
# tokens: 55 MB as its share beside the service, 68 MB alone.
WORKER_BYTES = 38_000_000
BYTES_A_VOCABULARY_TOKEN = 400
# Weights of fewer bits are read sooner and unpacked longer: one model in nine types, of 1.1 to
# 8.5 bits, was no faster with fewer than with Q4_K's 4.5 (0.5 to 1.2 of its time, on a busy
# machine), so they count as many.
LEAST_BITS = 4.5
# Of a plain read of memory so much was reached with a model of a billion weights in 4 bits.
SHARE_OF_PLAIN_READ = 0.45
# A layer with experts has about twice as many steps, at each of which all threads meet.
STEPS_OF_A_MIXTURE = 2


@dataclass(frozen=True, slots=True)
class Run:
    """How fast a model was: what a token costs (`work_bytes`) and used, and tokens a second (None
    unknown).
    """

    work_bytes: float
    decode_tokens_per_s: float
    active_weights: float = 0.0
    prefill_tokens_per_s: float | None = None
    steps: int = 0


@dataclass(frozen=True, slots=True)
class Pace:
    """What a token costs here: time for the bytes it reads, and for each step on the way."""

    read_bytes_per_s: float
    step_s: float = 0.0


def overhead_bytes(facts: ModelFacts) -> int:
    """Memory of the worker that holds a model, without weights, keys and values."""
    return WORKER_BYTES + BYTES_A_VOCABULARY_TOKEN * facts.vocabulary


def context_that_is_had(facts: ModelFacts, context_tokens: int) -> int:
    """The context as the runtime opens it: no longer than what the model was trained for."""
    trained = facts.trained_context_tokens
    return min(context_tokens, trained) if trained else context_tokens


def kv_bytes(facts: ModelFacts, context_tokens: int, cell_bytes_share: float) -> int:
    """Memory of keys and values; `cell_bytes_share` is a cell's size against 16 bits, where the
    model can have such cells.
    """
    tokens = context_that_is_had(facts, context_tokens)
    share = cell_bytes_share if facts.quantizable else 1.0
    return int(tokens * facts.kv_bytes_a_token_f16 * share)


def memory_needed(facts: ModelFacts, context_tokens: int, cell_bytes_share: float) -> int:
    """Memory that the worker takes with the whole model in it."""
    return (
        max(facts.file_bytes, facts.weight_bytes)
        + kv_bytes(facts, context_tokens, cell_bytes_share)
        + overhead_bytes(facts)
    )


def least_memory_needed(facts: ModelFacts, context_tokens: int, cell_bytes_share: float) -> int:
    """As `memory_needed` with no more experts in memory than one token uses."""
    whole = memory_needed(facts, context_tokens, cell_bytes_share)
    return whole - facts.expert_bytes + facts.active_expert_bytes


def fits(
    facts: ModelFacts,
    memory_bytes_for_model: int,
    context_tokens: int,
    cell_bytes_share: float = Q8_SHARE,
) -> Fit:
    """Whether a model answers within this much memory for its worker."""
    if memory_needed(facts, context_tokens, cell_bytes_share) <= memory_bytes_for_model:
        return "yes"
    if facts.expert_bytes and (
        least_memory_needed(facts, context_tokens, cell_bytes_share) <= memory_bytes_for_model
    ):
        return "with experts on disk"
    return "no"


def nearest_run(facts: ModelFacts, runs: Iterable[Run]) -> Run | None:
    """The run of the model that is nearest in what a token reads: small models spend more of
    their time on other things.
    """
    work = work_bytes(facts)
    known = [run for run in runs if run.work_bytes > 0 and run.decode_tokens_per_s > 0]
    if not known or work <= 0:
        return None
    return min(known, key=lambda run: _times_apart(run.work_bytes, work))


def work_bytes(facts: ModelFacts) -> float:
    """What reading and unpacking a token's weights costs, as bytes that are read."""
    return max(float(facts.active_bytes), facts.active_weights * LEAST_BITS / 8)


def steps(facts: ModelFacts) -> int:
    """Its layers, and those with experts more than once."""
    return facts.layers * (STEPS_OF_A_MIXTURE if facts.experts else 1)


def pace_of(run: Run | None, plain_read_bytes_per_s: float | None) -> Pace | None:
    """What a token costs here, from a run and from how fast plain memory is read; None unknown.

    A small model spends most of its time on steps: what its run took beyond reading is theirs.
    """
    plain = SHARE_OF_PLAIN_READ * plain_read_bytes_per_s if plain_read_bytes_per_s else None
    if run is None:
        return None if plain is None else Pace(plain)
    took_s = 1 / run.decode_tokens_per_s
    if plain is None or not run.steps or run.work_bytes / plain >= took_s:
        return Pace(run.work_bytes / took_s)
    return Pace(plain, (took_s - run.work_bytes / plain) / run.steps)


def predicted_prefill_per_s(facts: ModelFacts, run: Run | None) -> float | None:
    """Tokens of a prompt a second, which computing bounds: each uses all active weights."""
    if run is None or not run.prefill_tokens_per_s or not facts.active_weights:
        return None
    return run.prefill_tokens_per_s * run.active_weights / facts.active_weights or None


def predicted_tokens_per_s(
    facts: ModelFacts,
    pace: Pace | None,
    *,
    resident_expert_share: float = 1.0,
    disk_bytes_per_s: float | None = None,
) -> float | None:
    """Tokens a second of an answer; None where it cannot be told.

    Each token costs its `work_bytes` and its steps. Experts that are not resident come from
    disk; which ones a token needs is taken to be chance, so it is rather faster than this.
    """
    if pace is None or facts.active_bytes <= 0:
        return None
    seconds = work_bytes(facts) / pace.read_bytes_per_s + steps(facts) * pace.step_s
    missing = facts.active_expert_bytes * (1 - min(1.0, max(0.0, resident_expert_share)))
    if missing:
        if not disk_bytes_per_s:
            return None
        seconds += missing / disk_bytes_per_s
    return 1 / seconds


def resident_share(
    facts: ModelFacts, memory_bytes_for_model: int, context_tokens: int, cell_bytes_share: float
) -> float:
    """The share of a model's experts that memory has room for, 0 to 1; 1 without experts."""
    if not facts.expert_bytes:
        return 1.0
    whole = memory_needed(facts, context_tokens, cell_bytes_share)
    room = memory_bytes_for_model - (whole - facts.expert_bytes)
    return min(1.0, max(0.0, room / facts.expert_bytes))


def _times_apart(one: float, other: float) -> float:
    return max(one / other, other / one)
