"""Fit the codes that ship with an embedding model, on texts they will not be judged on.

    python benchmarks/fit_rotation.py --texts FOLDER [--model NAME] [--code-bytes 16 24 ...]

The sample is the .txt files of FOLDER, cut into chunks as documents are: for the
starter model what benchmarks/training_texts.py collects, for a model of many
languages texts in them. Neither SciFact nor wiki_qa, on which recall is measured,
is among them. Writes resources/rotations/<model>-<code bytes>.npz.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from pathlib import Path

import numpy as np
from common import ROOT

sys.path.insert(0, str(ROOT))

from core.home import find_home
from core.index.embedder import Embedder, find_model
from core.index.models import STARTER, embedding_folder
from core.index.rotations import fit_to_sample
from core.text.chunk import Chunker

PIECE = 512
LEVELS = (8, 12, 16, 24, 32, 48)


def main() -> int:
    """Embed the sample, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--model", default=STARTER)
    parser.add_argument("--code-bytes", type=int, nargs="+", default=LEVELS)
    parser.add_argument("--most", type=int, default=26_000, help="chunks that are embedded")
    parser.add_argument("--out", type=Path, default=ROOT / "resources" / "rotations")
    options = parser.parse_args()
    model = find_model(embedding_folder(find_home(None, os.environ).models, options.model))
    chunker = Chunker(str(model.tokenizer), model.description.chunk_tokens)
    texts = [path.read_text("utf-8") for path in sorted(options.texts.glob("*.txt"))]
    chunks = [text[a:b] for text in texts for a, b in chunker.spans(text)]
    random.Random(0).shuffle(chunks)
    del chunks[options.most :]
    embedder = Embedder(model.folder, threads=2)
    started = time.perf_counter()
    parts = []
    for at in range(0, len(chunks), PIECE):
        parts.append(embedder.embed(chunks[at : at + PIECE]))
        print(f"\r{at + len(parts[-1])} of {len(chunks)} chunks", end="", file=sys.stderr)
    embeddings = np.concatenate(parts)
    for code_bytes in options.code_bytes:
        path = options.out / f"{model.description.name}-{code_bytes}.npz"
        fit_to_sample(embeddings, code_bytes).save(path)
        seconds = time.perf_counter() - started
        print(f"\n{path.name}: {path.stat().st_size} bytes, {seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
