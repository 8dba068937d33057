"""How fast each model really was on this machine, kept from its answers."""

from __future__ import annotations

import contextlib
import statistics
from pathlib import Path

import msgspec

from core.atomic import write_atomic

KEPT = 9  # the newest answers of a model; the median of so few is steady and follows changes
MOST_MODELS = 100
# Shorter stretches say more of starting than of going on.
LEAST_PREFILL_TOKENS = 64
LEAST_DECODE_TOKENS = 12


class Speed(msgspec.Struct, frozen=True):
    """Tokens a second of one model; None until an answer was long enough to tell."""

    prefill_tokens_per_s: float | None
    decode_tokens_per_s: float | None
    answers: int


class _Samples(msgspec.Struct, frozen=True):
    machine: str
    model: str
    file_bytes: int
    prefill: tuple[float, ...] = ()
    decode: tuple[float, ...] = ()

    def is_of(self, machine: str, model: str, file_bytes: int) -> bool:
        return (self.machine, self.model, self.file_bytes) == (machine, model, file_bytes)


class Speeds:
    """The speeds in one file. A file that is not there or is damaged holds none."""

    def __init__(self, path: Path, machine: str) -> None:
        """`machine` names the processor (`core.budget.probe.machine_name`)."""
        self._path = path
        self._machine = machine

    def of(self, model: str, file_bytes: int) -> Speed | None:
        """The speed of a model file on this machine; None when it has not run."""
        for samples in self._load():
            if samples.is_of(self._machine, model, file_bytes):
                return Speed(_median(samples.prefill), _median(samples.decode), len(samples.decode))
        return None

    def learn(
        self,
        model: str,
        file_bytes: int,
        *,
        prefill_tokens: int,
        prefill_ms: float,
        decode_tokens: int,
        decode_ms: float,
    ) -> None:
        """Take in one answer: tokens that were computed of the prompt, and those said.

        What is too short to tell is left out. A file that cannot be written is let be.
        """
        prefill = _rate(prefill_tokens, prefill_ms, LEAST_PREFILL_TOKENS)
        decode = _rate(decode_tokens, decode_ms, LEAST_DECODE_TOKENS)
        if not prefill and not decode:
            return
        rest, old = [], _Samples(self._machine, model, file_bytes)
        for samples in self._load():
            if samples.is_of(self._machine, model, file_bytes):
                old = samples
            else:
                rest.append(samples)
        new = msgspec.structs.replace(
            old,
            prefill=(*old.prefill, *prefill)[-KEPT:],
            decode=(*old.decode, *decode)[-KEPT:],
        )
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            write_atomic(self._path, msgspec.json.encode([new, *rest][:MOST_MODELS]))

    def _load(self) -> list[_Samples]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=list[_Samples])
        except (OSError, msgspec.MsgspecError):
            return []


def _rate(tokens: int, took_ms: float, least: int) -> tuple[float, ...]:
    return (round(1000 * tokens / took_ms, 2),) if tokens >= least and took_ms > 0 else ()


def _median(values: tuple[float, ...]) -> float | None:
    return round(statistics.median(values), 2) if values else None
