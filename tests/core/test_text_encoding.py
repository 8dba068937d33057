"""Text in whatever encoding."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.encoding import clean, decode, looks_binary

GERMAN = "Schöne Grüße aus Überlingen, das Frühstück war üppig und die Möwe heißt Käthe. "
RUSSIAN = "Здравствуйте! Предлагаем вам ознакомиться со списком компаний и писем. "
JAPANESE = "これは日本語の文章です。明日は晴れるでしょう。京都へ行きたいと思います。"
POLISH = "Zażółć gęślą jaźń, a potem wróć do domu, żeby zjeść świeżą śliwkę i źdźbło. "


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "utf-8"),
        (GERMAN, "utf-8-sig"),
        (GERMAN, "utf-16"),
        (GERMAN, "utf-16-le"),
        (GERMAN, "utf-16-be"),
        (GERMAN, "utf-32"),
        (GERMAN * 5, "cp1252"),
        (RUSSIAN * 5, "cp1251"),
        (RUSSIAN * 5, "koi8_r"),
        (JAPANESE * 5, "shift_jis"),
        (JAPANESE * 5, "euc_jp"),
        (JAPANESE * 5, "iso2022_jp"),
        (POLISH * 5, "cp1250"),
        ("A few words with a café in “quotes”.", "cp1252"),
    ],
)
def test_usual_encodings(text: str, encoding: str) -> None:
    data = text.encode(encoding)
    assert not looks_binary(data)
    assert decode(data) == text


def test_a_declared_encoding_counts_when_the_bytes_are_not_utf8() -> None:
    assert decode("Müller".encode("iso8859_2"), "iso-8859-2") == "Müller"
    assert decode("Müller".encode(), "iso-8859-2") == "Müller"
    assert decode("Müller".encode("cp1252"), "no-such-encoding") == "Müller"
    assert decode(b"M\xfcller", "zip") == "Müller"


def test_newlines_and_odd_blanks() -> None:
    assert clean("a\r\nb\rc\nd\x0ce\x00f") == "a\nb\nc\nd e f"


@given(st.binary(max_size=300))
def test_any_bytes_decode_the_same_way_each_time(data: bytes) -> None:
    text = decode(data)
    assert text == decode(data)
    assert "\r" not in text and "\x00" not in text
    text.encode("utf-8")


def test_binary_is_known() -> None:
    assert looks_binary(b"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00")
    assert looks_binary(bytes(range(32)) * 10)
    assert not looks_binary(b"")
    assert not looks_binary(codecs.BOM_UTF16_LE + b"a\x00")
