"""The network of an embedding model, built and reshaped with OpenVINO alone.

An encoder comes as an ONNX file or as plain weights. Either way it ends as one
network from token ids to unit vectors, with the weights of its matrix products
and its tables of words in 8 bits. No torch and no onnx are needed for that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import openvino.opset13 as ops
from numpy.typing import NDArray

from core.errors import UserError

Floats = NDArray[np.float32]
Weights = Callable[[str], Floats]

LEAST_TABLE_ROWS = 1000  # smaller tables (positions, types) stay as they are


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a BERT encoder."""

    width: int
    layers: int
    heads: int
    epsilon: float


def build_encoder(shape: Shape, weight: Weights) -> openvino.Model:
    """A BERT encoder from token ids and mask (batch, tokens) to states (batch, tokens, width).

    `weight` gives a tensor by name: `word`, `position`, `type`, `norm.weight`, and for each
    layer `0.query.weight` and so on, matrices as (outputs, inputs). Attention is written out
    plainly, since OpenVINO's fused form of that is faster than its own operator.
    """
    ids = ops.parameter([-1, -1], np.int64, name="input_ids")
    mask = ops.parameter([-1, -1], np.int64, name="attention_mask")
    for node, name in ((ids, "input_ids"), (mask, "attention_mask")):
        node.output(0).get_tensor().set_names({name})
    zero, one = (ops.constant(np.int64(number)) for number in (0, 1))
    tokens = ops.gather(ops.shape_of(ids, "i64"), one, zero)
    places = ops.range(zero, tokens, one, output_type="i64")
    state = ops.gather(ops.constant(weight("word")), ids, zero)
    state = ops.add(state, ops.gather(ops.constant(weight("position")), places, zero))
    state = ops.add(state, ops.constant(weight("type")[0]))
    state = _normalized(state, shape, weight, "norm")
    hidden = ops.subtract(ops.constant(np.float32(1)), ops.convert(mask, "f32"))
    bias = ops.multiply(hidden, ops.constant(np.float32(-1e9)))
    bias = ops.unsqueeze(bias, ops.constant(np.array([1, 2], dtype=np.int64)))
    for layer in range(shape.layers):
        state = _layer(state, bias, shape, weight, str(layer))
    state.output(0).get_tensor().set_names({"last_hidden_state"})
    return openvino.Model([ops.result(state)], [ids, mask], "encoder")


def _layer(state: Any, bias: Any, shape: Shape, weight: Weights, name: str) -> Any:
    size = shape.width // shape.heads
    split = ops.constant(np.array([0, 0, shape.heads, size], dtype=np.int64))
    turned = ops.constant(np.array([0, 2, 1, 3], dtype=np.int64))

    def heads(part: str) -> Any:
        made = _linear(state, weight, f"{name}.{part}")
        return ops.transpose(ops.reshape(made, split, special_zero=True), turned)

    scores = ops.matmul(heads("query"), heads("key"), False, True)
    scores = ops.multiply(scores, ops.constant(np.float32(size**-0.5)))
    shares = ops.softmax(ops.add(scores, bias), axis=-1)
    mixed = ops.transpose(ops.matmul(shares, heads("value"), False, False), turned)
    joined = ops.constant(np.array([0, 0, shape.width], dtype=np.int64))
    mixed = ops.reshape(mixed, joined, special_zero=True)
    state = ops.add(state, _linear(mixed, weight, f"{name}.attention"))
    state = _normalized(state, shape, weight, f"{name}.attention.norm")
    inner = ops.gelu(_linear(state, weight, f"{name}.inner"), "erf")
    state = ops.add(state, _linear(inner, weight, f"{name}.output"))
    return _normalized(state, shape, weight, f"{name}.output.norm")


def _linear(state: Any, weight: Weights, name: str) -> Any:
    product = ops.matmul(state, ops.constant(weight(f"{name}.weight")), False, True)
    return ops.add(product, ops.constant(weight(f"{name}.bias")))


def _normalized(state: Any, shape: Shape, weight: Weights, name: str) -> Any:
    last = ops.constant(np.array([-1], dtype=np.int64))
    even = ops.mvn(state, last, True, shape.epsilon, "inside_sqrt")
    scaled = ops.multiply(even, ops.constant(weight(f"{name}.weight")))
    return ops.add(scaled, ops.constant(weight(f"{name}.bias")))


def read_network(path: Path) -> openvino.Model:
    """The network of an ONNX or OpenVINO file. Raises UserError when it is none."""
    try:
        return openvino.Core().read_model(path)
    except RuntimeError as error:
        raise UserError(
            f"{path.name} holds no network that can be read.", "Fetch the model again."
        ) from error


def with_pooling(model: openvino.Model) -> openvino.Model:
    """The same network ended by the mean over the tokens and brought to unit length.

    A network whose first output has one vector a text already is only brought to
    unit length. Raises UserError when its inputs are not those of an encoder.
    """
    inputs = {name: node for node in model.inputs for name in node.get_names()}
    if not {"input_ids", "attention_mask"} <= set(inputs):
        raise UserError(
            "The network takes other inputs than token ids and their mask.",
            "Choose an embedding model of the BERT family.",
        )
    ids, mask = (inputs[name].get_node() for name in ("input_ids", "attention_mask"))
    for extra in set(inputs) - {"input_ids", "attention_mask"}:
        node = inputs[extra].get_node()  # token_type_ids: one text alone is all zeros
        zeros = ops.broadcast(ops.constant(np.int64(0)), ops.shape_of(ids, "i64"))
        for target in node.output(0).get_target_inputs():
            target.replace_source_output(zeros.output(0))
    state = model.output(0).get_node().input_value(0)
    if state.get_partial_shape().rank.get_length() == 3:
        weight = ops.unsqueeze(ops.convert(mask, "f32"), ops.constant(np.int64(-1)))
        over = ops.constant(np.array([1], dtype=np.int64))
        total = ops.reduce_sum(ops.multiply(state, weight), over)
        state = ops.divide(total, ops.reduce_sum(weight, over)).output(0)
    last = ops.constant(np.array([-1], dtype=np.int64))
    unit = ops.normalize_l2(state, last, 1e-12, "add")
    unit.output(0).get_tensor().set_names({"embedding"})
    return openvino.Model([ops.result(unit)], [ids, mask], "embedding")


def compress(model: openvino.Model) -> int:
    """Cut the weights to 8 bits, in place; how many tensors that were.

    Symmetric, with one scale for each output of a matrix product and each row of a
    table. A table is looked up in its 8 bits, so that only the rows in use are floats.
    """
    done = 0
    for node in model.get_ordered_ops():
        kind = node.get_type_name()
        at = {"MatMul": 1, "Gather": 0}.get(kind)
        source = None if at is None else node.input_value(at).get_node()
        if source is None or source.get_type_name() != "Constant":
            continue
        weights = source.get_data()
        if weights.dtype != np.float32 or weights.ndim != 2:
            continue
        if kind == "MatMul":
            axis = 1 if node.get_attributes()["transpose_b"] else 0
            small, scale = _cut(weights, axis)
            restored = ops.multiply(ops.convert(ops.constant(small), "f32"), ops.constant(scale))
            node.input(1).replace_source_output(restored.output(0))
            done += 1
        elif len(weights) >= LEAST_TABLE_ROWS:
            small, scale = _cut(weights, 1)
            rows, zero = node.input_value(1), ops.constant(np.int64(0))
            found = ops.convert(ops.gather(ops.constant(small), rows, zero), "f32")
            whole = ops.multiply(found, ops.gather(ops.constant(scale), rows, zero))
            for target in node.output(0).get_target_inputs():
                target.replace_source_output(whole.output(0))
            done += 1
    model.validate_nodes_and_infer_types()
    return done


def _cut(weights: Floats, axis: int) -> tuple[NDArray[np.int8], Floats]:
    scale = np.maximum(np.abs(weights).max(axis=axis, keepdims=True), 1e-12) / 127
    return np.rint(weights / scale).astype(np.int8), scale.astype(np.float32)


def save_network(model: openvino.Model, path: Path) -> None:
    """Write a network as `path` (.xml) and its weights beside it (.bin)."""
    openvino.save_model(model, path, compress_to_fp16=False)
