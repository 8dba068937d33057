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
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.index.embedder import DESCRIPTION, MODEL, TOKENIZER, Form
from core.index.fidelity import CHECK_TEXTS, describe, in_words, is_enough

Floats = NDArray[np.float32]


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
        description = describe(folder, out.name, options.licence, Form(), CHECK_TEXTS, reference)
        _say(in_words(description.fidelity))
        if not is_enough(description.fidelity):
            _say("The int8 form differs too much from the original; it is not kept.")
            return 1
        (folder / DESCRIPTION).write_bytes(msgspec.json.format(msgspec.json.encode(description)))
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


if __name__ == "__main__":
    raise SystemExit(main())
