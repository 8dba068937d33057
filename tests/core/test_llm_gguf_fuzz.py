"""Model files made to do harm: real small ones, altered, are let in or refused in words.

What `satchel models add` does before llama.cpp sees a file runs on each: the header with all
parts, the admission, the facts that a plan is made of, the layout of the experts. Memory is
watched too.
"""

from __future__ import annotations

import contextlib
import struct
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import pytest
from gguf_files import pair
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tiny_models import DENSE, MIXTURES, write_tiny

from core.errors import UserError
from core.llm.admit import admit_model
from core.llm.experts.layout import read_layout
from core.llm.facts import facts_of, kept_path, model_facts
from core.llm.gguf import read_header, read_parts

MOST_MEMORY_BYTES = 20_000_000
HEADERS = ("dense", "llama", "gpt-oss", "lfm2moe")
EXTREMES = (0, 1, 2, 255, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 1, 2**63,
            2**64 - 1)  # fmt: skip

Change = tuple[str, float, int]


class Originals(dict[str, bytes]):
    """Whole files by name; told by their names only where a test fails."""

    def __repr__(self) -> str:
        return f"Originals({', '.join(self)})"


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Originals:
    folder = tmp_path_factory.mktemp("originals")
    found = Originals()
    for name in HEADERS:
        tiny = DENSE if name == "dense" else MIXTURES[name]
        found[name] = write_tiny(folder / f"{name}.gguf", tiny).read_bytes()
    return found


def header_bytes(data: bytes) -> int:
    """About where the weights of a tiny model begin."""
    return data.rfind(b".weight") + 60


def changed(data: bytes, changes: Sequence[Change]) -> bytes:
    """A file with some of its header altered; a place is a share of the header."""
    content, end = bytearray(data), header_bytes(data)
    for how, where, value in changes:
        at = 4 + int(where * (end - 4))
        if how == "byte":
            content[at : at + 1] = bytes([value & 255])
        elif how == "u32":
            content[at : at + 4] = struct.pack("<I", value & (2**32 - 1))
        elif how == "u64":
            content[at : at + 8] = struct.pack("<Q", value)
        elif how == "cut":
            del content[at:]
        elif how == "out":
            del content[at : at + 1 + value % 64]
        elif how == "twice":
            content[at:at] = content[at : at + 1 + value % 64]
    return bytes(content)


def value_at(data: bytes, key: bytes) -> int:
    """Where the value of a key begins."""
    return data.index(key) + len(key) + 4


def looked_at(file: Path) -> bool:
    """Whether the file is let in; any error but UserError, and too much memory, fails."""
    tracemalloc.start()
    try:
        parts = read_parts(file)
        admit_model(parts[0].header, file.name)
        facts = model_facts(file)
        assert facts == facts_of(parts[0].header, file.stem, file.stat().st_size)
        assert model_facts(file) == facts  # as kept
        with contextlib.suppress(UserError):
            read_layout(file)
        return True
    except UserError as error:
        assert error.title
        assert error.advice
        return False
    finally:
        kept_path(file).unlink(missing_ok=True)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < MOST_MEMORY_BYTES


kinds = st.sampled_from(("byte", "u32", "u64", "cut", "out", "twice"))
values = st.sampled_from(EXTREMES) | st.integers(0, 2**64 - 1)
places = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize("name", HEADERS)
def test_the_originals_are_let_in(name: str, originals: Originals, tmp_path: Path) -> None:
    file = tmp_path / "whole.gguf"
    file.write_bytes(originals[name])
    assert looked_at(file)


@settings(deadline=None, max_examples=200)
@given(
    name=st.sampled_from(HEADERS), changes=st.lists(st.tuples(kinds, places, values), max_size=4)
)
@example(name="dense", changes=[("cut", 0.0, 0)])
def test_an_altered_header_is_let_in_or_refused(
    name: str,
    changes: list[Change],
    originals: Originals,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    file = tmp_path_factory.getbasetemp() / "altered.gguf"
    file.write_bytes(changed(originals[name], changes))
    looked_at(file)


NUMBERS = (
    "block_count", "context_length", "embedding_length", "attention.head_count",
    "attention.head_count_kv", "expert_count", "expert_used_count", "feed_forward_length",
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(
    chosen=st.dictionaries(
        st.sampled_from(NUMBERS), st.sampled_from(EXTREMES) | st.integers(0, 2**32 - 1), min_size=1
    )
)
@example(chosen=dict.fromkeys(NUMBERS, 2**32 - 1))
@example(chosen={"attention.head_count": 1, "attention.head_count_kv": 2**32 - 1,
                 "block_count": 2**32 - 1, "embedding_length": 2**32 - 1})  # fmt: skip
def test_numbers_that_no_model_has_are_let_in_or_refused(
    chosen: dict[str, int], originals: Originals, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(originals["llama"])
    for key, value in chosen.items():
        at = value_at(originals["llama"], f"llama.{key}".encode())
        content[at : at + 4] = struct.pack("<I", value & (2**32 - 1))
    file = tmp_path_factory.getbasetemp() / "numbers.gguf"
    file.write_bytes(content)
    looked_at(file)


def sparse(file: Path, head: bytes, size_bytes: int) -> Path:
    """A file that begins so and is as long as a real model, without taking that room."""
    with file.open("wb") as out:
        out.write(head)
        out.truncate(size_bytes)
    return file


GIANT_BYTES = 3_000_000_000
HEAD = b"GGUF" + struct.pack("<IQQ", 3, 1, 1)
LONG = struct.pack("<Q", GIANT_BYTES // 2)
NAMED = pair("general.architecture", "llama")


@pytest.mark.parametrize(
    "head",
    [
        HEAD + LONG,
        HEAD + struct.pack("<Q", 12) + b"general.name" + struct.pack("<I", 8) + LONG,
        HEAD + NAMED + LONG,
    ],
    ids=["key", "value", "tensor's name"],
)
def test_a_text_as_long_as_the_file_is_not_read(head: bytes, tmp_path: Path) -> None:
    assert not looked_at(sparse(tmp_path / "long.gguf", head, GIANT_BYTES))


def test_many_texts_that_together_are_too_long_are_not_read(tmp_path: Path) -> None:
    texts = b"".join(pair(f"text.{number}", "x" * 500_000) for number in range(40))
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 40) + texts
    file = tmp_path / "many.gguf"
    file.write_bytes(head)
    assert not looked_at(file)


@pytest.mark.parametrize("twice", ["key", "tensor"])
def test_what_is_named_twice_is_refused(twice: str, tmp_path: Path) -> None:
    """Else it could be checked by the one and used by the other."""
    tensor = struct.pack("<Q", 6) + b"weight" + struct.pack("<IQIQ", 1, 8, 0, 0)
    keys, tensors = (2, 1) if twice == "key" else (1, 2)
    head = b"GGUF" + struct.pack("<IQQ", 3, tensors, keys) + NAMED * keys + tensor * tensors
    file = tmp_path / "twice.gguf"
    file.write_bytes(head + bytes(128))
    with pytest.raises(UserError, match="twice"):
        read_header(file)
