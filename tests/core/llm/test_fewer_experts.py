"""A model loaded with fewer experts a token really uses so many."""

from pathlib import Path

import pytest
from tiny_models import DENSE, MIXTURES, write_tiny

from core.errors import UserError
from core.llm.experts.fewer import can_use_fewer, fewer_experts
from core.llm.gguf import read_header
from core.llm.runtime import Runtime

TEXT = "the boat of the harbour and a winter"


def scores(path: Path, active: int | None = None) -> object:
    runtime = Runtime(path, context_tokens=128, threads=1, active_experts=active)
    found = runtime.fingerprint(TEXT, 3, 3).steps
    runtime.close()
    return found


@pytest.mark.parametrize("name", ["qwen3moe", "smallthinker", "lfm2moe"])
def test_fewer_experts_are_what_the_file_could_have_said(name: str, tmp_path: Path) -> None:
    """The same as a file that names the smaller number, and not the same as before."""
    path = write_tiny(tmp_path / "tiny.gguf", name)
    fewer = MIXTURES[name].active - 1
    said = write_tiny(tmp_path / "said.gguf", name, values={"expert_used_count": fewer})
    assert scores(path, fewer) == scores(said)
    assert scores(path, fewer) != scores(path)
    assert scores(path, fewer + 1) == scores(path)


def test_numbers_that_cannot_be_are_refused(tmp_path: Path) -> None:
    header = read_header(write_tiny(tmp_path / "tiny.gguf", "qwen3moe"))
    assert can_use_fewer(header)
    assert fewer_experts(header, None) == fewer_experts(header, 3) == {}
    assert fewer_experts(header, 2) == {"qwen3moe.expert_used_count": 2}
    for number in (0, -1, 4, 12):
        with pytest.raises(UserError, match="uses 3 experts"):
            fewer_experts(header, number)


def test_models_that_cannot_use_fewer(tmp_path: Path) -> None:
    dense = read_header(write_tiny(tmp_path / "dense.gguf", DENSE))
    by_layer = {"expert_used_count": [3, 2, 3]}
    mixed = read_header(write_tiny(tmp_path / "mixed.gguf", "qwen3moe", values=by_layer))
    for header in (dense, mixed):
        assert not can_use_fewer(header)
        with pytest.raises(UserError, match="another number"):
            fewer_experts(header, 1)
