"""An answer in the making: taken in, then token by token, and it may pause in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from core.errors import Cancelled
from core.llm.kv.prompts import Brought, Parked, PromptMemory, PromptPart
from core.llm.loops import is_looping
from core.llm.native import NativeContext, NativeModel, StopFlag
from core.llm.sampler import NativeSampler
from core.llm.text import TextPieces

Stopped = Literal["end", "length", "cancelled"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a generation went. Of the prompt's tokens `reused_tokens` were in memory already and
    `recalled_tokens` came back from disk; `dropped_tokens` of a text longer than the memory were
    read and had to go.
    """

    stopped: Stopped
    prompt_tokens: int
    reused_tokens: int
    answer_tokens: int
    prefill_ms: float
    decode_ms: float
    recalled_tokens: int = 0
    dropped_tokens: int = 0
    held: tuple[str, ...] = ()


class Generation:
    """One answer. `run` goes on with it until it is done or has to pause.

    For `reserve_tokens` of it there is room behind the prompt; beyond that its middle goes.
    """

    def __init__(
        self,
        parts: Sequence[PromptPart],
        end: Sequence[int],
        max_tokens: int,
        reserve_tokens: int,
        on_text: Callable[[str], None],
        sampler: NativeSampler,
        pieces: TextPieces,
    ) -> None:
        self._parts = tuple(parts)
        self._end = tuple(end)
        self._max_tokens = max_tokens
        self._reserve = reserve_tokens
        self._on_text = on_text
        self._sampler = sampler
        self._pieces = pieces
        self._answer: list[int] = []
        self._brought: Brought | None = None
        self._parked: Parked | None = None
        self._prefill_s = self._decode_s = 0.0

    def run(
        self, model: NativeModel, context: NativeContext, prompts: PromptMemory, stop: StopFlag
    ) -> Outcome | None:
        """Go on; None when `stop` asks for a pause. Raises UserError.

        What is computed by then is taken out of memory, and comes back with the next run.
        """
        context.use_stop(stop)
        stopped: Stopped = "cancelled"
        try:
            self._take_in(prompts)
            stopped = self._decode(model, context, prompts)
        except Cancelled:
            if stop.is_pause:
                self._parked = prompts.park()
                return None
        finally:
            if not stop.is_pause:
                self._sampler.close()
        brought = self._brought or Brought()
        return Outcome(
            stopped=stopped,
            prompt_tokens=brought.reused + brought.recalled + brought.computed,
            reused_tokens=brought.reused,
            answer_tokens=len(self._answer),
            prefill_ms=1e3 * self._prefill_s,
            decode_ms=1e3 * self._decode_s,
            recalled_tokens=brought.recalled,
            dropped_tokens=brought.dropped_tokens,
            held=brought.held,
        )

    def close(self) -> None:
        """Free what it holds, when it is not gone on with."""
        self._sampler.close()

    def _take_in(self, prompts: PromptMemory) -> None:
        started = time.perf_counter()
        try:
            if self._parked is not None:
                prompts.unpark(self._parts, self._parked)
            brought = prompts.bring(
                self._parts,
                (*self._end, *self._answer),
                max(0, self._reserve - len(self._answer)),
                goes_on=self._parked is not None,
            )
            self._parked = None
            self._brought = self._brought or brought
        finally:
            self._prefill_s += time.perf_counter() - started

    def _decode(self, model: NativeModel, context: NativeContext, prompts: PromptMemory) -> Stopped:
        started = time.perf_counter()
        try:
            while len(self._answer) < self._max_tokens:
                token = context.sample(self._sampler)
                if model.is_end(token):
                    return self._finish("end")
                self._answer.append(token)
                self._show(self._pieces.feed(model.piece(token)))
                if self._pieces.stopped:
                    return self._finish("end")
                if is_looping(self._answer) or not prompts.extend(token):
                    break
            return self._finish("length")
        finally:
            self._decode_s += time.perf_counter() - started

    def _finish(self, stopped: Stopped) -> Stopped:
        self._show(self._pieces.finish())
        return stopped

    def _show(self, text: str) -> None:
        if text:
            self._on_text(text)
