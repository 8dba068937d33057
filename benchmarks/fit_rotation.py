"""Fit the rotation that ships with an embedding model, on texts it will not be judged on.

    python benchmarks/fit_rotation.py [--model NAME] [--texts FOLDER] [--code-bytes 32]

The sample is the passages of wiki_qa and the topics of Python's own help, cut
into chunks as documents are. SciFact, on which recall is measured, is left
out. A model of many languages needs texts in them too: the .txt files of
FOLDER, with one passage of wiki_qa for each. Writes
resources/rotations/<model>-<code bytes>.npz.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
from common import ROOT, data_folder, read_jsonl

sys.path.insert(0, str(ROOT))

from core.home import find_home
from core.index.embedder import Embedder, find_model
from core.index.models import STARTER, embedding_folder
from core.index.rotations import fit_to_sample
from core.text.chunk import Chunker

PIECE = 512


def sample_texts(folder: Path | None) -> list[str]:
    """The documents of the sample."""
    passages = read_jsonl(data_folder("retrieval", "wiki_qa") / "corpus.jsonl")
    texts = [f"{passage.get('title', '')}\n\n{passage['text']}".strip() for passage in passages]
    if folder is None:
        return [*texts, *topics.values()]
    more = [path.read_text("utf-8") for path in sorted(folder.glob("*.txt"))]
    return [*texts[: len(more)], *more]


def main() -> int:
    """Embed the sample, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=STARTER)
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--code-bytes", type=int, default=32)
    parser.add_argument("--out", type=Path, default=ROOT / "resources" / "rotations")
    options = parser.parse_args()
    model = find_model(embedding_folder(find_home(None, os.environ).models, options.model))
    chunker = Chunker(str(model.tokenizer), model.description.chunk_tokens)
    texts = sample_texts(options.texts)
    chunks = [text[a:b] for text in texts for a, b in chunker.spans(text)]
    embedder = Embedder(model.folder, threads=2)
    started = time.perf_counter()
    parts = []
    for at in range(0, len(chunks), PIECE):
        parts.append(embedder.embed(chunks[at : at + PIECE]))
        print(f"\r{at + len(parts[-1])} of {len(chunks)} chunks", end="", file=sys.stderr)
    embeddings = np.concatenate(parts)
    path = options.out / f"{model.description.name}-{options.code_bytes}.npz"
    fit_to_sample(embeddings, options.code_bytes).save(path)
    seconds = time.perf_counter() - started
    print(
        f"\n{path.name}: {path.stat().st_size} bytes from {len(chunks)} chunks in {seconds:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
