"""How near the predictions of a model's memory and speed come: `python benchmarks/model_fit.py`.

Models of random weights are made in several shapes, for what they compute takes as long as
with sense in it. The starter model runs first; from its speed that of the others is predicted,
as `satchel models list` does, and then they run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "tests"))

import numpy as np  # noqa: E402
import psutil  # noqa: E402
from gguf_files import Raw, RawPair, Value, pairs_of, write_gguf  # noqa: E402

from core.budget.probe import memory_read_bytes_per_s  # noqa: E402
from core.home import find_home  # noqa: E402
from core.llm.facts import ModelFacts, model_facts  # noqa: E402
from core.llm.fit import (  # noqa: E402
    Q8_SHARE,
    Run,
    memory_needed,
    pace_of,
    predicted_prefill_per_s,
    predicted_tokens_per_s,
    steps,
    work_bytes,
)

CONTEXT = 1024
Q4_K = 12
BLOCK, BLOCK_BYTES = 256, 144
TEXT = "The ferry to the island leaves at half past seven, and the last one back at nine. " * 4


@dataclass(frozen=True, slots=True)
class Shape:
    """A llama, or with experts an OLMoE."""

    name: str
    width: int
    layers: int
    inner: int
    heads: int
    kv_heads: int
    experts: int = 0
    used: int = 0


SHAPES = (
    Shape("dense 320M", 1024, 24, 2816, 16, 4),
    Shape("dense 1.1B", 2048, 16, 8192, 32, 8),
    Shape("mixture 0.9B, 4 of 32", 1024, 16, 512, 16, 16, 32, 4),
)


def blocks(*shape: int) -> Raw:
    """A tensor of 4-bit blocks with small scales; `shape` as ggml has it."""
    count = int(np.prod(shape)) // BLOCK
    some = np.random.default_rng(0).integers(0, 256, (4096, BLOCK_BYTES), np.uint8)
    some[:, 0:4] = np.array([0.002, 0.002], np.float16).view(np.uint8)
    return Raw(shape, Q4_K, np.resize(some, (count, BLOCK_BYTES)).tobytes())


def make(shape: Shape, starter: Path, path: Path) -> Path:
    """Write a model of this shape with the starter's vocabulary."""
    kind = "olmoe" if shape.experts else "llama"
    values: dict[str, Value | RawPair] = {
        "general.architecture": kind,
        f"{kind}.block_count": shape.layers,
        f"{kind}.context_length": 4096,
        f"{kind}.embedding_length": shape.width,
        f"{kind}.feed_forward_length": shape.inner,
        f"{kind}.attention.head_count": shape.heads,
        f"{kind}.attention.head_count_kv": shape.kv_heads,
        f"{kind}.attention.layer_norm_rms_epsilon": 1e-5,
        **pairs_of(starter, "tokenizer."),
    }
    width, inner = shape.width, shape.inner
    kv_width = width // shape.heads * shape.kv_heads
    ones = np.ones(width, np.float32)
    weights: dict[str, Raw | np.ndarray] = {
        "token_embd.weight": blocks(width, 49_152),
        "output_norm.weight": ones,
    }
    if shape.experts:
        values |= {f"{kind}.expert_count": shape.experts, f"{kind}.expert_used_count": shape.used}
        weights["output.weight"] = blocks(width, 49_152)
    for layer in range(shape.layers):
        at = f"blk.{layer}."
        weights |= {
            f"{at}attn_norm.weight": ones,
            f"{at}ffn_norm.weight": ones,
            f"{at}attn_q.weight": blocks(width, width),
            f"{at}attn_k.weight": blocks(width, kv_width),
            f"{at}attn_v.weight": blocks(width, kv_width),
            f"{at}attn_output.weight": blocks(width, width),
        }
        if shape.experts:
            router = np.random.default_rng(layer).standard_normal((shape.experts, width))
            weights |= {
                f"{at}attn_q_norm.weight": ones,
                f"{at}attn_k_norm.weight": np.ones(kv_width, np.float32),
                f"{at}ffn_gate_inp.weight": router.astype(np.float32),
                f"{at}ffn_gate_exps.weight": blocks(width, inner, shape.experts),
                f"{at}ffn_up_exps.weight": blocks(width, inner, shape.experts),
                f"{at}ffn_down_exps.weight": blocks(inner, width, shape.experts),
            }
        else:
            weights |= {
                f"{at}ffn_gate.weight": blocks(width, inner),
                f"{at}ffn_up.weight": blocks(width, inner),
                f"{at}ffn_down.weight": blocks(inner, width),
            }
    return write_gguf(path, values, weights)


def run_here(path: Path) -> dict[str, float]:
    """Load a model in this process and let it speak."""
    from core.llm.runtime import Runtime

    runtime = Runtime(path, context_tokens=CONTEXT)
    rates = [runtime.fingerprint(TEXT, 16, 1) for _ in range(3)]
    return {
        "tokens_per_s": median(1000 * len(run.steps) / run.decode_ms for run in rates),
        "prefill_per_s": median(1000 * run.prompt_tokens / run.prefill_ms for run in rates),
        "memory": psutil.Process().memory_info().rss,
    }


def run(path: Path) -> dict[str, float]:
    """As `run_here`, in a process of its own, whose memory is only that."""
    command = [sys.executable, __file__, "--child", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def rows(starter: Path, folder: Path) -> Iterator[str]:
    """A line for each model. The starter runs before each, as busy as the machine then is."""
    first = model_facts(starter)
    for shape in SHAPES:
        path = make(shape, starter, folder / "model.gguf")
        facts = model_facts(path)
        seen = run(starter)
        ran = Run(
            work_bytes(first),
            seen["tokens_per_s"],
            first.active_weights,
            seen["prefill_per_s"],
            steps(first),
        )
        yield line("starter", first, None, None, seen)
        expected = predicted_tokens_per_s(facts, pace_of(ran, memory_read_bytes_per_s()))
        prefill = predicted_prefill_per_s(facts, ran)
        yield line(shape.name, facts, expected, prefill, run(path))
        path.unlink()


def line(
    name: str,
    facts: ModelFacts,
    decode: float | None,
    prefill: float | None,
    seen: dict[str, float],
) -> str:
    """Predicted and seen, with the error of the prediction."""
    memory = memory_needed(facts, CONTEXT, Q8_SHARE)
    return (
        f"{name:22} reads {facts.active_bytes / 1e6:4.0f} MB a token: "
        f"{_beside(seen['tokens_per_s'], decode)} tokens/s; prompt "
        f"{_beside(seen['prefill_per_s'], prefill)}; memory "
        f"{_beside(seen['memory'] / 1e6, memory / 1e6)} MB"
    )


def _beside(seen: float, predicted: float | None) -> str:
    if predicted is None:
        return f"{seen:.1f}"
    return f"{seen:.1f}, predicted {predicted:.1f} ({predicted / seen - 1:+.0%})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        print(json.dumps(run_here(options.child)))
        return
    import os

    starter = find_home(None, os.environ).models / "llm" / "smollm2-135m-instruct.gguf"
    with tempfile.TemporaryDirectory() as folder:
        for text in rows(starter, Path(folder)):
            print(text, flush=True)


if __name__ == "__main__":
    main()
