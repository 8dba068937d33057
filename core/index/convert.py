"""Make the fast form of an embedding model from its published files.

    python -m core.index.convert --source FOLDER --out FOLDER

`--source` has the files and `recipe.json`. It runs in a process of its own, for
it holds all weights as floats for a while. What it makes is kept only if it
agrees with the floats and does not depend on its batch. Exit code 1, with the
reason as the last line on stderr, when it is not.
"""

from __future__ import annotations

import argparse
import base64
import json
import shutil
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import openvino

from core.errors import UserError
from core.index.embedder import DESCRIPTION, MAX_TOKENS, TOKENIZER, Embedder, Form
from core.index.fidelity import CHECK_TEXTS, MORE_TEXTS, describe, in_words, is_enough
from core.index.four_bits import FourBitFile
from core.index.models import RECIPE, Recipe
from core.index.network import build_encoder, compress, read_network, save_network, with_pooling
from core.text.tokens import load_tokens

FAST, FLOATS = "model.xml", "floats.xml"
PIECES = "tokenizer.spm"


def convert(source: Path, out: Path, recipe: Recipe) -> None:
    """Write the fast form into the empty folder `out`. Raises UserError, OSError."""
    network = with_pooling(_network(source, recipe))
    tokenizer = _write_tokenizer(source / TOKENIZER, out)
    form = Form(FAST, tokenizer, recipe.query_prefix, recipe.passage_prefix)
    save_network(network, out / FLOATS)
    floats = Embedder(out, 2, msgspec.structs.replace(form, model=FLOATS), exact=True)
    texts = (*CHECK_TEXTS, *MORE_TEXTS)
    reference = np.concatenate([floats.embed([text]) for text in texts])
    del floats
    if reference.shape[1] != recipe.dimensions:
        raise UserError(
            f"The model gives {reference.shape[1]} numbers a text, not {recipe.dimensions}.",
            "Its files are not those of the catalogue.",
        )
    compress(network)
    save_network(network, out / FAST)
    for path in (out / FLOATS, (out / FLOATS).with_suffix(".bin")):
        path.unlink()
    tokens = load_tokens(out / tokenizer)
    bare, full = tokens.ids(["a", f"{recipe.passage_prefix}a"])
    room = MAX_TOKENS - (len(full) - len(bare))
    made = describe(out, recipe.name, recipe.licence, form, texts, reference, room)
    made = msgspec.structs.replace(made, about_cosine=recipe.about_cosine)
    print(in_words(made.fidelity), file=sys.stderr)
    if not is_enough(made.fidelity):
        raise UserError(
            f"The 8-bit form of {recipe.name} differs too much from the original "
            f"({in_words(made.fidelity)}); it was not kept.",
            "Choose another model.",
        )
    (out / DESCRIPTION).write_bytes(msgspec.json.format(msgspec.json.encode(made)) + b"\n")


def _network(source: Path, recipe: Recipe) -> openvino.Model:
    if recipe.form == "four-bit":
        weights = FourBitFile(source / "weights.bin")
        return build_encoder(weights.shape, weights.weight)
    return read_network(source / "model.onnx")


def _write_tokenizer(path: Path, out: Path) -> str:
    """The tokenizer in the form that serves it best; the name of its file."""
    body = json.loads(path.read_text("utf-8"))
    model = body["model"]
    if model.get("type") == "Unigram" and (rules := _charsmap(body.get("normalizer"))):
        (out / PIECES).write_bytes(sentence_pieces(body, rules))
        return PIECES
    shutil.copyfile(path, out / TOKENIZER)
    return TOKENIZER


def _charsmap(normalizer: Any) -> bytes | None:
    if not isinstance(normalizer, dict):
        return None
    if normalizer.get("type") == "Precompiled":
        return base64.b64decode(normalizer["precompiled_charsmap"])
    found = (_charsmap(part) for part in normalizer.get("normalizers", ()))
    return next((rules for rules in found if rules), None)


def sentence_pieces(body: dict[str, Any], rules: bytes) -> bytes:
    """A SentencePiece model of a Unigram `tokenizer.json`, every token with its own number.

    It is a protocol buffer: 1 pieces (text, score, kind), 2 trainer (kind of model and
    special numbers), 3 normalizer (name, rules, a blank before the text).
    """
    model = body["model"]
    numbers = {token["content"]: token["id"] for token in body["added_tokens"]}
    out = bytearray()
    for number, (piece, score) in enumerate(model["vocab"]):
        kind = 2 if number == model["unk_id"] else 3 if piece in numbers else 1
        entry = _part(1, piece.encode()) + b"\x15" + struct.pack("<f", score) + _number(3, kind)
        out += _part(1, entry)
    special = (model["unk_id"], numbers["<s>"], numbers["</s>"], numbers["<pad>"])
    trainer = _number(3, 1) + _number(4, len(model["vocab"]))
    out += _part(2, trainer + b"".join(_number(40 + at, n) for at, n in enumerate(special)))
    flags = b"".join(_number(field, 1) for field in (3, 4, 5))
    return bytes(out + _part(3, _part(1, b"nmt_nfkc") + _part(2, rules) + flags))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _part(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def main(argv: Sequence[str] | None = None) -> int:
    """Convert one model."""
    parser = argparse.ArgumentParser(prog="python -m core.index.convert")
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(argv)
    try:
        recipe = msgspec.json.decode((options.source / RECIPE).read_bytes(), type=Recipe)
        convert(options.source, options.out, recipe)
    except UserError as error:
        print(f"{error.title}\t{error.advice}", file=sys.stderr)
        return 1
    except (OSError, KeyError, ValueError) as error:
        print(f"The files cannot be used: {error}.\tFetch the model again.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
