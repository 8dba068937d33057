import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.index.stem import stem

ENDINGS = (
    "s es ies sses ed eed ing y e ll ational tional enci izer bli alli ousli ization ation ator "
    "alism iveness fulness aliti biliti logi icate ative alize iciti ical ful ness al ance ence er "
    "able ible ant ement ment ent sion tion ism ate iti ous ive ize ingly edly"
).split()


@pytest.fixture(scope="module")
def sqlite() -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE VIRTUAL TABLE words USING fts5(word, tokenize='porter ascii')")
    connection.execute("CREATE VIRTUAL TABLE terms USING fts5vocab(words, instance)")
    return connection


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("lighthouses", "lighthous"),
        ("relational", "relat"),
        ("hopping", "hop"),
        ("hoping", "hope"),
        ("happiness", "happi"),
        ("sky", "sky"),
        ("is", "is"),
        ("controll", "control"),
        ("probably", "probabl"),
        ("cardiology", "cardiolog"),
    ],
)
def test_known_stems(word: str, expected: str) -> None:
    assert stem(word) == expected


# Where two y stand together SQLite takes them otherwise than the published rules.
@settings(max_examples=200, deadline=None)
@given(
    st.text("aeioybcdlstzxwgr", min_size=1, max_size=6),
    st.sampled_from(ENDINGS),
    st.sampled_from(["", "s", "ed", "ing", "ly"]),
)
def test_stems_are_those_of_sqlite(
    sqlite: apsw.Connection, start: str, ending: str, after: str
) -> None:
    word = start + ending + after
    if "yy" in word or word.startswith(("eed", "ies", "sses")):
        return
    sqlite.execute("DELETE FROM words")
    sqlite.execute("INSERT INTO words VALUES(?)", (word,))
    assert stem(word) == sqlite.execute("SELECT term FROM terms").get
