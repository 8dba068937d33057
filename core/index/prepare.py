"""Prepare an embedding model once: from a sentence-transformers folder to a fast int8 form.

Runs in an environment of its own, which has torch; the application never
loads torch. The whole sentence-transformers pipeline (transformer, pooling,
normalization) is exported to ONNX, the weights of its matrix products are cut
to 8 bits (symmetric, one scale an output channel), and the result is kept
only if it agrees with the original and does not depend on its batch.

    python -m core.index.prepare --source FOLDER --out FOLDER
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.index.embedder import DESCRIPTION, MODEL, REFERENCE, TOKENIZER, Embedder

Floats = NDArray[np.float32]

LEAST_MEAN_COSINE = 0.995
LEAST_COSINE = 0.99
LEAST_BATCH_COSINE = 0.9995

CHECK_TEXTS = (
    "The boiler was serviced in March and its warranty ends next year.",
    "What is the capital of France?",
    "invoice",
    "def area(radius: float) -> float:\n    return 3.14159 * radius ** 2",
    "Mitochondria are organelles that turn nutrients into energy the cell can use. They keep a "
    "small genome of their own, inherited from the mother in most animals.",
    "Bring two eggs, flour, a pinch of salt and cold butter. Rub the butter into the flour, add "
    "the eggs, rest the dough for an hour, and bake it until the edges are brown.",
    "The tenant shall give notice in writing at least three months before the end of the term. "
    "Failing that, the contract is extended by one year under the same conditions.",
    "Der Zug nach Hamburg fährt um 8:14 Uhr von Gleis 7.",
    "1999, 2004, 2011: 17 %, 23 %, 41 %",
    "In 1687 Newton showed that one law explains both the fall of an apple and the orbit of the "
    "moon, and that the tides follow from it as well. " * 6,
    "Minutes of the meeting: the roof repair is postponed, the gardener is paid monthly, and the "
    "key to the cellar hangs behind the door of the second kitchen. " * 12,
    "!?",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare one model; prints each step. Exit code 1 when its fidelity is too low."""
    parser = argparse.ArgumentParser(prog="python -m core.index.prepare")
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--licence", default="Apache-2.0")
    options = parser.parse_args(argv)
    os.environ["HF_HUB_OFFLINE"] = "1"
    out: Path = options.out
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".preparing-") as scratch:
        folder = Path(scratch) / "model"
        folder.mkdir()
        reference = _export(options.source, folder)
        _say("cutting the weights to 8 bits")
        _quantize(folder / MODEL)
        description = _describe(out.name, options.licence, folder, reference)
        fidelity = description["fidelity"]
        _say(
            f"cosine with the original: mean {fidelity['mean_cosine']:.4f}, least "
            f"{fidelity['least_cosine']:.4f}; alone against batched: "
            f"{fidelity['least_batch_cosine']:.5f}"
        )
        if (
            fidelity["mean_cosine"] < LEAST_MEAN_COSINE
            or fidelity["least_cosine"] < LEAST_COSINE
            or fidelity["least_batch_cosine"] < LEAST_BATCH_COSINE
        ):
            _say("The int8 form differs too much from the original; it is not kept.")
            return 1
        (folder / DESCRIPTION).write_text(json.dumps(description, indent=1) + "\n")
        if out.exists():
            shutil.rmtree(out)
        folder.rename(out)
    _say(f"kept as {out}")
    return 0


def _say(text: str) -> None:
    print(f"prepare: {text}", file=sys.stderr, flush=True)


def _export(source: Path, folder: Path) -> Floats:
    """Write the fp32 pipeline and its tokenizer; the reference embeddings of CHECK_TEXTS."""
    _say("loading the original")
    import torch
    from sentence_transformers import SentenceTransformer

    # Written out plainly, attention becomes one fused kernel in OpenVINO: a third faster.
    model = SentenceTransformer(
        str(source),
        device="cpu",
        local_files_only=True,
        model_kwargs={"attn_implementation": "eager"},
    )

    class Pipeline(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stages = model

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            found = self.stages(
                {
                    "input_ids": input_ids,
                    "attention_mask": attention_mask,
                    "token_type_ids": torch.zeros_like(input_ids),
                }
            )
            return torch.nn.functional.normalize(found["sentence_embedding"], p=2, dim=1)

    model.max_seq_length = min(256, model.max_seq_length or 256)
    reference = np.asarray(
        model.encode(list(CHECK_TEXTS), batch_size=1, normalize_embeddings=True), dtype=np.float32
    )
    _say("exporting to ONNX")
    example = torch.ones((2, 16), dtype=torch.long)
    torch.onnx.export(
        Pipeline().eval(),
        (example, example),
        str(folder / MODEL),
        input_names=["input_ids", "attention_mask"],
        output_names=["embedding"],
        dynamic_axes={
            "input_ids": {0: "batch", 1: "tokens"},
            "attention_mask": {0: "batch", 1: "tokens"},
            "embedding": {0: "batch"},
        },
        opset_version=17,
        dynamo=False,
    )
    shutil.copyfile(source / "tokenizer.json", folder / TOKENIZER)
    return reference


def _quantize(path: Path) -> None:
    """Replace each constant matrix that is multiplied or looked up in by int8 and its scales."""
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(str(path))
    constants = {item.name: item for item in model.graph.initializer}
    users: dict[str, list[Any]] = {}
    for node in model.graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    restored = []
    for name, item in constants.items():
        weights = numpy_helper.to_array(item)
        kinds = {node.op_type for node in users.get(name, [])}
        if weights.ndim != 2 or weights.dtype != np.float32 or not kinds <= {"MatMul"}:
            continue
        scale = np.maximum(np.abs(weights).max(axis=0), 1e-12).astype(np.float32) / 127
        small = np.rint(weights / scale).astype(np.int8)
        model.graph.initializer.remove(item)
        model.graph.initializer.append(numpy_helper.from_array(small, f"{name}.int8"))
        model.graph.initializer.append(numpy_helper.from_array(scale, f"{name}.scale"))
        restored.append(
            helper.make_node("DequantizeLinear", [f"{name}.int8", f"{name}.scale"], [name], axis=1)
        )
    for node in restored:
        model.graph.node.insert(0, node)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _describe(name: str, licence: str, folder: Path, reference: Floats) -> dict[str, Any]:
    """What the model is and how faithful, with a fingerprint of all that shapes an embedding."""
    np.savez_compressed(folder / REFERENCE, embeddings=reference, texts=np.array(CHECK_TEXTS))
    digest = hashlib.sha256()
    for part in (MODEL, TOKENIZER):
        digest.update((folder / part).read_bytes())
    fast = Embedder(folder, threads=2)
    alone = np.concatenate([fast.embed([text]) for text in CHECK_TEXTS])
    batched = fast.embed(CHECK_TEXTS)
    agreement = (batched * reference).sum(axis=1)
    return {
        "name": name,
        "dimensions": int(reference.shape[1]),
        "max_tokens": 256,
        "licence": licence,
        "fingerprint": digest.hexdigest()[:16],
        "fidelity": {
            "mean_cosine": float(agreement.mean()),
            "least_cosine": float(agreement.min()),
            "least_batch_cosine": float((alone * batched).sum(axis=1).min()),
        },
    }


if __name__ == "__main__":
    raise SystemExit(main())
