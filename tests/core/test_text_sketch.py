from __future__ import annotations

import math
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prose import Prose

import core.text.sketch as module
from core.text.sketch import LEAST_LETTERS, RUN, SKETCH_BYTES, likeness, sketch


def runs(text: str) -> set[str]:
    letters = "".join(c for c in text.lower() if c.isalnum())
    return {letters[at : at + RUN] for at in range(len(letters) - RUN + 1)}


def jaccard(one: str, two: str) -> float:
    a, b = runs(one), runs(two)
    return len(a & b) / len(a | b)


def estimate(one: str, two: str) -> float:
    other = np.frombuffer(sketch(two), dtype=np.uint8).reshape(1, -1)
    return float(likeness(sketch(one), other)[0])


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    sentences=st.integers(4, 200),
    kept=st.floats(0.0, 1.0),
)
def test_the_estimate_is_near_the_truth(seed: int, sentences: int, kept: float) -> None:
    prose = Prose(seed)
    whole = [prose.sentence() for _ in range(sentences)]
    cut = round(kept * sentences)
    other = whole[:cut] + [prose.sentence() for _ in range(sentences - cut)]
    one, two = " ".join(whole), " ".join(other)
    true = jaccard(one, two)
    error = math.sqrt((1 - true**2) / (8 * SKETCH_BYTES))
    assert abs(estimate(one, two) - true) <= 5.5 * error + 0.02


def test_the_estimates_are_right_on_average() -> None:
    off = []
    for seed in range(120):
        prose = Prose(seed)
        whole = [prose.sentence() for _ in range(30)]
        one, two = " ".join(whole), " ".join([*whole[:26], *(prose.sentence() for _ in range(4))])
        off.append(estimate(one, two) - jaccard(one, two))
    assert abs(np.mean(off)) < 0.02
    assert np.std(off) < 0.075


def test_what_is_no_letter_does_not_count() -> None:
    text = Prose(1).paragraph(12)
    for other in (
        text.upper(),
        text.replace(" ", "\n"),
        text.replace(", ", " - "),
        "\N{LEFT DOUBLE QUOTATION MARK}" + text + "\u00a0",
    ):
        assert sketch(other) == sketch(text)


def test_letters_may_be_composed_or_not() -> None:
    text = "Der Käse über die Brücke führte zum fünften Gasthöfchen, später öfter. " * 4
    assert sketch(unicodedata.normalize("NFD", text)) == sketch(text)
    fine = "The first official find of fine flour in the office was offered. " * 3
    joined = fine.replace("ffi", "\ufb03").replace("fi", "\ufb01").replace("fl", "\ufb02")
    assert joined != fine
    assert sketch(joined) == sketch(fine)


def test_other_scripts() -> None:
    chinese = "".join(chr(0x4E00 + (n * n * 31 + 7 * n) % 9000) for n in range(900))
    assert estimate(chinese, chinese) == 1.0
    assert estimate(chinese, chinese[:800] + chinese[:100][::-1]) > 0.6
    assert estimate(chinese, chinese[::-1]) < 0.4
    assert sketch("\ud800" + chinese)


@pytest.mark.parametrize("text", ["", " ", "too short", "1, 2, 3" * 10, "\n.-" * 10_000])
def test_a_text_without_enough_letters_has_none(text: str) -> None:
    assert sketch(text) == b""
    assert sketch("a" * LEAST_LETTERS) != b""


def test_it_is_the_same_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    text = Prose(3).paragraph(40) + " été " + Prose(4).paragraph(40)
    whole = sketch(text)
    monkeypatch.setattr(module, "_BLOCK_CHARS", 97)
    assert sketch(text) == whole


def test_it_never_changes_for_it_is_stored() -> None:
    text = "The quick brown fox jumps over the lazy dog while 12 grey geese look on. " * 3
    assert len(sketch(text)) == SKETCH_BYTES
    assert sketch(text).hex() == "fbbde9000be9615424d66bc258b832e5"
    assert sketch(text + "Später kam der Fuchs zurück.").hex() == "d3adf9020be9611426d273ca5cb232e5"
