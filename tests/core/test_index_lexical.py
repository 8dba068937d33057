import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.index.lexical import lexical_text, query_words, search_words
from core.store.migrations import CATALOGUE, migrate

TEXTS = (
    "The harbour closes at nine in the evening",
    "Mira Olsen built the lighthouse in Varn",
    "図書館は午前九時に開館します",
    "Die Straße nach Übersee ist gesperrt, café inclus",
    "한국어 문서도 찾을 수 있어야 합니다",
)


@pytest.fixture(scope="module")
def db() -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    migrate(connection, CATALOGUE, "catalogue")
    connection.executemany(
        "INSERT INTO words(rowid, text) VALUES(?,?)",
        [(number, lexical_text(text)) for number, text in enumerate(TEXTS, start=1)],
    )
    return connection


@pytest.mark.parametrize(
    ("query", "chunk"),
    [
        ("harbour", 1),
        ("When does the HARBOUR close?", 1),
        ("lighthouses", 2),
        ("図書館", 3),
        ("開館", 3),
        ("strasse ubersee", 4),
        ("cafe", 4),
        ("한국어", 5),
    ],
)
def test_words_find_their_chunk(db: apsw.Connection, query: str, chunk: int) -> None:
    assert search_words(db, query, 3).chunks.tolist()[:1] == [chunk]


def test_nothing_is_found_without_words(db: apsw.Connection) -> None:
    for query in ("", "  ", "?!", "zzzunknown"):
        hits = search_words(db, query, 3)
        assert len(hits.chunks) == len(hits.scores) == 0


@settings(max_examples=300)
@given(st.text(max_size=60))
def test_any_query_is_a_sound_expression(db: apsw.Connection, query: str) -> None:
    search_words(db, query, 3)


@pytest.mark.parametrize(
    "query", ['"', "a OR", "NEAR(x y", "text:harbour", "har*", "-harbour", "^x", "(", "a AND NOT b"]
)
def test_operators_are_words(db: apsw.Connection, query: str) -> None:
    search_words(db, query, 3)


def test_common_words_are_left_out_only_beside_others() -> None:
    assert query_words("who built the lighthouse") == ["built", "lighthouse"]
    assert query_words("what is it") == ["what", "is", "it"]
    assert len(query_words(" ".join(f"w{n}" for n in range(500)))) == 64


def test_hits_come_by_falling_score(db: apsw.Connection) -> None:
    scores = search_words(db, "harbour lighthouse varn evening", 5).scores
    assert scores.tolist() == sorted(scores.tolist(), reverse=True)


def test_chunks_with_more_and_rarer_words_come_first() -> None:
    connection = apsw.Connection(":memory:")
    migrate(connection, CATALOGUE, "catalogue")
    texts = ["note line common", "note common rare", "note line", "line " * 90 + "rare"] * 3
    texts += ["note"] * 200 + ["common rare unique note line"]
    connection.executemany(
        "INSERT INTO words(rowid, text) VALUES(?,?)", list(enumerate(texts, start=1))
    )
    hits = search_words(connection, "unique rare common", 8)
    assert hits.chunks.tolist()[0] == len(texts)
    assert set(hits.chunks.tolist()[1:4]) == {2, 6, 10}
    assert hits.scores[0] > hits.scores[1] > hits.scores[4] > 0
    # Of two chunks with the same word the shorter one says more about it.
    rare = search_words(connection, "rare", 20).chunks.tolist()
    assert rare.index(2) < rare.index(4)
