import json
import os
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import messages
from core.messages import (
    PROTOCOL_VERSION,
    Ask,
    Citation,
    Done,
    Failed,
    Hit,
    Locator,
    Message,
    ProtocolError,
    Report,
    Search,
    SearchResults,
    Token,
    decode,
    encode,
    ends,
)

KINDS = sorted(Message.__subclasses__(), key=lambda kind: kind.__name__)
BYTES = st.binary(max_size=30).map(os.fsdecode)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=30) | BYTES


@given(TEXT, TEXT, st.integers(0, 2**53))
def test_texts_and_paths_of_any_bytes_come_back(text: str, path: str, number: int) -> None:
    locator = Locator(page=3, heading=text)
    hit = Hit(1, 0.5, path, locator, 3, 9, text, ((0, 1),))
    for message in (
        Search(number, text, folder=path),
        SearchResults(number, (hit,), final=True, timings_ms={"total": 1.5}, note=text),
        messages.AnswerSources(number, (Citation(1, path, locator, text),), 4),
        Report(number, {"path": path, "deep": [text, 1, None, 2.5, True]}),
        Ask(number, text),
    ):
        line = encode(message)
        assert line.isascii()
        assert "\n" not in line
        assert decode(line) == message
        assert decode(line.encode()) == message


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_message_names_itself_and_is_frozen(kind: type[Message]) -> None:
    required = {
        field.name: msgspec.UNSET for field in msgspec.structs.fields(kind) if field.required
    }
    with pytest.raises(ProtocolError):
        decode(json.dumps({"type": kind.__name__ + "x", **dict.fromkeys(required)}))
    if required and required != {"id", "body"}:
        with pytest.raises(ProtocolError):
            decode(json.dumps({"type": kind.__name__}))
    assert kind.__struct_config__.frozen
    assert kind.__doc__


@pytest.mark.parametrize(
    "line",
    [
        "", "{", "[]", "3", "null", '"Done"', "{}", '{"type":"Nothing","id":1}', '{"type":["x"]}',
        '{"type":"Done"}', '{"type":"Done","id":"1"}',
        '{"type":"Search","id":1,"query":"","k":"3"}',
        '{"type":"Search","id":1,"query":"x","mode":"magic"}', b"\xff\xfe",
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused(line: str | bytes) -> None:
    with pytest.raises(ProtocolError, match=f"protocol {PROTOCOL_VERSION}"):
        decode(line)


@given(st.binary(max_size=80) | st.text(max_size=80))
def test_any_line_is_a_message_or_a_protocol_error(line: str | bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(line)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.sampled_from(KINDS), st.data())
def test_fields_of_the_wrong_kind_are_refused_or_fit(kind: type[Message], data: Any) -> None:
    fields = {field.name: data.draw(JSON) for field in msgspec.structs.fields(kind)}
    try:
        message = decode(json.dumps({"type": kind.__name__, **fields}))
    except ProtocolError:
        return
    assert decode(encode(message)) == message


def test_which_replies_end_a_request() -> None:
    assert ends(Done(1))
    assert ends(Failed(1, "a", "b"))
    assert ends(SearchResults(1, (), final=True))
    assert not ends(SearchResults(1, (), final=False))
    assert not ends(Token(1, "x"))
