"""Makes one file of a model that comes in several, as large ones are often published."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from core.llm.experts.rewrite import put_together, take_all_apart, write_copy
from core.llm.gguf import Part

_PLACE = re.compile(r"-\d{5}-of-\d{5}")


def whole_name(stem: str) -> str:
    """The name of a model without the place of a part that a file of it is."""
    return _PLACE.sub("", stem)


def join_parts(parts: Sequence[Part], target: Path) -> None:
    """Write all parts of a model into one new file. Raises OSError, UserError for one of them."""
    source = take_all_apart(parts)
    sizes = {name: tensor.size_bytes for name, (_, tensor) in source.tensors.items()}
    ranges = {
        name: [(tensor.offset_bytes, tensor.size_bytes)]
        for name, (_, tensor) in source.tensors.items()
    }
    header, places = put_together(source.pairs, source.entries, sizes, source.alignment)
    write_copy(source, target, header, places, ranges, lambda _done: None)
