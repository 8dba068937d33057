"""A slimmed model is a sound file that computes what the original does with these experts."""

from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader, ReaderTensor
from tiny_models import DENSE, MIXTURES, write_split, write_tiny, write_unknown_experts

from core.errors import Cancelled, UserError
from core.llm.experts import slim
from core.llm.experts.slim import keep_count, look_at, most_used, write_slim
from core.llm.gguf import read_header
from core.llm.runtime import Runtime

TEXT = "the boat of the harbour and a winter"
KEEP = 5


def ignore(_done: int, _total: int) -> None:
    """Progress that nobody watches."""


def tensors(path: Path) -> dict[str, ReaderTensor]:
    return {tensor.name: tensor for tensor in GGUFReader(path).tensors}


def kept_of(source: slim.Source, keep: int = KEEP) -> dict[int, tuple[int, ...]]:
    """Other experts in each layer, not the first ones."""
    return {
        layer: tuple(sorted((layer + 2 * at + 1) % source.experts for at in range(keep)))
        for layer in source.layers
    }


def slimmed(path: Path, target: Path, keep: int = KEEP) -> slim.Source:
    source = look_at(path)
    write_slim(source, kept_of(source, keep), "Smaller", target, ignore)
    return source


def scores(path: Path) -> object:
    runtime = Runtime(path, context_tokens=128, threads=1)
    found = runtime.fingerprint(TEXT, 4, 3).steps
    runtime.close()
    return found


@pytest.mark.parametrize("name", MIXTURES)
def test_every_kind_is_cut_alike_and_loads(name: str, tmp_path: Path) -> None:
    path, target = write_tiny(tmp_path / "tiny.gguf", name), tmp_path / "slim.gguf"
    keep = 3
    before = path.read_bytes()
    source = slimmed(path, target, keep)
    kept = kept_of(source, keep)
    assert path.read_bytes() == before
    assert target.stat().st_size < 0.75 * path.stat().st_size
    assert abs(slim.slimmed_bytes(source, keep) - target.stat().st_size) < 4096
    header = read_header(target)
    assert header.number("expert_count") == keep
    assert header.number("expert_used_count") == min(keep, MIXTURES[name].active)
    assert header.name == "Smaller"
    old, new = tensors(path), tensors(target)
    assert list(old) == list(new)
    for tensor_name, tensor in new.items():
        layer = slim.layer_of(tensor_name)
        wanted = old[tensor_name].data
        # ggml's own reader turns the shape round: experts come first.
        wanted = wanted if layer is None else wanted[list(kept[layer])]
        np.testing.assert_array_equal(tensor.data, wanted)
    assert scores(target)


def test_only_unused_experts_left_out_changes_nothing(tmp_path: Path) -> None:
    """A router that never chooses some experts is the same model without them, exactly."""
    path = write_tiny(tmp_path / "tiny.gguf", "gpt-oss")
    unused = 6
    reader = GGUFReader(path, "r+")
    for tensor in reader.tensors:
        if tensor.name.endswith("ffn_gate_inp.bias"):
            tensor.data[unused:] = -1e9
    reader.data.flush()
    source, target = look_at(path), tmp_path / "slim.gguf"
    write_slim(source, dict.fromkeys(source.layers, range(unused)), "Same", target, ignore)
    assert scores(target) == scores(path)


def test_split_model_becomes_one_file(tmp_path: Path) -> None:
    whole = write_tiny(tmp_path / "whole.gguf", "qwen3moe")
    parts = write_split(tmp_path, "qwen3moe")
    for path, target in ((whole, "a.gguf"), (parts[0], "b.gguf")):
        slimmed(path, tmp_path / target)
    assert "split.count" not in read_header(tmp_path / "b.gguf").values
    one, other = tensors(tmp_path / "a.gguf"), tensors(tmp_path / "b.gguf")
    assert set(one) == set(other)
    for name, tensor in one.items():
        np.testing.assert_array_equal(tensor.data, other[name].data)
    assert scores(tmp_path / "a.gguf") == scores(tmp_path / "b.gguf")


def test_fewer_than_a_token_uses_are_all_used(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "tiny.gguf", "smallthinker")
    slimmed(path, tmp_path / "slim.gguf", 2)
    assert read_header(tmp_path / "slim.gguf").number("expert_used_count") == 2
    assert scores(tmp_path / "slim.gguf")


def test_used_experts_by_layer_are_cut_too(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "tiny.gguf", "qwen3moe", values={"expert_used_count": [3, 4, 2]})
    slimmed(path, tmp_path / "slim.gguf", 3)
    assert read_header(tmp_path / "slim.gguf").lists["qwen3moe.expert_used_count"] == (3, 3, 2)


@pytest.mark.parametrize(
    ("text", "count"), [("75%", 6), ("0.75", 6), ("6", 6), (".5", 4), (" 50 % ", 4), ("87.5%", 7)]
)
def test_what_to_keep_is_understood(text: str, count: int) -> None:
    assert keep_count(text, 8) == count


@pytest.mark.parametrize(
    "text", ["", "much", "-3", "0", "0%", "100%", "1.0", "8", "9", "1e3", "nan", "٣", "75 percent"]
)
def test_what_cannot_be_kept_is_said_in_a_line(text: str) -> None:
    with pytest.raises(UserError, match=r"--keep") as told:
        keep_count(text, 8)
    assert "75%" in told.value.advice


def test_the_most_used_stay_in_their_order() -> None:
    assert most_used([1, 9, 0, 9, 4], 3) == (1, 3, 4)
    assert most_used([0, 0, 0], 2) == (0, 1)


def test_models_that_cannot_be_slimmed_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no experts"):
        look_at(write_tiny(tmp_path / "dense.gguf", DENSE))
    with pytest.raises(UserError, match="not known here"):
        look_at(write_unknown_experts(tmp_path / "odd.gguf"))
    groups = write_tiny(tmp_path / "groups.gguf", "hy_v3", values={"expert_group_count": 2})
    with pytest.raises(UserError, match="in groups"):
        look_at(groups)


def test_a_full_disk_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = look_at(write_tiny(tmp_path / "tiny.gguf", "llama"))
    slim.check_space(source, 4, tmp_path)
    monkeypatch.setattr(slim, "SPARE_BYTES", 1 << 60)
    with pytest.raises(UserError, match="takes"):
        slim.check_space(source, 4, tmp_path)


def test_giving_up_ends_it_in_the_middle(tmp_path: Path) -> None:
    source = look_at(write_tiny(tmp_path / "tiny.gguf", "llama"))
    seen: list[tuple[int, int]] = []

    def give_up(done: int, total: int) -> None:
        seen.append((done, total))
        if done > total // 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        write_slim(source, kept_of(source), "Half", tmp_path / "half.gguf", give_up)
    assert seen[-1][0] < seen[-1][1]
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
