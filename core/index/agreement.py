"""Late interaction: how well the tokens of a passage answer those of a question.

For each token of the question the nearest token of the passage is found; the mean of
these cosines is the passage's agreement (Khattab and Zaharia, "ColBERT", SIGIR 2020).
The network has the tokens' vectors in hand when it embeds a passage, so it says this
too, in the same pass and at no cost that could be measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import openvino

ASKED = "asked"  # the input that takes the unit vectors (t, d) of the question's tokens
_LEAST = 1e-12


def with_agreement(model: openvino.Model) -> openvino.Model | None:
    """The network with an input more, `ASKED`, and two outputs more.

    The second output is the agreement of each text (n,); the third holds the unit
    vectors of the first text's tokens (1, tokens, d), zero where it is padded.
    None when its vectors of tokens cannot be found.
    """
    import openvino
    import openvino.opset15 as ops

    states = _states(model)
    if states is None:
        return None
    width = states.get_partial_shape()[2]
    asked = ops.parameter(openvino.PartialShape([-1, width]), openvino.Type.f32, name=ASKED)
    asked.output(0).set_names({ASKED})
    each = ops.constant(np.array([1], dtype=np.int64))
    last = ops.constant(np.array([2], dtype=np.int64))
    tokens = ops.normalize_l2(states, last, _LEAST, "max")
    nearest = ops.reduce_max(ops.matmul(tokens, asked, False, True), each)
    zero, one = (ops.constant(np.array([at], dtype=np.int64)) for at in (0, 1))
    first = ops.slice(tokens, zero, one, one, zero)
    embedding = model.output(0).get_node().input_value(0)
    outputs = [embedding, ops.reduce_mean(nearest, each).output(0), first.output(0)]
    return openvino.Model(outputs, [*model.get_parameters(), asked], model.get_friendly_name())


def _states(model: openvino.Model) -> openvino.Output | None:
    """The tokens' vectors (n, tokens, d), padding zero: what the network takes the mean of."""
    node = model.output(0).get_node()
    while node.get_input_size():
        source = node.input_value(0)
        shape = source.get_partial_shape()
        if shape.rank.is_static and shape.rank.get_length() == 3:
            return source if shape[2].is_static else None
        node = source.get_node()
    return None
