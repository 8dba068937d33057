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

import psutil

from core.errors import Cancelled, UserError
from core.llm.chat_message import ChatMessage
from core.llm.devices import gpu_devices
from core.llm.experts.fewer import fewer_experts
from core.llm.experts.manager import Residency
from core.llm.experts.quality import Foretold, next_token_loss
from core.llm.experts.report import ResidencyReport, Step
from core.llm.facts import facts_of, head_sizes
from core.llm.generation import Generation, Outcome
from core.llm.gguf import GgufHeader, read_header
from core.llm.kv.cells import CELL_SHARES, Ability, CellType
from core.llm.kv.memory import KvMemory
from core.llm.kv.prompts import PromptMemory, PromptPart
from core.llm.kv.saved import SavedKv
from core.llm.native import (
    ContextShape,
    NativeContext,
    NativeModel,
    StopFlag,
    apply_template,
)
from core.llm.offload import decide
from core.llm.sampler import NativeSampler
from core.llm.text import PLAIN_STOPS, TextPieces, plain_format
from core.messages import ScoredTokens

# Tokens a decode call. Small batches prefill as fast as large ones on a CPU (measured at
# 64 to 512), and keep each graph node short, which is what bounds the wait for a stop.
BATCH_TOKENS = 64
MIN_CONTEXT_TOKENS = 128
UNEVEN_TURNS = (
    "The model's chat template frames turns by where they stand, so earlier turns cannot leave its "
    "memory and come back."
)

VARIED_TEMPERATURE = 0.6  # of an answer that is to differ from one before


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
        self.cell_type: CellType = self._context.cell_type
        share = CELL_SHARES[self.cell_type]
        memory = KvMemory(
            self._context.cells, round(share * facts.kv_bytes_a_token_f16), BATCH_TOKENS
        )
        self._prompts = PromptMemory(memory, trained)
        self._even = self._frames_are_even()
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

    @property
    def ability(self) -> Ability:
        """What the model's memory allows, and why not more."""
        ability = self._context.cells.ability
        if ability.pages and not self._even:
            return Ability(pages=False, shifts=ability.shifts, why=UNEVEN_TURNS)
        return ability

    @property
    def memory(self) -> KvMemory:
        """What is in the model's memory."""
        return self._prompts.memory

    def use_saved(self, saved: SavedKv | None) -> None:
        """Where parts of prompts that leave memory are kept; None for nowhere."""
        self._prompts.saved = saved

    def settle(self) -> None:
        """Save what is in memory and can be needed again."""
        self._prompts.settle()

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
        return [token for part in self.tokenize_each(messages) for token in part]

    def tokenize_each(self, messages: Sequence[ChatMessage]) -> list[list[int]]:
        """The same by message, each with the frame before it; last the frame of what comes."""
        frames = self._frames([message.role for message in messages])
        parts: list[list[int]] = []
        for frame, message in zip(frames, messages, strict=False):
            tokens = self._model.tokenize(frame, first=not parts, special=True)
            tokens += self._model.tokenize(message.text.strip(), first=False, special=False)
            parts.append(tokens)
        return [*parts, self._model.tokenize(frames[-1], first=not parts, special=True)]

    def tokenize_text(self, text: str) -> list[int]:
        """Text inside a message."""
        return self._model.tokenize(text, first=False, special=False)

    def _frames(self, roles: Sequence[str]) -> list[str]:
        """What stands before each message, and after the last."""
        slots = [f"\ue000{at}\ue001" for at in range(len(roles))]
        rest = self._render(list(zip(roles, slots, strict=True)))
        frames: list[str] = []
        for slot in slots:
            frame, _, rest = rest.partition(slot)
            frames.append(frame)
        return [*frames, rest]

    def _frames_are_even(self) -> bool:
        """Whether a turn is framed the same wherever it stands, so that it can leave and be put
        elsewhere.
        """
        turn = ["user", "assistant"]
        _, first, answer, *middle, last, _ = self._frames(["system", *turn, *turn, "user"])
        return [first, answer] == middle and last == first

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """How many tokens `tokenize_chat` gives."""
        return len(self.tokenize_chat(messages))

    def logits_after(self, messages: Sequence[ChatMessage]) -> list[float]:
        """The scores of all tokens for the first one of an answer to these messages."""
        self._prompts.bring((), self.tokenize_chat(messages), 0)
        return self._context.logits()

    def fingerprint(self, text: str, steps: int, best: int) -> Fingerprint:
        """The `best` tokens with their scores after a text, and `steps` - 1 times after going on
        with the best one. Always the same for the same file, build and processor.
        """
        self._prompts.clear()
        prompt = self._model.tokenize(text, first=True, special=False)[: self.context_tokens // 2]
        started = time.perf_counter()
        self._prompts.bring((), prompt, 0)
        prefill_ms = (time.perf_counter() - started) * 1e3
        found: list[ScoredTokens] = []
        decode_s = 0.0
        for _ in range(min(steps, self.context_tokens // 2)):
            logits = self._context.logits()
            tokens = heapq.nlargest(best, range(len(logits)), key=logits.__getitem__)
            scores = tuple(round(logits[token], 3) for token in tokens)
            found.append(ScoredTokens(tuple(tokens), scores))
            started = time.perf_counter()
            self._prompts.extend(tokens[0])
            decode_s += time.perf_counter() - started
        self._prompts.clear()
        return Fingerprint(tuple(found), len(prompt), prefill_ms, decode_s * 1e3)

    def foretell(self, text: str, stop: StopFlag) -> Foretold:
        """How well the model foretells each next token of a text, as far as its context reaches.

        Raises Cancelled when `stop` is raised, UserError as `generate`.
        """
        self._prompts.clear()
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
            self._prompts.clear()
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

        Ends at an end-of-generation token, after `max_tokens`, when the text goes in circles or
        there is no more room ("length"), or soon after `stop` is raised ("cancelled"). Of what is
        longer than the context the middle goes, where the model allows it. Raises UserError when
        the prompt cannot be taken in or llama.cpp fails.
        """
        outcome = self.run(self.begin((), prompt, max_tokens=max_tokens, on_text=on_text), stop)
        if outcome is None:
            raise RuntimeError("what cannot go on was paused")
        return outcome

    def begin(
        self,
        parts: Sequence[PromptPart],
        end: Sequence[int],
        *,
        max_tokens: int,
        on_text: Callable[[str], None],
        grammar: str = "",
        variety: int = 0,
    ) -> Generation:
        """An answer to a prompt of parts and an end, to be `run`; it follows a grammar if given.

        With `variety` its words are drawn, for each number differently.
        Raises UserError for one that llama.cpp does not understand.
        """
        sampling = self._sampling
        sampler = NativeSampler(
            self._model.n_vocab,
            temperature=VARIED_TEMPERATURE if variety else sampling.temperature,
            repeat_penalty=sampling.repeat_penalty,
            last_n=sampling.penalty_last_n,
            seed=sampling.seed + variety,
            grammar=self._model.grammar(grammar),
        )
        pieces = TextPieces(() if self._template is not None else PLAIN_STOPS)
        reserve = min(max_tokens, self.context_tokens // 2)
        return Generation(parts, end, max_tokens, reserve, on_text, sampler, pieces)

    def choose(
        self, parts: Sequence[PromptPart], end_tokens: int, answer_tokens: int
    ) -> list[PromptPart]:
        """What of these parts, and of what is in memory, there is room for before such an end."""
        return self._prompts.choose(parts, end_tokens, answer_tokens)

    def run(self, generation: Generation, stop: StopFlag) -> Outcome | None:
        """Go on with an answer until it ends; None when `stop` asked for a pause."""
        return generation.run(self._model, self._context, self._prompts, stop)

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
