"""Pages as pictures, and the boxes around passages on them."""

from __future__ import annotations

import struct
import zlib
from itertools import accumulate, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import FileError
from core.messages import Box
from core.text.page_picture import aligned, lines_of, render_page
from core.text.pdf import extract_pdf
from core.text.source import Source

SAMPLE = Path(__file__).parents[2] / "resources" / "sample-folder" / "workshop-lease.pdf"


def test_a_page_is_drawn_as_png() -> None:
    drawn = render_page(str(SAMPLE), 2, 300)
    png = drawn.png
    assert (drawn.pages, drawn.boxes) == (3, ())
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height, depth, colour = struct.unpack(">IIBB", png[16:26])
    assert 298 <= width <= 301 and 420 <= height <= 428
    start = png.index(b"IDAT")
    length = struct.unpack(">I", png[start - 4 : start])[0]
    rows = zlib.decompress(png[start + 4 : start + 4 + length])
    assert len(rows) == height * (1 + width * {2: 3, 6: 4}[colour]) and depth == 8
    assert rows.count(0xFF) > len(rows) // 2  # paper
    with pytest.raises(FileError, match="no page 4"):
        render_page(str(SAMPLE), 4, 300)


def test_a_passage_is_boxed_line_by_line_where_it_stands() -> None:
    document = extract_pdf(Source(str(SAMPLE)))
    first = list(accumulate(document.page_chars, initial=0))[1]
    page = document.text[first : first + document.page_chars[1]]
    start = page.index("5. Use.")
    end = page.index("6. Repairs.")
    boxes = render_page(str(SAMPLE), 2, 600, (start, end)).boxes
    assert len(boxes) == page[start:end].strip().count("\n") + 1 == 3
    assert all(one.bottom <= other.top + 0.01 for one, other in pairwise(boxes))
    assert all(abs(box.left - boxes[0].left) < 0.01 for box in boxes)
    [word] = render_page(str(SAMPLE), 2, 600, (start + 3, start + 6)).boxes  # "Use"
    assert word.top == pytest.approx(boxes[0].top, abs=0.005)
    assert 0 < word.right - word.left < 0.05
    assert render_page(str(SAMPLE), 2, 600, (10**6, 10**6 + 5)).boxes == ()


@given(
    st.lists(st.sampled_from(["a", "b", " ", "\n", "\x02", "\U0001d4d0"]), max_size=40), st.data()
)
def test_letters_of_a_page_are_found_though_it_has_more_of_them(
    chars: list[str], data: st.DataObject
) -> None:
    kept = [(at, char) for at, char in enumerate(chars) if char != "\x02"]
    text = "".join(char for _, char in kept)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    wanted = [at for at, char in kept[start:end] if not char.isspace()]
    gaps = "".join(chars).split("a")
    found = aligned([ord(char) for char in chars], text, start, end)
    if not wanted:
        assert found is None
    elif max(len(gap) for gap in gaps) < 10:
        assert found == (wanted[0], wanted[-1] + 1)


def test_boxes_of_one_line_are_one() -> None:
    found = lines_of(
        (Box(0.1, 0.1, 0.2, 0.12), Box(0.2, 0.101, 0.5, 0.121), Box(0.1, 0.2, 0.1, 0.3),
         Box(0.1, 0.13, 0.4, 0.15))
    )  # fmt: skip
    assert [(round(b.left, 2), round(b.right, 2)) for b in found] == [(0.1, 0.5), (0.1, 0.4)]
