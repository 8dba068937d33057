"""Networks built, pooled and cut to 8 bits, against plain numpy."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import openvino
import openvino.opset13 as ops
import pytest
from numpy.typing import NDArray

from core.errors import UserError
from core.index.four_bits import MAGIC, FourBitFile
from core.index.network import (
    Shape,
    build_encoder,
    compress,
    read_network,
    save_network,
    with_pooling,
)

Floats = NDArray[np.float32]
SHAPE = Shape(width=64, layers=2, heads=4, epsilon=1e-12)
PARTS = {"query": (64, 64), "key": (64, 64), "value": (64, 64), "attention": (64, 64),
         "inner": (256, 64), "output": (64, 256)}  # fmt: skip
IDS = np.array([[0, 5, 1100, 7, 2], [0, 9, 2, 1, 1]])
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])


@pytest.fixture(scope="module")
def weights() -> dict[str, Floats]:
    """An encoder of random weights, all within what 4 bits can tell apart."""
    random = np.random.default_rng(3)

    def some(*shape: int) -> Floats:
        values = random.integers(-8, 8, shape).astype(np.float32) * np.float32(0.03125)
        values.ravel()[::32] = -0.25  # each block has its largest, so that its scale is exact
        return values

    found = {"word": some(1200, 64), "position": some(16, 64), "type": some(2, 64)}
    for name in ("norm", *(f"{n}.{p}.norm" for n in range(2) for p in ("attention", "output"))):
        found |= {f"{name}.weight": 1 + some(64), f"{name}.bias": some(64)}
    for layer in range(2):
        for part, (rows, columns) in PARTS.items():
            found[f"{layer}.{part}.weight"] = some(rows, columns)
            found[f"{layer}.{part}.bias"] = some(rows)
    return found


def in_numpy(weights: Mapping[str, Floats], ids: list[int]) -> Floats:
    """The unit vector of one text, straight from the papers' formulas."""

    def normal(x: Floats, name: str) -> Floats:
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + SHAPE.epsilon)
        return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def linear(x: Floats, name: str) -> Floats:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    erf = np.vectorize(__import__("math").erf)
    state = weights["word"][ids] + weights["position"][: len(ids)] + weights["type"][0]
    state = normal(state, "norm")
    for layer in range(SHAPE.layers):
        q, k, v = (
            linear(state, f"{layer}.{part}").reshape(len(ids), 4, 16).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        scores = q @ k.transpose(0, 2, 1) / 4
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (shares / shares.sum(-1, keepdims=True)) @ v
        mixed = mixed.transpose(1, 0, 2).reshape(len(ids), 64)
        state = normal(state + linear(mixed, f"{layer}.attention"), f"{layer}.attention.norm")
        inner = linear(state, f"{layer}.inner")
        inner = inner * (1 + erf(inner / np.sqrt(2))) / 2
        state = normal(state + linear(inner, f"{layer}.output"), f"{layer}.output.norm")
    mean = state.mean(0)
    unit: Floats = mean / np.linalg.norm(mean)
    return unit


def run(model: openvino.Model | Path) -> Floats:
    core = openvino.Core()
    loaded = core.read_model(model) if isinstance(model, Path) else model
    options = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}
    found = core.compile_model(loaded, "CPU", options)([IDS, MASK])[0]
    return np.array(found, dtype=np.float32)


def test_an_encoder_computes_what_it_should(weights: dict[str, Floats], tmp_path: Path) -> None:
    model = with_pooling(build_encoder(SHAPE, weights.__getitem__))
    wanted = [in_numpy(weights, [0, 5, 1100, 7, 2]), in_numpy(weights, [0, 9, 2])]
    np.testing.assert_allclose(run(model), wanted, atol=2e-5)
    assert compress(model) == 13  # six products a layer, and the table of words
    save_network(model, tmp_path / "small.xml")
    small = run(tmp_path / "small.xml")
    assert ((small * wanted).sum(axis=1) > 0.999).all()
    floats = sum(tensor.nbytes for tensor in weights.values())
    assert (tmp_path / "small.bin").stat().st_size < floats / 3


def test_other_inputs_and_outputs(weights: dict[str, Floats]) -> None:
    """A third input is all zeros; a network with a vector a text is left as it is."""
    encoder = build_encoder(SHAPE, weights.__getitem__)
    pooled = run(with_pooling(encoder))
    types = ops.parameter([-1, -1], np.int64, name="token_type_ids")
    types.output(0).get_tensor().set_names({"token_type_ids"})
    state = encoder.output(0).get_node().input_value(0)
    rows = ops.gather(
        ops.constant(np.ones((2, 64), np.float32) * [[0], [9]]), types, ops.constant(0)
    )
    added = ops.add(state, ops.convert(rows, "f32"))
    wide = openvino.Model([ops.result(added)], [*encoder.get_parameters(), types], "wide")
    np.testing.assert_allclose(run(with_pooling(wide)), pooled, atol=1e-5)
    ready = with_pooling(build_encoder(SHAPE, weights.__getitem__))
    np.testing.assert_allclose(run(with_pooling(ready)), pooled, atol=1e-5)


def test_what_is_no_encoder(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(UserError, match="no network"):
        read_network(path)
    image = ops.parameter([1, 3, 8, 8], np.float32, name="image")
    with pytest.raises(UserError, match="other inputs"):
        with_pooling(openvino.Model([ops.result(ops.relu(image))], [image], "image"))


def four_bit_file(weights: Mapping[str, Floats]) -> bytes:
    """The weights in the layout of the package that carries such files."""
    head = struct.pack("<4sI7ifi", MAGIC, 1, 64, 2, 4, 256, 1200, 16, 2, SHAPE.epsilon, 32)
    head += struct.pack("<5iQ", 1, 0, 2, 1, 3, 2) + struct.pack("<2I", 0, 2)
    head += struct.pack("<f", -1.0) + b"ab" + struct.pack("<iI", 0, 0)
    short = {"query": "q", "key": "k", "value": "v", "attention": "ao", "attention.norm": "aln",
             "inner": "fi", "output": "fo", "output.norm": "oln"}  # fmt: skip
    top = {"word": "emb.word", "position": "emb.pos", "type": "emb.type",
           "norm.weight": "emb.ln.w", "norm.bias": "emb.ln.b"}  # fmt: skip
    entries = []
    for name, values in weights.items():
        layer, _, rest = name.partition(".")
        part, _, end = rest.rpartition(".")
        stored = top.get(name) or f"l{layer}.{short[part]}.{end[0]}"
        packed = name == "word" or (layer.isdigit() and values.ndim == 2)
        data = four_bits(values) if packed else values.astype("<f4").tobytes()
        entries.append((stored, packed, values.size, data))
    size = len(head) + 4 + sum(23 + len(name) for name, *_ in entries)
    table, body = struct.pack("<i", len(entries)), b""
    for stored, packed, count, data in entries:
        table += struct.pack("<H", len(stored)) + stored.encode()
        table += struct.pack("<BIQQ", packed, count, size + len(body), len(data))
        body += data
    return head + table + body


def four_bits(values: Floats) -> bytes:
    out = b""
    for block in values.reshape(-1, 32):
        scale = np.abs(block).max() / 8 or 1
        halves = np.clip(np.rint(block / scale) + 8, 0, 15).astype(np.uint8)
        out += np.float16(scale).tobytes() + (halves[:16] | halves[16:] << 4).tobytes()
    return out


def test_weights_of_four_bits_are_read(weights: dict[str, Floats], tmp_path: Path) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes(four_bit_file(weights))
    found = FourBitFile(path)
    assert found.shape.width == 64 and found.shape.layers == 2 and found.shape.heads == 4
    for name, values in weights.items():
        np.testing.assert_array_equal(found.weight(name), values, err_msg=name)


def test_a_damaged_file_of_weights(weights: dict[str, Floats], tmp_path: Path) -> None:
    path = tmp_path / "weights.bin"
    whole = four_bit_file(weights)
    for data in (b"x", b"GGUF" + whole[4:], whole[:200], b"E5S1" + b"\xff" * 300):
        path.write_bytes(data)
        with pytest.raises(UserError, match="4-bit"):
            FourBitFile(path)
    path.write_bytes(whole[:-40])
    with pytest.raises(UserError, match="cut short"):
        for name in weights:
            FourBitFile(path).weight(name)
