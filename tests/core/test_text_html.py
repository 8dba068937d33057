"""HTML to text."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import FileError
from core.text.document import Heading, Limits
from core.text.html import extract_html
from core.text.source import Source

PAGE = """<!DOCTYPE html><html><head><title>A  page</title><style>b{}</style></head><body>
<script>var secret = 1</script><h1>Top <em>one</em></h1><p>First   para<b>graph</b>, with
a break.<br>New line</p><ul><li>one</li><li>two</li></ul>
<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td><p>2</p></td></tr></table>
<pre>  kept
   as is</pre><h2></h2><p hidden>x</p>tail &amp; end</body></html>"""


def read(tmp_path: Path, page: bytes, limits: Limits | None = None) -> str:
    path = tmp_path / "page.html"
    path.write_bytes(page)
    return extract_html(Source(str(path), limits)).text


def test_blocks_headings_and_title(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(PAGE)
    document = extract_html(Source(str(path)))
    assert document.about.title == "A page"
    assert document.headings == (Heading(0, "Top one"),)
    assert "First paragraph, with a break.\nNew line\n" in document.text
    assert "- one\n- two\n" in document.text
    assert "a\tb\n1\n\n2\n" in document.text
    assert "  kept\n   as is" in document.text
    assert document.text.rstrip().endswith("tail & end")
    assert "secret" not in document.text


def test_encoding_is_taken_from_the_page(tmp_path: Path) -> None:
    page = '<meta charset="koi8-r"><p>Привет, мир и всем людям доброй воли</p>'
    assert "Привет" in read(tmp_path, page.encode("koi8_r"))
    page = '<?xml version="1.0" encoding="windows-1250"?><html><p>Zażółć gęślą jaźń</p></html>'
    assert "Zażółć gęślą jaźń" in read(tmp_path, page.encode("cp1250"))


def test_a_very_deep_page_is_read(tmp_path: Path) -> None:
    page = b"<div>" * 5_000 + b"deep down" + b"</div>" * 5_000
    assert "deep down" in read(tmp_path, page)


def test_too_long_a_page_is_left_out(tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        read(tmp_path, b"<p>word " * 1_000, Limits(max_text_chars=100_000 // 50))
    assert caught.value.problem == "skipped"
