"""What a model file tells of itself that a plan needs: its parts, and what one token costs."""

from __future__ import annotations

import contextlib
import dataclasses
from dataclasses import dataclass
from pathlib import Path

import msgspec

from core.atomic import write_atomic
from core.errors import UserError
from core.llm.catalogue import ModelEntry
from core.llm.gguf import GgufHeader, read_header

F16_BYTES = 2
CELL_BLOCK = 32  # numbers that share a scale in q8_0
# Looked up a row a token, never read as a whole.
_LOOKED_UP = ("per_layer_token_embd.weight", "token_embd.weight")
_OUTPUT = "output.weight"
_EXPERTS = "_exps."
_VERSION = 3  # of the kept form


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Sizes of a model's parts, in bytes, and what it was made for.

    `dense_bytes` and `expert_bytes` add up to all weights. Of the dense ones,
    `lookup_bytes` are tables of which a token reads one row. `bits_a_weight` is the
    mean over all weights. `kv_bytes_a_token_f16` is what a token of context takes
    with keys and values in 16 bits; `experts` is 0 for a model without, `vocabulary` the
    number of its tokens; `layers` is 0 where it is not known. Cells of 8 bits need heads of
    whole blocks (`quantizable`); without, llama.cpp is given cells of 16.
    """

    name: str
    file_bytes: int
    dense_bytes: int
    expert_bytes: int
    experts: int
    active_experts: int
    kv_bytes_a_token_f16: int
    trained_context_tokens: int
    architecture: str
    bits_a_weight: float
    has_template: bool
    lookup_bytes: int = 0
    vocabulary: int = 0
    layers: int = 0
    quantizable: bool = True

    @property
    def active_bytes(self) -> int:
        """Bytes of weights that one token reads: what bounds the speed of an answer."""
        return self.dense_bytes - self.lookup_bytes + self.active_expert_bytes

    def with_active(self, experts: int) -> ModelFacts:
        """The same with fewer experts a token: less is read."""
        return dataclasses.replace(self, active_experts=min(experts, self.active_experts))

    @property
    def active_expert_bytes(self) -> int:
        """Bytes of experts that one token reads."""
        return self.expert_bytes * self.active_experts // self.experts if self.experts else 0

    @property
    def active_weights(self) -> float:
        """About how many weights one token uses."""
        return 8 * self.active_bytes / self.bits_a_weight if self.bits_a_weight else 0.0

    @property
    def weight_bytes(self) -> int:
        """Bytes of all weights."""
        return self.dense_bytes + self.expert_bytes


def facts_of(header: GgufHeader, name: str, file_bytes: int) -> ModelFacts:
    """The facts that a header holds. Pure."""
    total = elements = expert = 0
    for key, tensor in header.tensors.items():
        total += tensor.size_bytes
        if tensor.size_bytes:
            elements += tensor.elements
        if _EXPERTS in key:
            expert += tensor.size_bytes
    looked_up = _LOOKED_UP if _OUTPUT in header.tensors else _LOOKED_UP[:1]
    experts = header.number("expert_count") if expert else 0
    return ModelFacts(
        name=name,
        file_bytes=file_bytes,
        dense_bytes=total - expert,
        expert_bytes=expert,
        experts=experts,
        active_experts=min(experts, header.number("expert_used_count")),
        kv_bytes_a_token_f16=kv_bytes_a_token(header),
        trained_context_tokens=header.trained_context_tokens,
        architecture=header.architecture,
        bits_a_weight=round(8 * total / elements, 3) if elements else 0.0,
        has_template="tokenizer.chat_template" in header.values,
        lookup_bytes=sum(
            header.tensors[key].size_bytes for key in looked_up if key in header.tensors
        ),
        vocabulary=header.lengths.get("tokenizer.ggml.tokens", 0),
        layers=header.number("block_count"),
        quantizable=not any(size % CELL_BLOCK for size in head_sizes(header)),
    )


def entry_facts(entry: ModelEntry) -> ModelFacts:
    """What the catalogue says of a model that is not here, as if all its weights had the same bits.

    Pure. The file itself tells more exactly once it is here.
    """
    a_parameter = entry.size_bytes / entry.parameters if entry.parameters else 0.0
    experts = int(entry.expert_parameters * a_parameter)
    return ModelFacts(
        name=entry.name,
        file_bytes=entry.size_bytes,
        dense_bytes=entry.size_bytes - experts,
        expert_bytes=experts,
        experts=entry.experts,
        active_experts=entry.active_experts,
        kv_bytes_a_token_f16=entry.kv_bytes_a_token,
        trained_context_tokens=entry.trained_context_tokens,
        architecture=entry.architecture,
        bits_a_weight=round(8 * a_parameter, 3),
        has_template=True,
        lookup_bytes=int(entry.lookup_parameters * a_parameter),
        vocabulary=entry.vocabulary,
        layers=entry.layers,
    )


def kv_bytes_a_token(header: GgufHeader) -> int:
    """Bytes that one token of context takes with keys and values in 16 bits."""
    layers, heads = header.number("block_count"), header.number("attention.head_count")
    key, value = head_sizes(header)
    # Models that mix attention with recurrence say the heads of each layer, 0 for none.
    per_layer = header.lists.get(f"{header.architecture}.attention.head_count_kv")
    if per_layer is not None:
        kv_heads = sum(int(count) for count in per_layer if isinstance(count, int))
    else:
        own = header.own("attention.head_count_kv")
        every = max(1, header.number("full_attention_interval"))
        kv_heads = layers // every * (own if isinstance(own, int) else heads)
    return kv_heads * (key + value) * F16_BYTES


def head_sizes(header: GgufHeader) -> tuple[int, int]:
    """How many numbers a head's key and its value have."""
    heads = header.number("attention.head_count")
    a_head = header.number("embedding_length") // heads if heads else 0
    return (
        header.number("attention.key_length") or a_head,
        header.number("attention.value_length") or a_head,
    )


# --- kept beside the model --------------------------------------------------------------------


class _Kept(msgspec.Struct, frozen=True):
    """Facts with what they are facts of: another size or date means another file."""

    version: int
    mtime_ns: int
    facts: ModelFacts


def kept_path(model: Path) -> Path:
    """Where the facts of a model file are kept."""
    return model.with_suffix(".facts.json")


def model_facts(path: Path) -> ModelFacts:
    """The facts of a model file: those kept beside it, or read from its header and then kept.

    Raises UserError as `read_header`. A store that cannot be written costs only time.
    """
    try:
        status = path.stat()
    except OSError:
        return facts_of(read_header(path), path.stem, 0)  # says why it cannot be read
    kept = _load(kept_path(path))
    if kept is not None and (kept.mtime_ns, kept.facts.file_bytes) == (
        status.st_mtime_ns,
        status.st_size,
    ):
        return kept.facts
    facts = facts_of(read_header(path), path.stem, status.st_size)
    with contextlib.suppress(OSError):
        kept = _Kept(_VERSION, status.st_mtime_ns, facts)
        write_atomic(kept_path(path), msgspec.json.encode(kept))
    return facts


def try_facts(path: Path) -> ModelFacts | None:
    """As `model_facts`; None for a file that is not sound."""
    try:
        return model_facts(path)
    except UserError:
        return None


def _load(path: Path) -> _Kept | None:
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
    except (OSError, msgspec.MsgspecError):
        return None
    return kept if kept.version == _VERSION else None
