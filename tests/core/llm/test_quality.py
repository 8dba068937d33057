"""The quality of a model is what its scores say, and is kept as numbers only."""

import math
from pathlib import Path

import numpy as np
import pytest
from tiny_models import write_tiny

from core.errors import Cancelled
from core.llm.experts import quality
from core.llm.experts.quality import (
    CHECK_TEXTS,
    Fewer,
    Foretold,
    Slimmed,
    compare,
    next_token_loss,
)
from core.llm.native import StopFlag
from core.llm.runtime import Runtime

TEXT = " ".join(["the boat of the harbour and a winter"] * 12)


@pytest.fixture
def runtime(tmp_path: Path):  # type: ignore[no-untyped-def]
    found = Runtime(write_tiny(tmp_path / "t.gguf", "qwen3moe"), context_tokens=256, threads=1)
    yield found
    found.close()


def test_loss_is_that_of_the_softmax() -> None:
    scores = np.array([0.0, math.log(3), 1000.0], np.float32)
    assert next_token_loss(scores[:2], 0) == pytest.approx(math.log(4))
    assert next_token_loss(scores[:2], 1) == pytest.approx(math.log(4 / 3))
    assert next_token_loss(scores, 2) == pytest.approx(0)


def test_text_is_foretold_as_it_would_be_gone_on_with(runtime: Runtime) -> None:
    """Each token's expectation is the one that decoding up to there alone gives."""
    found = runtime.foretell(TEXT, StopFlag())
    tokens = runtime._model.tokenize(TEXT, first=True, special=False)
    assert len(found.losses) == len(found.best) == min(len(tokens), 256) - 1
    for place in (0, 7, 63, 64, len(found.best) - 1):
        runtime._prompts.clear()
        runtime._prompts.bring((), tokens[: place + 1], 0)
        scores = np.array(runtime._context.logits(), np.float32)
        assert found.best[place] == scores.argmax()
        expected = next_token_loss(scores, tokens[place + 1])
        assert found.losses[place] == pytest.approx(expected, abs=0.01)
    assert runtime.foretell(TEXT, StopFlag()) == found


def test_nothing_to_foretell_in_a_text_of_one_token(runtime: Runtime) -> None:
    assert runtime.foretell("", StopFlag()) == Foretold((), ())


def test_foretelling_can_be_given_up(runtime: Runtime) -> None:
    stop = StopFlag()
    stop.raise_()
    with pytest.raises(Cancelled):
        runtime.foretell(TEXT, stop)


def test_comparison_counts_every_token_once() -> None:
    before = [Foretold((1.0,) * 60, (1,) * 60), Foretold((2.0,) * 20, (2,) * 20)]
    after = [Foretold((1.5,) * 60, (1,) * 60), Foretold((2.5,) * 20, (3,) * 20)]
    found = compare(before, after, "your files")
    assert found is not None
    assert (found.loss_before, found.loss, found.tokens) == (1.25, 1.75, 80)
    assert found.agreement == 0.75
    assert found.cost == pytest.approx(math.exp(0.5) - 1)
    assert found.perplexity == pytest.approx(math.exp(1.75))


def test_too_little_text_tells_nothing() -> None:
    few = [Foretold((1.0,) * 10, (1,) * 10)]
    assert compare(few, few, "a check text") is None


def test_numbers_are_kept_of_this_file_only(tmp_path: Path) -> None:
    model = tmp_path / "m.gguf"
    model.write_bytes(b"weights")
    found = compare([Foretold((1.0,) * 64, (1,) * 64)] * 1, [Foretold((1.1,) * 64, (1,) * 64)] * 1,
                    "your files")  # fmt: skip
    assert found is not None
    quality.keep(model, slimmed=Slimmed("big", 6, 8, found))
    quality.keep(model, fewer=quality.load(model).fewer_with(Fewer(2, found)))
    quality.keep(model, fewer=quality.load(model).fewer_with(Fewer(3, found)))
    kept = quality.load(model)
    assert kept.slimmed == Slimmed("big", 6, 8, found)
    assert [one.active for one in kept.fewer] == [3, 2]
    model.write_bytes(b"other weights")
    assert quality.load(model) == quality.Kept()
    quality.kept_path(model).write_text("{")
    assert quality.load(model) == quality.Kept()


def test_check_texts_are_long_enough() -> None:
    assert all(300 < len(text) < quality.TEXT_CHARS for text in CHECK_TEXTS)
