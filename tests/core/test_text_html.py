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


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("a < b and <3 & c <b>d</b>", "a < b and <3 & c d"),
        ("<a title='x > y' href=\"a>b\">word</a>", "word"),
        ('<a title="never closed>word</a><p>next', "word\n\nnext"),
        ("<p>one<!-- > --><!-->two<!---->three<!x>four<?php echo '?>five", "onetwothreefourfive"),
        ("one<!-- never closed", "one"),
        ("one<p", "one<p"),
        ("one</ x>two", "onetwo"),
        ("<script>if (a < b) '</p>'</script>one<style/>two<script src=x />three", "onetwothree"),
        ("one<svg><g>icon</g><svg>x</svg></svg>two<svg/>three", "onetwothree"),
        ("one<svg>never closed<p>two", "onenever closed\n\ntwo"),
        ("<TITLE>x</TITLE ><P>one<BR/>two", "one\ntwo"),
        ("<![CDATA[x]]>one", "one"),
        ("&lt;b&gt; &nbsp;&amp;amp; &#x41;&notanentity;", "<b> &amp; A¬anentity;"),
        ("<table><tr><td>a<td>b<tr><td>c</table>", "a\tb\nc"),
        ("<pre>  x\n  y</pre>z", "  x\n  y\n\nz"),
        ("<ul><li>one<li>two</ul>", "- one\n- two"),
        ("<h1><div>Top</div></h1>one", "Top\n\none"),
        ("<p>日本</p>", "日本"),
    ],
)
def test_markup_as_people_write_it(tmp_path: Path, page: str, text: str) -> None:
    assert read(tmp_path, page.encode()).strip("\n") == text


def test_a_heading_that_never_ends_is_text(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("<h1>" + "word " * 500 + "<p>end")
    document = extract_html(Source(str(path)))
    assert document.headings == ()
    assert document.text.split() == ["word"] * 500 + ["end"]
