"""The language model runtime: one loaded model that answers chats, piece by piece.

It keeps what the last prompt left in the key-value memory and computes only
what the next prompt does not share with it. One call at a time; only the stop
flag, `resize` and `residency` may be used from another thread.
"""

from __future__ import annotations

import heapq
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from core.errors import Cancelled, UserError
from core.llm.chat_message import ChatMessage
from core.llm.devices import gpu_devices
from core.llm.experts.fewer import fewer_experts
from core.llm.experts.manager import Residency
from core.llm.experts.quality import Foretold, next_token_loss
from core.llm.experts.report import ResidencyReport, Step
from core.llm.facts import facts_of, head_sizes
from core.llm.gguf import GgufHeader, read_header
from core.llm.kv.cells import CELL_SHARES, CellType
from core.llm.loops import is_looping
from core.llm.native import (
    ContextShape,
    NativeContext,
    NativeModel,
    NativeSampler,
    StopFlag,
    apply_template,
)
from core.llm.offload import decide
from core.llm.text import PLAIN_STOPS, TextPieces, plain_format
from core.messages import ScoredTokens

# Tokens a decode call. Small batches prefill as fast as large ones on a CPU (measured at
# 64 to 512), and keep each graph node short, which is what bounds the wait for a stop.
BATCH_TOKENS = 64
MIN_CONTEXT_TOKENS = 128

Stopped = Literal["end", "length", "cancelled"]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are picked. Temperature 0 always takes the best one.

    `repeat_penalty` divides the odds of the answer's last `penalty_last_n` tokens; the
    prompt's tokens are free to be quoted.
    """

    temperature: float = 0.0
    repeat_penalty: float = 1.05
    penalty_last_n: int = 64
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a generation went. `reused_tokens` of the prompt were in memory already."""

    stopped: Stopped
    prompt_tokens: int
    reused_tokens: int
    answer_tokens: int
    prefill_ms: float
    decode_ms: float


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a model computed on a text, and how long that took."""

    steps: tuple[ScoredTokens, ...]
    prompt_tokens: int
    prefill_ms: float
    decode_ms: float


def default_threads() -> int:
    """Physical cores, but no fewer than two where there are two logical ones."""
    logical = os.cpu_count() or 1
    return max(psutil.cpu_count(logical=False) or 1, min(2, logical))


def common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two sequences share at the beginning."""
    for at, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return at
    return min(len(one), len(other))


class Runtime:
    """A loaded model with one context."""

    def __init__(
        self,
        path: Path,
        *,
        context_tokens: int,
        threads: int = 0,
        sampling: Sampling | None = None,
        stop: StopFlag | None = None,
        adapters: Sequence[Path] = (),
        cell_type: CellType = "q8_0",
        held_bytes: int | None = None,
        traces_path: Path | None = None,
        best_step: Step = "pool",
        active_experts: int | None = None,
    ) -> None:
        """Load the model at `path`, changed by the LoRA `adapters`.

        The context is cut to what the model was trained for; `threads` 0 means
        default_threads(). Keys and values are of `cell_type`, where the model allows it. Of the
        weights `held_bytes` may be in this process, None for all; what is used how often is kept in
        `traces_path`, and `best_step` is the fastest way that is tried. A token uses
        `active_experts` of a layer, None for as many as the model says. Raises UserError when
        the file or the memory is not fit, Cancelled when `stop` is raised while loading.
        """
        started = time.perf_counter()
        self.path = path
        self.header: GgufHeader = read_header(path)
        self._sampling = sampling or Sampling()
        overrides = fewer_experts(self.header, active_experts)
        self._residency = Residency(path, held_bytes, traces_path, best_step, active_experts)
        facts = facts_of(self.header, path.stem, path.stat().st_size)
        offload = decide(gpu_devices(), facts, context_tokens, CELL_SHARES[cell_type])
        try:
            self._model = NativeModel(path, stop or StopFlag(), overrides, offload)
        except (Cancelled, UserError):
            self._residency.close()
            raise
        trained = self._model.trained_context_tokens
        wanted = max(context_tokens, MIN_CONTEXT_TOKENS)
        shape = ContextShape(
            context_tokens=min(wanted, trained) if trained > 0 else wanted,
            threads=threads if threads > 0 else default_threads(),
            batch_tokens=BATCH_TOKENS,
            cell_type=cell_type,
            key_size=head_sizes(self.header)[0],
        )
        try:
            for adapter in adapters:
                self._model.add_adapter(adapter)
            self._context = NativeContext(self._model, shape, self._residency)
        except UserError:
            self._residency.close()
            self._model.close()
            raise
        self.context_tokens: int = min(self._context.context_tokens, shape.context_tokens)
        self.trained_context_tokens: int = trained
        self._template = self._model.chat_template()
        probe = (("user", "x"),)
        if self._template is not None and apply_template(self._template, probe) is None:
            self._template = None
        self._memory: list[int] = []
        self.load_ms = (time.perf_counter() - started) * 1e3

    @property
    def name(self) -> str:
        """The model's own name, or that of its file."""
        return self.header.name or self.path.stem

    @property
    def resident_bytes(self) -> int:
        """The resident set of this process."""
        size: int = psutil.Process().memory_info().rss
        return size

    def resize(self, held_bytes: int | None, done: Callable[[], None] = lambda: None) -> None:
        """Let so much of the weights be in memory from now on, None for all.

        From any thread; in the middle of an answer it happens within a layer's time, on the
        thread that computes. `done` is called then.
        """
        self._residency.on_resized = done
        self._residency.resize(held_bytes)

    def residency(self) -> ResidencyReport:
        """How the weights are kept in memory. From any thread."""
        return self._residency.report()

    @property
    def is_lost(self) -> bool:
        """Whether the model's file was changed or could not be read: load it again."""
        return self._residency.is_lost

    def remember(self) -> None:
        """Keep what was learnt of what the model uses."""
        self._residency.remember()

    def tokenize_chat(self, messages: Sequence[ChatMessage]) -> list[int]:
        """The prompt for a chat, up to where the assistant speaks.

        The model's own template frames the messages. Their text is never read
        as control tokens, so a document cannot speak as the user or the system.
        """
        slots = [f"\ue000{at}\ue001" for at in range(len(messages))]
        rendered = self._render(
            [(message.role, slot) for message, slot in zip(messages, slots, strict=True)]
        )
        tokens: list[int] = []
        rest = rendered
        for message, slot in zip(messages, slots, strict=True):
            frame, _, rest = rest.partition(slot)
            tokens += self._model.tokenize(frame, first=not tokens, special=True)
            tokens += self._model.tokenize(message.text.strip(), first=False, special=False)
        return tokens + self._model.tokenize(rest, first=False, special=True)

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """How many tokens `tokenize_chat` gives."""
        return len(self.tokenize_chat(messages))

    def logits_after(self, messages: Sequence[ChatMessage]) -> list[float]:
        """The scores of all tokens for the first one of an answer to these messages."""
        self._prefill(self.tokenize_chat(messages))
        return self._context.logits()

    def fingerprint(self, text: str, steps: int, best: int) -> Fingerprint:
        """The `best` tokens with their scores after a text, and `steps` - 1 times after going on
        with the best one. Always the same for the same file, build and processor.
        """
        self._rewind(0)
        prompt = self._model.tokenize(text, first=True, special=False)[: self.context_tokens // 2]
        started = time.perf_counter()
        self._prefill(prompt)
        prefill_ms = (time.perf_counter() - started) * 1e3
        found: list[ScoredTokens] = []
        decode_s = 0.0
        for _ in range(min(steps, self.context_tokens // 2)):
            logits = self._context.logits()
            tokens = heapq.nlargest(best, range(len(logits)), key=logits.__getitem__)
            scores = tuple(round(logits[token], 3) for token in tokens)
            found.append(ScoredTokens(tuple(tokens), scores))
            started = time.perf_counter()
            self._append([tokens[0]])
            decode_s += time.perf_counter() - started
        self._rewind(0)
        return Fingerprint(tuple(found), len(prompt), prefill_ms, decode_s * 1e3)

    def foretell(self, text: str, stop: StopFlag) -> Foretold:
        """How well the model foretells each next token of a text, as far as its context reaches.

        Raises Cancelled when `stop` is raised, UserError as `generate`.
        """
        self._rewind(0)
        self._context.use_stop(stop)
        tokens = self._model.tokenize(text, first=True, special=False)[: self.context_tokens]
        losses: list[float] = []
        best: list[int] = []
        try:
            for at in range(0, len(tokens) - 1, BATCH_TOKENS):
                batch = tokens[at : at + BATCH_TOKENS]
                rows = self._context.decode_scored(batch)
                for row, following in zip(rows, tokens[at + 1 :], strict=False):
                    losses.append(next_token_loss(row, following))
                    best.append(int(row.argmax()))
        finally:
            self._rewind(0)
        return Foretold(tuple(losses), tuple(best))

    def generate(
        self,
        prompt: Sequence[int],
        *,
        max_tokens: int,
        on_text: Callable[[str], None],
        stop: StopFlag,
    ) -> Outcome:
        """Continue `prompt` and hand the text to `on_text` in pieces of whole characters.

        Ends at an end-of-generation token, after `max_tokens`, where the context
        is full, when the text goes in circles ("length"), or soon after `stop` is
        raised ("cancelled"). Raises UserError when the prompt does not fit the
        context or llama.cpp fails.
        """
        if len(prompt) >= self.context_tokens:
            raise UserError(
                f"The question is too long for the model's {self.context_tokens} tokens.",
                "Ask a shorter question, or choose a model with a larger context.",
            )
        self._context.use_stop(stop)
        started = time.perf_counter()
        reused = 0
        answer: list[int] = []
        stopped: Stopped = "cancelled"
        prefilled = started
        try:
            reused = self._prefill(prompt)
            prefilled = time.perf_counter()
            stopped = self._decode(answer, max_tokens, on_text)
        except Cancelled:
            if not answer:
                prefilled = time.perf_counter()
        return Outcome(
            stopped=stopped,
            prompt_tokens=len(prompt),
            reused_tokens=reused,
            answer_tokens=len(answer),
            prefill_ms=(prefilled - started) * 1e3,
            decode_ms=(time.perf_counter() - prefilled) * 1e3,
        )

    def close(self) -> None:
        """Free the model and its context."""
        self._context.close()
        self._residency.close()
        self._model.close()

    def _render(self, messages: Sequence[tuple[str, str]]) -> str:
        if self._template is not None:
            rendered = apply_template(self._template, messages)
            if rendered is not None and all(slot in rendered for _, slot in messages):
                return rendered
        return plain_format(messages)

    def _prefill(self, prompt: Sequence[int]) -> int:
        """Bring the memory to exactly `prompt`; how many of its tokens were there."""
        # The last token is always computed, since its logits start the answer.
        reused = min(common_prefix(self._memory, prompt), len(prompt) - 1)
        reused = self._rewind(reused)
        for at in range(reused, len(prompt), BATCH_TOKENS):
            self._append(prompt[at : at + BATCH_TOKENS])
        return reused

    def _decode(
        self, answer: list[int], max_tokens: int, on_text: Callable[[str], None]
    ) -> Stopped:
        sampling = self._sampling
        pieces = TextPieces(() if self._template is not None else PLAIN_STOPS)
        sampler = NativeSampler(
            self._model.n_vocab,
            temperature=sampling.temperature,
            repeat_penalty=sampling.repeat_penalty,
            last_n=sampling.penalty_last_n,
            seed=sampling.seed,
        )
        stopped: Stopped = "length"
        try:
            while len(answer) < max_tokens:
                token = self._context.sample(sampler)
                if self._model.is_end(token):
                    stopped = "end"
                    break
                answer.append(token)
                _show(on_text, pieces.feed(self._model.piece(token)))
                if pieces.stopped:
                    stopped = "end"
                    break
                if is_looping(answer) or len(self._memory) >= self.context_tokens:
                    break
                self._append([token])
            _show(on_text, pieces.finish())
        finally:
            sampler.close()
        return stopped

    def _append(self, tokens: Sequence[int]) -> None:
        before = len(self._memory)
        try:
            self._context.decode(tokens)
        except (Cancelled, UserError):
            self._rewind(before)
            raise
        self._memory.extend(tokens)

    def _rewind(self, position: int) -> int:
        """Forget the memory from `position` on; where it then ends."""
        if not self._context.cells.remove(position, None):
            position = 0
        del self._memory[position:]
        return position


def _show(on_text: Callable[[str], None], text: str) -> None:
    if text:
        on_text(text)
