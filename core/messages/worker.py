"""What the service asks of the process that runs the language model, and its replies."""

from __future__ import annotations

from typing import Literal

from core.messages.base import Message
from core.messages.values import CellType, ChatTurn, Gpu, PinnedText, ScoredTokens


class LoadModel(Message, frozen=True):
    """Load a GGUF file with its LoRA adapters, replacing what is loaded.

    Of its weights `held_bytes` may be in memory, None for all. What it uses how often is kept
    in the file `traces`. A token uses `active_experts` of a layer, None for as many as the
    model says. Of its keys and values `saved_bytes` may be kept in `saved_folder`.
    """

    id: int
    path: str
    context_tokens: int
    threads: int
    adapters: tuple[str, ...] = ()
    cell_type: CellType = "q8_0"
    held_bytes: int | None = None
    traces: str | None = None
    active_experts: int | None = None
    saved_folder: str | None = None
    saved_bytes: int = 0


class HoldWeights(Message, frozen=True):
    """From now on `held_bytes` of the loaded model's weights may be in memory, None for all.

    Done within a second, also in the middle of an answer. Replied by WeightsHeld, which comes
    after each answer too.
    """

    held_bytes: int | None


class WeightsHeld(Message, frozen=True):
    """How the worker keeps weights in memory that do not all have room; see
    `core.llm.experts.report.ResidencyReport`.
    """

    step: Literal["fits", "pool", "advice", "plain"]
    why: str
    room_bytes: int
    resident_bytes: int
    hits: int
    misses: int
    read_bytes: int


class CheckModel(Message, frozen=True):
    """Whether this build can load a model, or an adapter beside it; nothing stays loaded.

    Ends with Done. A file that was made to harm may end the worker.
    """

    id: int
    path: str
    adapter: str | None = None


class ModelLoaded(Message, frozen=True):
    """Ends a LoadModel. `resident_bytes` is the worker's resident set after loading.

    `cell_type` is what its memory is made of, and `memory_why` says what of it is switched off.
    """

    id: int
    name: str
    architecture: str
    context_tokens: int
    trained_context_tokens: int
    resident_bytes: int
    load_ms: float
    cell_type: CellType = "q8_0"
    memory_why: str = ""


class FindGpus(Message, frozen=True):
    """Which graphics processors models can use here. Ends with Gpus."""

    id: int


class Gpus(Message, frozen=True):
    """Ends a FindGpus. `build` names llama.cpp's."""

    id: int
    build: str
    gpus: tuple[Gpu, ...]


class FingerprintModel(Message, frozen=True):
    """What the loaded model computes on a text, and on what it would go on with.

    Ends with Fingerprinted.
    """

    id: int
    text: str


class Fingerprinted(Message, frozen=True):
    """Ends a FingerprintModel: the best tokens of each step. `build` names llama.cpp's."""

    id: int
    build: str
    steps: tuple[ScoredTokens, ...]
    prompt_tokens: int
    prefill_ms: float
    decode_ms: float


class ForetellText(Message, frozen=True):
    """How well the loaded model foretells a text. Ends with TextForetold."""

    id: int
    text: str


class TextForetold(Message, frozen=True):
    """Ends a ForetellText: for each token but the first the surprise, and what was expected."""

    id: int
    losses: tuple[float, ...]
    best: tuple[int, ...]


class Generate(Message, frozen=True):
    """Answer `question` from numbered `passages` (1-based, in this order).

    The worker builds the prompt and leaves out the last passages if the context
    cannot hold them all. Turns stay in its memory, or on disk, where `saved_bytes` may be
    kept (None for as many as before). With `variety` the words are drawn instead of the best
    taken, for each number differently. What is `pinned` is before the model as a whole, and kept
    as turns are, or the request fails.
    """

    id: int
    question: str
    passages: tuple[str, ...]
    history: tuple[ChatTurn, ...] = ()
    max_answer_tokens: int = 256
    saved_bytes: int | None = None
    variety: int = 0
    pinned: PinnedText | None = None


class Complete(Message, frozen=True):
    """Go on from a text, however long it is. Replied as Generate is.

    What is `pinned` comes before the text and is read only once, where both have room together:
    it stays in memory or on disk for the next time. In the `background` it waits while anything
    else is asked for, and goes on after that.
    What is said follows the `grammar`, if there is one (see core.llm.grammar).
    """

    id: int
    system: str
    text: str
    max_answer_tokens: int = 256
    background: bool = False
    pinned: str = ""
    grammar: str = ""


class ForgetSaved(Message, frozen=True):
    """Remove what is saved of a conversation, and save nothing of it any more. No reply."""

    conversation: int


class PromptReady(Message, frozen=True):
    """How many of the passages the prompt holds, and its length."""

    id: int
    passages_used: int
    prompt_tokens: int


class Token(Message, frozen=True):
    """The next piece of the answer's text; always whole characters."""

    id: int
    text: str


class Generated(Message, frozen=True):
    """Ends a Generate or Complete. `stopped` is "end", "length" or "cancelled".

    Of the prompt `reused_tokens` were in memory and `restored_tokens` came back from disk;
    `dropped_tokens` of a long text were read and did not stay. `recalled` are the turns that
    were in the prompt because the question is about them.
    """

    id: int
    stopped: Literal["end", "length", "cancelled"]
    prompt_tokens: int
    answer_tokens: int
    prefill_ms: float
    decode_ms: float
    reused_tokens: int = 0
    restored_tokens: int = 0
    dropped_tokens: int = 0
    recalled: tuple[int, ...] = ()


# The title of the Failed that ends what ran in the background when another model was loaded.
INTERRUPTED = "Another model was needed meanwhile."
