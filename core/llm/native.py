"""The one place that touches llama.cpp: a typed, thin layer over its C functions.

Addresses of native objects are plain ints here. Whatever llama.cpp refuses
becomes UserError; whatever must not happen becomes RuntimeError.
"""

from __future__ import annotations

import ctypes
import os
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import Cancelled, UserError
from core.llm.experts.manager import Residency
from core.llm.kv.cells import CellType
from core.llm.kv.native_cells import SEQUENCES, NativeCells, ability_of
from core.llm.library import lib, llama_cpp
from core.llm.offload import Offload
from core.llm.sampler import NativeSampler

_ABORTED = 2

Scores = npt.NDArray[np.float32]


class StopFlag:
    """Says "give up" to a running llama.cpp call; may be raised from any thread.

    It is a byte that llama.cpp's abort callback looks at between two graph
    nodes, so raising it ends a decode within a node's time, not a batch's.
    """

    def __init__(self) -> None:
        self._byte = ctypes.c_bool(False)
        self._final = False

    def raise_(self) -> None:
        """Give up for good."""
        self._final = True
        self._byte.value = True

    def pause(self) -> None:
        """Give way; what is computed goes on later, after `go_on`."""
        self._byte.value = True

    def go_on(self) -> None:
        """Take a pause back."""
        self._byte.value = self._final

    @property
    def raised(self) -> bool:
        """Whether to give up or to give way."""
        return self._byte.value

    @property
    def is_pause(self) -> bool:
        """Whether it is to go on later."""
        return self._byte.value and not self._final


@dataclass(frozen=True, slots=True)
class ContextShape:
    """How a context is laid out: lengths in tokens, `threads` as given to llama.cpp.

    Keys and values are of `cell_type` where the model's head size allows it, else of 16 bits;
    `key_size` numbers are a head's key, 0 for unknown.
    """

    context_tokens: int
    threads: int
    batch_tokens: int
    cell_type: CellType = "q8_0"
    key_size: int = 0


# Why llama.cpp refused the last file. Its log is the only place where it says so, and there
# is one log for the process.
_REFUSAL: deque[str] = deque(maxlen=1)
_REFUSALS = (b"error loading model: ", b"failed to apply lora adapter: ")


def _take_log(_level: int, text: bytes, _data: int | None) -> None:
    """Swallow llama.cpp's log, which may quote text, unless SATCHEL_LLAMA_LOG is set.

    Of the headers of files that it refuses the reason is kept.
    """
    for mark in _REFUSALS:
        at = text.rfind(mark)
        if at >= 0:
            _REFUSAL.append(text[at + len(mark) :].decode("utf-8", "replace").strip().rstrip("."))
    if os.environ.get("SATCHEL_LLAMA_LOG"):
        os.write(2, text)


def _why() -> str:
    """ ": " and the reason of the last refusal, if one was given."""
    return f": {_REFUSAL.pop()}" if _REFUSAL else ""


# At module level, because llama.cpp keeps its address as long as the process lives.
_LOG = lib.llama_log_callback(_take_log)


def build_name() -> str:
    """Which llama.cpp this is, and what of the processor it uses."""
    info: bytes = lib.llama_print_system_info()
    return f"{llama_cpp.__version__} {info.decode('ascii', 'replace').strip()}"


def check_loads(path: Path) -> None:
    """Raises UserError unless llama.cpp knows this kind of model and finds all of it in the file.

    No weights are read. A file that was made to harm may end the process.
    """
    _start()
    params = lib.llama_model_default_params()
    params.load_mode, params.no_alloc = lib.LLAMA_LOAD_MODE_NONE, True
    model = lib.llama_model_load_from_file(os.fsencode(path), params)
    if not model:
        raise _refused(path)
    lib.llama_model_free(model)


def _start() -> None:
    lib.llama_log_set(_LOG, ctypes.c_void_p(0))
    lib.llama_backend_init()
    _REFUSAL.clear()


def _refused(path: Path) -> UserError:
    return UserError(
        f"llama.cpp cannot load the model {path.name}{_why()}.",
        "Its architecture may be unknown to this version, or the file is damaged: "
        "fetch it again or choose another.",
    )


class NativeModel:
    """A model file mapped by llama.cpp, with its vocabulary. `close` frees it."""

    def __init__(
        self,
        path: Path,
        stop: StopFlag,
        kv_overrides: Mapping[str, int] | None = None,
        offload: Offload | None = None,
    ) -> None:
        """`kv_overrides` replace numbers in the file's metadata; `offload` says where weights lie.

        Raises UserError when llama.cpp refuses the file, Cancelled when `stop` is raised.
        """
        _start()
        params = lib.llama_model_default_params()
        overrides = _overrides(kv_overrides or {})
        if kv_overrides:
            params.kv_overrides = overrides
        kept = offload.set(params) if offload is not None else None
        params.load_mode = lib.LLAMA_LOAD_MODE_MMAP
        # Else weights in 4 bits are copied into another order: twice the memory, seconds to
        # load, experts that cannot stay on disk, and no faster answers (measured).
        params.use_extra_bufts = False
        params.progress_callback = lib.llama_progress_callback(
            lambda _progress, _data: not stop.raised
        )
        model = lib.llama_model_load_from_file(os.fsencode(path), params)
        del kept
        if stop.raised:
            if model:
                lib.llama_model_free(model)
            raise Cancelled
        if not model:
            raise _refused(path)
        self.handle: int | None = model
        self._vocab = lib.llama_model_get_vocab(model)
        self.n_vocab: int = lib.llama_vocab_n_tokens(self._vocab)
        self.trained_context_tokens: int = lib.llama_model_n_ctx_train(model)
        self._piece = ctypes.create_string_buffer(512)
        self.adapters: list[Any] = []  # their addresses; freed with the model

    def add_adapter(self, path: Path) -> None:
        """Load a LoRA beside the model, for contexts opened from now on. Raises UserError."""
        _REFUSAL.clear()
        adapter = lib.llama_adapter_lora_init(self.handle, os.fsencode(path))
        if not adapter:
            raise UserError(
                f"The adapter {path.name} does not fit its model{_why()}.",
                "Remove it, or name the model that it was trained for.",
            )
        self.adapters.append(adapter)

    def chat_template(self) -> bytes | None:
        """The chat template inside the model file."""
        template: bytes | None = lib.llama_model_chat_template(self.handle, None)
        return template

    def grammar(self, rules: str) -> tuple[Any, str] | None:
        """A grammar for a sampler, None for none."""
        return (self._vocab, rules) if rules else None

    def tokenize(self, text: str, *, first: bool, special: bool) -> list[int]:
        """Token ids of `text`.

        `first` adds what the model wants at the beginning of a prompt; `special`
        lets the names of control tokens in the text stand for these tokens.
        """
        raw = text.encode("utf-8", "replace")
        room = len(raw) + 8
        tokens = (lib.llama_token * room)()
        count = lib.llama_tokenize(self._vocab, raw, len(raw), tokens, room, first, special)
        if count < 0:
            raise RuntimeError(f"llama_tokenize wants {-count} places for {len(raw)} bytes")
        return list(tokens[:count])

    def piece(self, token: int) -> bytes:
        """The bytes of one token; control tokens have none."""
        size = lib.llama_token_to_piece(self._vocab, token, self._piece, len(self._piece), 0, False)
        if size < 0:
            self._piece = ctypes.create_string_buffer(-size)
            return self.piece(token)
        return self._piece.raw[:size]

    def is_end(self, token: int) -> bool:
        """Whether the token ends a generation."""
        return bool(lib.llama_vocab_is_eog(self._vocab, token))

    def close(self) -> None:
        if self.handle:
            lib.llama_model_free(self.handle)
        self.handle = None


def _overrides(numbers: Mapping[str, int]) -> Any:
    """An array of overrides as llama.cpp takes it: the first without a key ends it."""
    array = (lib.llama_model_kv_override * (len(numbers) + 1))()
    for place, (key, number) in zip(array, numbers.items(), strict=False):
        place.tag, place.key = lib.LLAMA_KV_OVERRIDE_TYPE_INT, key.encode()
        place.value.val_i64 = number
    return array


def apply_template(template: bytes, messages: Sequence[tuple[str, str]]) -> str | None:
    """(role, text) pairs as one prompt ending where the assistant speaks.

    None when llama.cpp does not know the template.
    """
    array = (lib.llama_chat_message * len(messages))()
    for place, (role, text) in zip(array, messages, strict=True):
        place.role, place.content = role.encode(), text.encode("utf-8", "replace")
    size = 4096
    while True:
        buffer = ctypes.create_string_buffer(size)
        length: int = lib.llama_chat_apply_template(
            template, array, len(messages), True, buffer, size
        )
        if length < 0:
            return None
        if length <= size:
            return buffer.raw[:length].decode("utf-8", "replace")
        size = length


_CELLS = {"f16": lib.GGML_TYPE_F16, "q8_0": lib.GGML_TYPE_Q8_0, "q4_0": lib.GGML_TYPE_Q4_0}
_KEYS_AND_VALUES: dict[CellType, tuple[str, str]] = {
    "f16": ("f16", "f16"),
    "q8_0": ("q8_0", "q8_0"),
    "q8_q4": ("q8_0", "q4_0"),
    "q4_0": ("q4_0", "q4_0"),
}
# How attention is computed: quantized values need the flash kind, else llama.cpp chooses.
ATTENTION: dict[CellType, str] = dict.fromkeys(_KEYS_AND_VALUES, "flash") | {"f16": "auto"}


class NativeContext:
    """A context of one sequence with its key-value memory. `close` frees it.

    `cell_type` is the one that it has, `cells` its memory.
    """

    def __init__(self, model: NativeModel, shape: ContextShape, residency: Residency) -> None:
        """`residency` keeps the model's weights in bounds while computing. Raises UserError when
        the memory for the context cannot be had.
        """
        self._model = model
        self._residency = residency
        # Kept alive here, like the other one: llama.cpp holds only its address.
        self._eval = (
            lib.ggml_backend_sched_eval_callback(residency.routing)
            if residency.routing is not None
            else None
        )
        self.cell_type: CellType = shape.cell_type
        handle = self._open(shape, shape.cell_type)
        if not handle and shape.cell_type != "f16":
            self.cell_type = "f16"
            handle = self._open(shape, "f16")
        self._handle: int | None = handle
        if not handle:
            raise UserError(
                f"There is not enough memory for a context of {shape.context_tokens} tokens.",
                "Close other programs or set a smaller context.",
            )
        self._use(model.adapters)
        self.context_tokens: int = lib.llama_n_ctx(self._handle)
        memory = lib.llama_get_memory(handle)
        ability = ability_of(model.handle, memory, self.cell_type, shape.key_size)
        self.cells = NativeCells(
            handle, min(self.context_tokens, shape.context_tokens), ability, self.decode
        )
        self._stop = StopFlag()
        self._abort = lib.ggml_abort_callback(lambda _data: self._between_steps())
        lib.llama_set_abort_callback(self._handle, self._abort, None)
        residency.start(self._look_at_one_token)

    def _open(self, shape: ContextShape, cell_type: CellType) -> int | None:
        params = lib.llama_context_default_params()
        params.n_ctx = shape.context_tokens
        params.n_batch = params.n_ubatch = shape.batch_tokens
        params.n_threads = params.n_threads_batch = shape.threads
        # One of them is what is computed on; what leaves and comes back goes through the other.
        # Only with unified cells can a part of one be copied: else the process is aborted.
        params.n_seq_max, params.kv_unified = SEQUENCES, True
        params.no_perf = True
        if self._eval is not None:
            params.cb_eval = self._eval
        if cell_type != "f16":
            # Quantized values need flash attention. Models whose head size does not allow it
            # open the second way.
            params.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_ENABLED
        keys, values = _KEYS_AND_VALUES[cell_type]
        params.type_k, params.type_v = _CELLS[keys], _CELLS[values]
        handle: int | None = lib.llama_init_from_model(self._model.handle, params)
        return handle

    def _use(self, adapters: Sequence[Any]) -> None:
        """Have a model's adapters, whole, in what this context computes."""
        if not adapters:
            return
        count = len(adapters)
        handles = (lib.llama_adapter_lora_p_ctypes * count)(*adapters)
        scales = (ctypes.c_float * count)(*([1.0] * count))
        if lib.llama_set_adapters_lora(self._handle, handles, count, scales) != 0:
            self.close()
            raise UserError("The adapters of the model cannot be used together.", "Remove one.")

    def logits(self) -> list[float]:
        """The scores of all tokens after the last decode."""
        count = self._model.n_vocab
        return list(lib.llama_get_logits_ith(self._handle, -1)[:count])

    def _between_steps(self) -> bool:
        """Called by llama.cpp between two steps of a computation; whether to give it up."""
        self._residency.between_steps()
        return self._stop.raised

    def _look_at_one_token(self) -> None:
        """Have llama.cpp lay out the computation of a token, and give it up at its first step."""
        before, self._stop = self._stop, StopFlag()
        self._stop.raise_()
        token = (lib.llama_token * 1)(0)
        lib.llama_decode(self._handle, lib.llama_batch_get_one(token, 1))
        self._stop = before
        self.cells.remove(0, None)

    def use_stop(self, stop: StopFlag) -> None:
        """The flag that aborts the following decodes."""
        self._stop = stop

    def decode(self, tokens: Sequence[int]) -> None:
        """Append tokens to the sequence and compute the logits of the last one.

        Raises Cancelled when the stop flag is raised meanwhile (the memory then
        holds an unknown part of `tokens`), UserError when the computation fails.
        """
        array = (lib.llama_token * len(tokens))(*tokens)
        self._decode(lib.llama_batch_get_one(array, len(tokens)), len(tokens))

    def _decode(self, batch: Any, tokens: int) -> None:
        """Compute a batch of so many tokens, with the weights kept in bounds meanwhile."""
        self._residency.begin(tokens)
        code: int = lib.llama_decode(self._handle, batch)
        fault = self._residency.end()
        if fault is not None:
            raise fault
        if code == _ABORTED or self._stop.raised:
            raise Cancelled
        if code != 0:
            raise UserError(
                f"The language model failed on this question (code {code}).",
                "Ask again; if it happens again, choose another model.",
            )

    def decode_scored(self, tokens: Sequence[int]) -> list[Scores]:
        """As `decode`; the scores of all tokens after each of these, good until the next call."""
        count = len(tokens)
        batch = lib.llama_batch_init(count, 0, 1)
        try:
            batch.n_tokens = count
            first = self.cells.end
            for at, token in enumerate(tokens):
                batch.token[at], batch.pos[at], batch.logits[at] = token, first + at, 1
                batch.n_seq_id[at], batch.seq_id[at][0] = 1, 0
            self._decode(batch, count)
        finally:
            lib.llama_batch_free(batch)
        rows = (lib.llama_get_logits_ith(self._handle, at) for at in range(count))
        return [np.ctypeslib.as_array(row, (self._model.n_vocab,)) for row in rows]

    def sample(self, sampler: NativeSampler) -> int:
        """The next token by the logits of the last decode."""
        token: int = lib.llama_sampler_sample(sampler.handle, self._handle, -1)
        return token

    def close(self) -> None:
        if self._handle:
            lib.llama_free(self._handle)
        self._handle = None
