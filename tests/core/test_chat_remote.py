"""The remote engine against a real server on this machine, and what is said as values."""

import json
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from remote_server import RemoteServer, remote_serving

from core.chat.assistant import ModelAnswer
from core.chat.remote import (
    EventStream,
    RemoteRequest,
    is_near,
    load_remote_template,
    make_request,
    parse_endpoint,
)
from core.chat.remote_engine import Patience, RemoteEngine, list_models
from core.chat.remote_wire import RemoteFailed
from core.errors import UserError

QUESTION = "When does the ferry leave?"
PASSAGES = ("The ferry to the island leaves at noon.", "Bread rests over night.")
SHORT = Patience(connect_s=0.5, first_word_s=0.4, silence_s=0.4)


@pytest.fixture
def server() -> Iterator[RemoteServer]:
    with remote_serving() as running:
        yield running


def request_to(address: str, answer_tokens: int = 50) -> RemoteRequest:
    return make_request(
        parse_endpoint(address),
        "big",
        QUESTION,
        PASSAGES,
        template=load_remote_template(),
        prompt_tokens=2000,
        answer_tokens=answer_tokens,
    )


def ask(
    address: str, patience: Patience = SHORT, key: str | None = None, answer_tokens: int = 50
) -> tuple[ModelAnswer, list[str]]:
    shown: list[str] = []
    request = request_to(address, answer_tokens)
    engine = RemoteEngine(request, key, patience, answer_tokens)
    return engine.answer(QUESTION, PASSAGES, (), shown.append, lambda: False), shown


def test_an_answer_streams_and_exactly_the_request_was_sent(server: RemoteServer) -> None:
    answer, shown = ask(server.address, key="sesame")
    assert answer.text == "".join(shown) == "The ferry leaves at noon [1]."
    assert len(shown) == 3
    assert (answer.stopped, answer.prompt_tokens, answer.answer_tokens) == ("end", 91, 7)
    assert server.bodies == [request_to(server.address).body]
    assert server.paths == ["/v1/chat/completions"]
    assert server.heads[0]["Authorization"] == "Bearer sesame"
    (asked,) = server.asked
    user = asked["messages"][-1]["content"]
    assert user == f"[1] {PASSAGES[0]}\n\n[2] {PASSAGES[1]}\n\nQuestion: {QUESTION}"
    assert (asked["model"], asked["stream"], asked["max_tokens"]) == ("big", True, 50)


def test_without_a_key_none_is_sent(server: RemoteServer) -> None:
    ask(server.address)
    assert "Authorization" not in server.heads[0]


@pytest.mark.parametrize("mode", ["whole", "thinks", "no_done", "long_length", "garbage"])
def test_what_other_servers_do_is_understood(server: RemoteServer, mode: str) -> None:
    server.mode = mode
    answer, _ = ask(server.address)
    assert (answer.text, answer.stopped) == ("The ferry leaves at noon [1].", "end")


def test_broken_characters_become_marks(server: RemoteServer) -> None:
    server.mode = "broken_utf8"
    answer, _ = ask(server.address)
    assert answer.text == "caf\ufffd? The ferry leaves at noon [1]."
    answer.text.encode()


def test_an_answer_without_end_is_cut(server: RemoteServer) -> None:
    server.mode = "endless"
    answer, _ = ask(server.address, answer_tokens=20)
    assert (answer.stopped, len(answer.text)) == ("length", 240)


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("cut", "hung up in the middle"),
        ("short_length", "hung up in the middle"),
        ("hangs", "said nothing for 0.4 s"),
        ("hangs_after_head", "said nothing for 0.4 s"),
        ("pings", "said nothing for 0.4 s"),
        ("falls_silent", "fell silent for 0.4 s"),
        ("endless_line", "a form that is not understood"),
        ("empty", "without a word"),
        ("error_event", "gave up: out of memory"),
        ("redirect", "sends the question on to another address; that was refused"),
        ("401", "did not accept the key (no luck)"),
        ("404", "does not know the model or the address (model 'big' not found)"),
        ("500", "answered with the error 500 (no luck)"),
    ],
)
def test_faults_end_soon_and_in_words(server: RemoteServer, mode: str, words: str) -> None:
    server.mode = mode
    with pytest.raises(RemoteFailed) as failure:
        ask(server.address)
    assert words in failure.value.title
    assert failure.value.title.startswith(f"127.0.0.1:{server.server_address[1]} ")
    assert failure.value.advice
    assert server.paths == ["/v1/chat/completions"]  # once, and never anywhere else


def test_a_cancel_acts_while_the_server_hangs(server: RemoteServer) -> None:
    server.mode = "hangs"
    started = time.monotonic()
    engine = RemoteEngine(request_to(server.address), None, Patience(), 50)
    answer = engine.answer(
        QUESTION, PASSAGES, (), lambda _: None, lambda: time.monotonic() > started + 0.2
    )
    assert answer.stopped == "cancelled"


def test_nobody_listens_and_no_such_name(server: RemoteServer) -> None:
    closed = server.address
    server.shutdown()
    server.server_close()
    with pytest.raises(RemoteFailed, match="nothing listens there"):
        ask(closed)
    with pytest.raises(RemoteFailed, match="cannot be reached"):
        ask("http://no-such-host.invalid")


def test_plain_words_where_tls_is_due(server: RemoteServer) -> None:
    with pytest.raises(RemoteFailed, match="does not speak TLS"):
        ask(server.address.replace("http:", "https:"), Patience())
    assert not server.bodies


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_a_certificate_of_nobody_is_refused(tmp_path: Path) -> None:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost",
         "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.handle_request, daemon=True)
    thread.start()
    with pytest.raises(RemoteFailed, match=r"certificate of localhost:\d+ is not valid"):
        ask(f"https://localhost:{server.server_address[1]}", Patience())
    thread.join(5)
    server.server_close()


def test_the_models_of_a_server(server: RemoteServer) -> None:
    assert list_models(parse_endpoint(server.address), "k", SHORT) == ("big", "small")
    assert server.paths == ["/v1/models"]
    server.mode = "401"
    with pytest.raises(RemoteFailed, match="did not accept the key"):
        list_models(parse_endpoint(server.address), "k", SHORT)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1/chat/completions"),
        ("http://127.0.0.1:8080/v1/", "http://127.0.0.1:8080/v1/chat/completions"),
        (" https://ai.example.org/api ", "https://ai.example.org/api/chat/completions"),
        ("https://a.b/v1/chat/completions", "https://a.b/v1/chat/completions"),
        ("http://[::1]:11434", "http://[::1]:11434/v1/chat/completions"),
    ],
)
def test_addresses(address: str, url: str) -> None:
    assert parse_endpoint(address).url == url


@pytest.mark.parametrize(
    "address",
    ["", "ai.example.org", "ftp://a.b", "http://", "http://a.b:99999", "http://u:p@a.b",
     "http://a.b/?x=1", "http://a b", "http://a.b/\r\nHost: c", "http://[::1"],
)  # fmt: skip
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(UserError, match="is not the address"):
        parse_endpoint(address)


def test_which_addresses_are_near() -> None:
    near = ("127.0.0.1", "10.1.2.3", "192.168.0.9", "172.16.0.1", "::1", "fe80::1%eth0",
            "fd00::1", "::ffff:10.0.0.1")  # fmt: skip
    assert all(map(is_near, near))
    assert not any(map(is_near, ("8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "name")))


def test_a_seal_is_for_these_bytes_and_this_place() -> None:
    one, two = request_to("http://127.0.0.1:1"), request_to("http://127.0.0.1:2")
    assert one.seal == request_to("http://127.0.0.1:1").seal
    assert one.seal != two.seal
    assert one.body == two.body


@examples(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=6))
def test_any_bytes_cut_anywhere_give_the_same_pieces(data: bytes, cuts: list[int]) -> None:
    whole = EventStream()
    expected = whole.feed(data) + whole.finish()
    parts, stream = [], EventStream()
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(data)], strict=True):
        parts += stream.feed(data[start:end])
    assert parts + stream.finish() == expected


@given(st.lists(st.text(min_size=1, max_size=8), max_size=6), st.integers(1, 9))
def test_any_text_comes_through(texts: list[str], step: int) -> None:
    sent = b"".join(
        b"data: " + json.dumps({"choices": [{"delta": {"content": text}}]}).encode() + b"\r\n\r\n"
        for text in texts
    )
    stream = EventStream()
    pieces = [p for at in range(0, len(sent), step) for p in stream.feed(sent[at : at + step])]
    assert [piece.text for piece in pieces] == texts
    assert stream.garbage == 0
