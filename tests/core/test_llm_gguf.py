"""Headers of model files: sound ones are read, all others are refused in words."""

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import UserError
from core.llm.gguf import read_header


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def tiny_gguf(version: int = 3, tensors: int = 1, pairs: int = 3) -> bytes:
    """A header with three values, an array among them, and one tensor of 8 floats."""
    head = b"GGUF" + struct.pack("<IQQ", version, tensors, pairs)
    head += text("general.architecture") + struct.pack("<I", 8) + text("llama")
    head += text("llama.context_length") + struct.pack("<II", 4, 2048)
    head += text("tokens") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("b")
    head += text("weight") + struct.pack("<IQIQ", 1, 8, 0, 0)
    return head + bytes(-len(head) % 32) + bytes(32)


def test_reads_what_the_header_says(tmp_path: Path) -> None:
    file = tmp_path / "tiny.gguf"
    file.write_bytes(tiny_gguf())
    header = read_header(file)
    assert (header.version, len(header.tensors), header.architecture) == (3, 1, "llama")
    assert header.trained_context_tokens == 2048
    assert header.name == ""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "does not begin"),
        (b"PK\x03\x04 a zip file", "not a GGUF file but a zip archive"),
        (b"PK\x03\x04 archive/data.pkl", "Python's pickle format, as PyTorch writes it"),
        (b"\x80\x02}q\x00", "which can run code"),
        (b'\x10\0\0\0\0\0\0\0{"a": {"b": 12}}', "a safetensors file"),
        (b'\xff\xff\0\0\0\0\0\0{"w":{"dtype":"F16",', "a safetensors file"),
        (b"GGUF\x00\x00\x00\x03", "big-endian"),
        (b"tjgg\x03\x00", "of before GGUF"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "a pointer to a file"),
        (b"\n <!DOCTYPE html><html>", "a web page"),
        (b'{"model_type": "llama"}', "a JSON file"),
        (b"just some text", "does not begin"),
        (b"GGUF", "ends in the middle"),
        (tiny_gguf(version=1), "version 1"),
        (tiny_gguf(tensors=0), "impossible number"),
        (tiny_gguf(pairs=2**60), "impossible number"),
        (tiny_gguf(tensors=150_000), ""),
        (tiny_gguf()[:-1], "cut short"),
        (tiny_gguf()[:60], "ends in the middle"),
    ],
)
def test_refuses_what_is_not_sound(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "bad.gguf"
    file.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_header(file)
    assert "bad.gguf" in caught.value.title
    assert words in caught.value.title
    assert caught.value.advice


def test_refuses_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_header(tmp_path / "none.gguf")
    with pytest.raises(UserError, match="cannot be read"):
        read_header(tmp_path)


@settings(deadline=None, max_examples=200)
@given(at=st.integers(4, len(tiny_gguf()) - 1), value=st.integers(0, 255))
def test_any_changed_byte_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, at: int, value: int
) -> None:
    content = bytearray(tiny_gguf())
    content[at] = value
    file = tmp_path_factory.mktemp("gguf") / "changed.gguf"
    file.write_bytes(content)
    try:
        read_header(file)
    except UserError as error:
        assert error.advice
