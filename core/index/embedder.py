"""Text to unit vectors, by a prepared int8 model on OpenVINO.

OpenVINO is used because its dynamic quantization works per token and group of
128 values, so that an embedding does not depend on the rest of its batch;
ONNX Runtime's works per tensor and fails that test.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.errors import UserError

Floats = NDArray[np.float32]

MODEL = "model.onnx"
TOKENIZER = "tokenizer.json"
DESCRIPTION = "model.json"
REFERENCE = "reference.npz"
BATCH = 16


class Fidelity(msgspec.Struct, frozen=True):
    """Cosines between the int8 form and the original, and alone against batched."""

    mean_cosine: float
    least_cosine: float
    least_batch_cosine: float


class Description(msgspec.Struct, frozen=True):
    """What `core.index.prepare` wrote about a model."""

    name: str
    dimensions: int
    max_tokens: int
    licence: str
    fingerprint: str
    fidelity: Fidelity


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """A prepared model on disk."""

    folder: Path
    description: Description

    @property
    def tokenizer(self) -> Path:
        """The tokenizer that chunking has to use with this model."""
        return self.folder / TOKENIZER


def find_model(folder: Path) -> EmbeddingModel:
    """The prepared model in a folder. Raises UserError when it is missing or incomplete."""
    try:
        description = msgspec.json.decode((folder / DESCRIPTION).read_bytes(), type=Description)
    except FileNotFoundError:
        raise UserError(
            f"The embedding model is not in {folder}.",
            "Run `make setup` in Satchel's folder, or set SATCHEL_MODELS to where it is.",
        ) from None
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise UserError(
            f"The embedding model in {folder} cannot be read: {error}.",
            "Remove that folder and run `make setup` again.",
        ) from error
    for part in (MODEL, TOKENIZER):
        if not (folder / part).is_file():
            raise UserError(
                f"The embedding model in {folder} lacks {part}.",
                "Remove that folder and run `make setup` again.",
            )
    return EmbeddingModel(folder, description)


class Embedder:
    """One loaded model. `embed` may be called from several threads; calls take turns."""

    def __init__(self, folder: Path, threads: int) -> None:
        """Load the model. Raises UserError when OpenVINO cannot."""
        import openvino
        from tokenizers import Tokenizer

        self._lock = threading.Lock()
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        except Exception as error:  # the library raises nothing narrower
            raise UserError(
                f"The embedding model in {folder} cannot be loaded: {error}",
                "Remove that folder and run `make setup` again.",
            ) from error
        self._tokenizer.enable_truncation(256)
        # Few different lengths: OpenVINO keeps a compiled form for each shape it has seen.
        self._tokenizer.enable_padding(pad_to_multiple_of=16)
        core = openvino.Core()
        can_bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        try:
            compiled = core.compile_model(
                core.read_model(folder / MODEL),
                "CPU",
                {
                    "INFERENCE_NUM_THREADS": threads,
                    "PERFORMANCE_HINT": "LATENCY",
                    "INFERENCE_PRECISION_HINT": "bf16" if can_bf16 else "f32",
                    "DYNAMIC_QUANTIZATION_GROUP_SIZE": 128,
                },
            )
        except RuntimeError as error:
            raise UserError(
                f"The embedding model in {folder} cannot be loaded: {error}",
                "Remove that folder and run `make setup` again.",
            ) from error
        self._request = compiled.create_infer_request()
        self.precision = "bf16" if can_bf16 else "f32"

    def embed(self, texts: Sequence[str]) -> Floats:
        """Unit vectors (n, d) of the texts, each cut at 256 tokens, in batches of 16."""
        parts = [self._batch(texts[at : at + BATCH]) for at in range(0, len(texts), BATCH)]
        return np.concatenate(parts) if parts else np.empty((0, 0), dtype=np.float32)

    def _batch(self, texts: Sequence[str]) -> Floats:
        encoded = self._tokenizer.encode_batch(list(texts))
        ids = np.array([item.ids for item in encoded], dtype=np.int64)
        mask = np.array([item.attention_mask for item in encoded], dtype=np.int64)
        with self._lock:
            result = self._request.infer({"input_ids": ids, "attention_mask": mask})
            vectors = np.array(result[0], dtype=np.float32)
        return vectors
