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
from core.index.agreement import ASKED, with_agreement
from core.text.tokens import cut, load_tokens

Floats = NDArray[np.float32]

MODEL = "model.onnx"
TOKENIZER = "tokenizer.json"
DESCRIPTION = "model.json"
REFERENCE = "reference.npz"
TOGETHER = 4  # texts in one pass: more go no faster, and each takes 5 MB of working memory
BATCH = 16  # that others ask for at a time, between looks at whether anybody waits
MAX_TOKENS = 256
ABOUT_COSINE = 0.30


class Fidelity(msgspec.Struct, frozen=True):
    """Cosines between the int8 form and the original, and alone against batched."""

    mean_cosine: float
    least_cosine: float
    least_batch_cosine: float


class Form(msgspec.Struct, frozen=True):
    """Which files a model has, and what stands before a text when it is embedded."""

    model: str = MODEL
    tokenizer: str = TOKENIZER
    query_prefix: str = ""
    passage_prefix: str = ""


class Description(msgspec.Struct, frozen=True):
    """What was written about a model when it was prepared.

    `chunk_tokens` is how long a chunk may be, so that with its prefix it fits `max_tokens`.
    A passage that is nearer than `about_cosine` to a question is about it.
    """

    name: str
    dimensions: int
    max_tokens: int
    licence: str
    fingerprint: str
    fidelity: Fidelity
    chunk_tokens: int = MAX_TOKENS
    about_cosine: float = ABOUT_COSINE
    form: Form = Form()


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """A prepared model on disk."""

    folder: Path
    description: Description

    @property
    def tokenizer(self) -> Path:
        """The tokenizer that chunking has to use with this model."""
        return self.folder / self.description.form.tokenizer


def find_model(folder: Path) -> EmbeddingModel:
    """The prepared model in a folder. Raises UserError when it is missing or incomplete."""
    again = f"Remove that folder, then run `satchel models fetch {folder.name}` or `make setup`."
    try:
        description = msgspec.json.decode((folder / DESCRIPTION).read_bytes(), type=Description)
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(
            f"The embedding model is not in {folder}.",
            f"Run `satchel models fetch {folder.name}`, or `make setup` in Satchel's folder, or "
            "set SATCHEL_MODELS to where it is.",
        ) from None
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise UserError(
            f"The embedding model in {folder} cannot be read: {error}.", again
        ) from error
    for part in (description.form.model, description.form.tokenizer):
        if not (folder / part).is_file():
            raise UserError(f"The embedding model in {folder} lacks {part}.", again)
    return EmbeddingModel(folder, description)


@dataclass(frozen=True, slots=True)
class Question:
    """What passages are compared with: a query's unit vector (d,) and its tokens' (t, d)."""

    vector: Floats
    tokens: Floats


class Embedder:
    """One loaded model. It may be used from several threads; calls take turns."""

    def __init__(
        self, folder: Path, threads: int, form: Form | None = None, exact: bool = False
    ) -> None:
        """Load the model, in the form that its description names or that is given.

        With `exact` it computes in full floats: the yardstick for the fast form.
        Raises UserError when it cannot be loaded.
        """
        import openvino

        if form is None:
            described = (folder / DESCRIPTION).is_file()
            form = find_model(folder).description.form if described else Form()
        self._form = form
        self._lock = threading.Lock()
        core = openvino.Core()
        can_bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self.precision = "bf16" if can_bf16 and not exact else "f32"
        try:
            self._tokens = load_tokens(folder / form.tokenizer)
            model = core.read_model(folder / form.model)
            asking = with_agreement(model)
            compiled = core.compile_model(
                asking or model,
                "CPU",
                {
                    "INFERENCE_NUM_THREADS": threads,
                    "PERFORMANCE_HINT": "LATENCY",
                    "INFERENCE_PRECISION_HINT": self.precision,
                    "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0 if exact else 128,
                },
            )
        except (RuntimeError, ValueError) as error:
            raise UserError(
                f"The embedding model in {folder} cannot be loaded: {error}",
                f"Remove that folder, then run `satchel models fetch {folder.name}` or "
                "`make setup`.",
            ) from error
        self._asks = asking is not None
        self._width = int(compiled.output(0).get_partial_shape()[1].get_length())
        self._request = compiled.create_infer_request()

    def embed(self, texts: Sequence[str]) -> Floats:
        """Unit vectors (n, d) of passages, each cut at 256 tokens."""
        return self._embed([self._form.passage_prefix + text for text in texts])[0]

    def embed_query(self, text: str) -> Floats:
        """The unit vector (d,) of a question that passages are to answer."""
        return self.question(text).vector

    def question(self, text: str) -> Question:
        """A question that passages are to answer. It has no tokens if the network hides them."""
        vectors, _, tokens = self._batch([self._form.query_prefix + text], None)
        return Question(vectors[0], tokens[1:-1])  # without the special ones at both ends

    def compare(self, texts: Sequence[str], question: Question) -> tuple[Floats, Floats]:
        """Unit vectors (n, d) as `embed` gives them, and the agreement (n,) with a question.

        See core.index.agreement. It is NaN for a question without tokens.
        """
        asked = question.tokens if len(question.tokens) else None
        vectors, agreement = self._embed(
            [self._form.passage_prefix + text for text in texts], asked
        )
        return vectors, agreement if asked is not None else np.full_like(agreement, np.nan)

    def _embed(self, texts: Sequence[str], asked: Floats | None = None) -> tuple[Floats, Floats]:
        starts = range(0, len(texts), TOGETHER)
        parts = [self._batch(texts[at : at + TOGETHER], asked) for at in starts]
        if not parts:
            return np.empty((0, 0), dtype=np.float32), np.empty(0, dtype=np.float32)
        return np.concatenate([part[0] for part in parts]), np.concatenate(
            [part[1] for part in parts]
        )

    def _batch(self, texts: Sequence[str], asked: Floats | None) -> tuple[Floats, Floats, Floats]:
        """Vectors, agreements, and the first text's tokens' vectors."""
        found = [cut(ids, MAX_TOKENS) for ids in self._tokens.ids(texts)]
        # Few different lengths: OpenVINO keeps a compiled form for each shape it has seen.
        width = -(-max(map(len, found)) // 16) * 16
        rows = [*found, *found[:1] * (padded(len(found)) - len(found))]
        ids = np.full((len(rows), width), self._tokens.pad, dtype=np.int64)
        mask = np.zeros((len(rows), width), dtype=np.int64)
        for row, tokens in enumerate(rows):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask}
        with self._lock:
            if not self._asks:
                vectors = np.array(self._request.infer(inputs)[0][: len(found)], dtype=np.float32)
                return vectors, np.full(len(vectors), np.nan, dtype=np.float32), vectors[:0]
            # Vectors of nothing are like nothing and change only the mean.
            given = np.zeros((1, self._width), dtype=np.float32) if asked is None else asked
            filled = np.zeros((-(-len(given) // 16) * 16, self._width), dtype=np.float32)
            filled[: len(given)] = given
            result = self._request.infer({**inputs, ASKED: filled})
            vectors, agreement, first = (np.array(result[n], dtype=np.float32) for n in range(3))
        agreement = agreement[: len(found)] * (len(filled) / len(given))
        return vectors[: len(found)], agreement, first[0, : len(found[0])]


def padded(count: int) -> int:
    """Rows that a pass over `count` texts is given: 1 or `TOGETHER`.

    The network keeps working memory and code for each shape it has met, 1.6 MB of it;
    for all sizes up to 16 it was 150 MB.
    """
    return 1 if count == 1 else TOGETHER
