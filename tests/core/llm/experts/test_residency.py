"""Whatever of a model is in memory, it says the same. Real files, real llama.cpp."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tiny_models import DENSE, MIXTURES, Tiny, write_split, write_tiny

from core.llm.experts.layout import Layout, read_layout
from core.llm.experts.manager import least_room_bytes
from core.llm.experts.report import ResidencyReport, Step
from core.llm.runtime import Fingerprint, Runtime

TEXT = "the boat of the harbour, and a winter of boats " * 4
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the pool is for Linux")


def held_bytes(layout: Layout, share: float) -> int:
    """Memory for the dense part, what one token needs of a layer, and a share of the rest."""
    units = sum(unit.page_bytes for unit in layout.units)
    least = least_room_bytes(layout)
    beside = layout.dense_bytes + (layout.dense_bytes + layout.expert_bytes) // 256 + 1
    return beside + least + int(share * (units - least))


def said(
    path: Path, held: int | None, best_step: Step = "pool"
) -> tuple[Fingerprint, ResidencyReport]:
    """What a model computes on the text, and how it was kept in memory."""
    runtime = Runtime(
        path, context_tokens=256, threads=1, held_bytes=held, best_step=best_step, quantized=False
    )
    try:
        return runtime.fingerprint(TEXT, 16, 4), runtime.residency()
    finally:
        runtime.close()


def big(tiny: Tiny) -> Tiny:
    """The same kind with experts of more than a page, so that some have pages to themselves."""
    return Tiny(**{field: getattr(tiny, field) for field in tiny.__slots__} | {"used_ff": 320})


@LINUX
@pytest.mark.parametrize("name", MIXTURES)
@pytest.mark.parametrize("share", [0.0, 0.4])
def test_a_mixture_in_a_pool_says_the_same(name: str, share: float, tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "tiny.gguf", big(MIXTURES[name]))
    whole, _ = said(path, None)
    layout = read_layout(path)
    held = min(held_bytes(layout, share), layout.dense_bytes + layout.expert_bytes - 1)
    some, report = said(path, held)
    assert some.steps == whole.steps
    assert (report.step, report.why) == ("pool", "the model is larger than its memory")
    assert report.misses > 0
    assert report.read_bytes > 0
    assert report.resident_bytes <= report.room_bytes <= held - layout.dense_bytes
