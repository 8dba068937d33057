"""Where the experts lie in a model's files: what is found is what the bytes of the file are."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader
from gguf_files import Raw, Value, write_gguf
from tiny_models import (
    DENSE,
    MIXTURES,
    write_split,
    write_tiny,
    write_uneven_experts,
    write_unknown_experts,
)

from core.errors import UserError
from core.llm.experts.layout import PAGE_BYTES, Layout, Slice, read_layout, why_not

SHAPE = (32, 16, 4)  # of an expert tensor: row, rows, experts


def bytes_of(layout: Layout, piece: Slice) -> bytes:
    with layout.files[piece.file].open("rb") as file:
        file.seek(piece.offset)
        return file.read(piece.size_bytes)


def expected(files: Sequence[Path]) -> dict[tuple[int, int], set[bytes]]:
    """The matrices of each expert, as another reader of the format finds them."""
    found: dict[tuple[int, int], set[bytes]] = {}
    for file in files:
        for tensor in GGUFReader(file).tensors:
            if "_exps.weight" in tensor.name:
                layer = int(tensor.name.split(".")[1])
                experts = np.ascontiguousarray(tensor.data).reshape(int(tensor.shape[2]), -1)
                for expert, matrix in enumerate(experts):
                    found.setdefault((layer, expert), set()).add(matrix.tobytes())
    return found


def units_of(layout: Layout) -> dict[tuple[int, int], set[bytes]]:
    return {
        (unit.layer, unit.expert): {bytes_of(layout, piece) for piece in unit.slices}
        for unit in layout.units
    }


@pytest.mark.parametrize("name", MIXTURES)
def test_every_kind_of_mixture_is_known(tmp_path: Path, name: str) -> None:
    path = write_tiny(tmp_path / "tiny.gguf", name)
    tiny, layout = MIXTURES[name], read_layout(path)
    assert why_not(layout) is None
    assert units_of(layout) == expected([path])
    assert (layout.layers, layout.experts, layout.active) == (
        tiny.layers,
        tiny.experts,
        tiny.active,
    )
    routed = tiny.layers - tiny.dense_layers
    assert len(layout.units) == routed * tiny.experts
    assert {len(unit.slices) for unit in layout.units} == {2 if tiny.fused else 3}
    assert layout.dense_bytes + layout.expert_bytes == sum(
        tensor.n_bytes for tensor in GGUFReader(path).tensors
    )
    for at, unit in enumerate(layout.units):
        assert layout.unit_of(unit.layer, unit.expert) == at
    assert layout.unit_of(tiny.layers, 0) == layout.unit_of(0, tiny.experts) == -1
    if tiny.dense_layers:
        assert layout.unit_of(0, 0) == -1


def test_a_split_model_has_its_experts_in_all_its_files(tmp_path: Path) -> None:
    files = write_split(tmp_path, "llama", part_tensors=8)
    layout = read_layout(files[0])
    assert why_not(layout) is None
    assert list(layout.files) == files and len(files) > 2
    assert len({piece.file for unit in layout.units for piece in unit.slices}) > 1
    assert units_of(layout) == expected(files)


def test_parts_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    files = write_split(tmp_path, "llama", part_tensors=8)
    with pytest.raises(UserError, match="part 2 of 5, and only the first"):
        read_layout(files[1])
    with pytest.raises(UserError, match="first of 5 parts, and not named so") as caught:
        read_layout(files[0].rename(tmp_path / "renamed.gguf"))
    assert "00001-of-00005.gguf" in caught.value.advice
    (tmp_path / "renamed.gguf").rename(files[0])
    content = files[1].read_bytes()
    files[1].write_bytes(files[2].read_bytes())
    with pytest.raises(UserError, match="does not say that it is part 2"):
        read_layout(files[0])
    files[1].write_bytes(content[:-64])
    with pytest.raises(UserError, match="cut short"):
        read_layout(files[0])
    files[1].unlink()
    with pytest.raises(UserError, match="cannot be read"):
        read_layout(files[0])


def test_a_first_part_may_hold_no_weights(tmp_path: Path) -> None:
    values: dict[str, Value] = {"general.architecture": "llama", "llama.block_count": 1}
    first, later = (tmp_path / f"tiny-0000{place}-of-00002.gguf" for place in (1, 2))
    write_gguf(first, values | {"split.no": 0, "split.count": 2}, {})
    weights = {"blk.0.ffn_up.weight": np.zeros((8, 8), np.float32)}
    write_gguf(later, {"split.no": 1, "split.count": 2}, weights)
    (unit,) = read_layout(first).units
    assert [(piece.file, piece.size_bytes) for piece in unit.slices] == [(1, 256)]


def test_a_dense_model_has_a_unit_for_each_layer(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "dense.gguf", DENSE)
    layout = read_layout(path)
    assert why_not(layout) is None
    assert (layout.experts, layout.active, len(layout.units)) == (0, 0, DENSE.layers)
    for tensor in GGUFReader(path).tensors:
        ranges = [
            (piece.offset, piece.offset + piece.size_bytes)
            for layer, unit in enumerate(layout.units)
            if tensor.name.startswith(f"blk.{layer}.")
            for piece in unit.slices
        ]
        begin, end = tensor.data_offset, tensor.data_offset + tensor.n_bytes
        covered = any(first <= begin and end <= last for first, last in ranges)
        assert covered == tensor.name.startswith("blk."), tensor.name
    assert [layout.unit_of(layer, -1) for layer in range(DENSE.layers)] == [0, 1, 2, 3]


def model(tmp_path: Path, tensors: Mapping[str, tuple[int, ...]], kind: int = 0) -> Path:
    """A file of only these tensors, all zeros."""
    values: dict[str, Value] = {"general.architecture": "llama", "llama.block_count": 2}
    values |= {"llama.expert_count": 4, "llama.expert_used_count": 2}
    size = {0: 4, 99: 4}[kind]
    weights = {
        name: Raw(shape, kind, bytes(size * int(np.prod(shape)))) for name, shape in tensors.items()
    }
    return write_gguf(tmp_path / "made.gguf", values, weights)


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ({"blk.0.ffn_twist_exps.weight": SHAPE}, "not known here (blk.0.ffn_twist_exps.weight)"),
        ({"blk.0.ffn_up_chexps.weight": SHAPE}, "not known here (blk.0.ffn_up_chexps.weight)"),
        (
            {"blk.0.ffn_up_exps.weight": SHAPE, "blk.1.ffn_up_exps.weight": (32, 16, 5)},
            "same number of experts",
        ),
        ({"blk.0.ffn_up_exps.weight": (32, 16, 5)}, "tells of 4 experts"),
        ({"blk.0.ffn_up_exps.weight": (4, 2, 3, 4)}, "of a kind that is not known"),
        ({"output.weight": (32, 16)}, "no layers of a known kind"),
    ],
)
def test_says_why_a_model_cannot_be_managed(
    tmp_path: Path, tensors: Mapping[str, tuple[int, ...]], words: str
) -> None:
    layout = read_layout(model(tmp_path, tensors))
    assert words in (why_not(layout) or "")
    assert layout.units == ()


def test_weights_of_an_unknown_type_are_not_managed(tmp_path: Path) -> None:
    layout = read_layout(model(tmp_path, {"blk.0.ffn_up_exps.weight": SHAPE}, kind=99))
    assert "of a kind that is not known" in (why_not(layout) or "")
    layout = read_layout(model(tmp_path, {"blk.0.ffn_up.weight": (32, 16)}, kind=99))
    assert "of a kind that is not known" in (why_not(layout) or "")


def test_norms_of_experts_and_biases_are_dense(tmp_path: Path) -> None:
    tensors = {
        "blk.0.ffn_norm_exps.weight": (32,),
        "blk.0.ffn_up_exps.weight": SHAPE,
        "blk.0.ffn_up_exps.bias": (16, 4),
        "blk.0.ffn_up_exps.scale": (4,),
    }
    layout = read_layout(model(tmp_path, tensors))
    assert why_not(layout) is None
    assert layout.expert_bytes == 4 * int(np.prod(SHAPE))
    assert layout.dense_bytes == 4 * (32 + 16 * 4 + 4)


def test_files_made_wrong_on_purpose_are_not_managed(tmp_path: Path) -> None:
    assert "ffn_turn_exps" in (why_not(read_layout(write_unknown_experts(tmp_path / "a"))) or "")
    assert "experts" in (why_not(read_layout(write_uneven_experts(tmp_path / "b"))) or "")


@pytest.mark.parametrize(
    ("offset", "size", "pages"),
    [(0, 1, 1), (0, 4096, 1), (0, 4097, 2), (4095, 1, 1), (4095, 2, 2), (100, 8192, 3)],
)
def test_pages_at_the_borders_count(offset: int, size: int, pages: int) -> None:
    piece = Slice(0, 3 * PAGE_BYTES + offset, size)
    assert (piece.first_page, piece.pages) == (3, pages)


def test_a_fingerprint_tells_models_apart(tmp_path: Path) -> None:
    one = read_layout(write_tiny(tmp_path / "one.gguf", "llama"))
    same = read_layout(write_tiny(tmp_path / "same.gguf", "llama"))
    other = read_layout(write_tiny(tmp_path / "other.gguf", "olmoe"))
    assert one.fingerprint() == same.fingerprint() != other.fingerprint()
