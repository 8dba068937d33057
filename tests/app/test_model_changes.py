"""Models through the service: fetched beside other work, let in, with adapters, removed."""

from __future__ import annotations

import dataclasses
import hashlib
import random
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from file_server import FileServer
from file_server import serving as files_from
from gguf_files import Value, write_gguf
from helpers import models_folder
from service_desk import last, serving

from app import fetches
from app.local import InProcess
from core import web
from core.llm.catalogue import ModelEntry, load_catalogue
from core.messages import (
    FoldersList,
    Message,
    ModelProgress,
    ModelsRequest,
    Report,
    SettingsSet,
)
from core.web import Address

CONTENT = b"GGUF" + random.Random(1).randbytes(3_000_000)
STARTER = "smollm2-135m-instruct"


def tiny_entry(content: bytes = CONTENT) -> ModelEntry:
    digest = hashlib.sha256(content).hexdigest()
    address = Address("https://origin.example/maker/tiny.gguf", len(content), digest)
    starter = load_catalogue()[0]
    return dataclasses.replace(
        starter, name="tiny", size_bytes=len(content), sha256=digest, source=address
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "tiny.gguf").write_bytes(CONTENT)
    with files_from(folder) as found:
        yield found


@pytest.fixture
def caller(
    tmp_path: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[InProcess]:
    """A service whose store of models has nothing yet, with a mirror on this machine."""
    monkeypatch.setattr(web, "_WAIT_S", 0.0)
    monkeypatch.setattr(fetches, "TOLD_EVERY_S", 0.0)
    monkeypatch.setattr(fetches, "load_catalogue", lambda: (tiny_entry(),))
    with serving(tmp_path / "home", {"SATCHEL_MODELS": str(tmp_path / "models")}) as found:
        mirror = SettingsSet(found.next_id(), "models.mirror", server.url("hub"))
        assert isinstance(last(found, mirror), Report)
        yield found


def ask(
    caller: InProcess, action: Any, name: str | None = None, base: str | None = None
) -> Message:
    reply = last(caller, ModelsRequest(caller.next_id(), action, name, base=base))
    assert isinstance(reply, Message)
    return reply


def refused(reply: Message) -> str:
    assert type(reply).__name__ == "Failed", reply
    return str(getattr(reply, "title", ""))


def row(reply: Message, name: str) -> dict[str, Any]:
    assert isinstance(reply, Report), reply
    found: dict[str, Any] = next(model for model in reply.body if model["name"] == name)
    return found


def test_a_fetch_tells_how_far_it_is_and_ends_with_the_table(
    caller: InProcess, server: FileServer, tmp_path: Path
) -> None:
    replies = list(caller.ask(ModelsRequest(caller.next_id(), "fetch", "tiny")))
    progress = [reply for reply in replies if isinstance(reply, ModelProgress)]
    assert [reply.bytes_done for reply in progress] == sorted(p.bytes_done for p in progress)
    assert progress[0].phase == "fetching"
    assert (progress[-1].phase, progress[-1].bytes_done) == ("checking", len(CONTENT))
    assert any(reply.bytes_per_s > 0 and reply.eta_s is not None for reply in progress)
    assert row(replies[-1], "tiny")["installed"] is True
    assert (tmp_path / "models" / "llm" / "tiny.gguf").read_bytes() == CONTENT
    assert server.paths == ["/hub/maker/tiny.gguf"]
    assert "no model called other" in refused(ask(caller, "fetch", "other"))
    assert "No model is named" in refused(ask(caller, "fetch"))


def test_other_requests_do_not_wait_and_a_cancelled_fetch_goes_on_later(
    caller: InProcess, server: FileServer, tmp_path: Path
) -> None:
    server.cut_after, server.hold = 1_000_000, threading.Event()
    fetch = caller.ask(ModelsRequest(caller.next_id(), "fetch", "tiny"))
    try:
        reply = next(fetch)
        while isinstance(reply, ModelProgress) and reply.bytes_done < 500_000:
            reply = next(fetch)
        assert isinstance(ask(caller, "list"), Report)  # on the work thread
        assert isinstance(last(caller, FoldersList(caller.next_id())), Report)
        assert isinstance(fetch, Generator)
        fetch.close()  # which cancels
    finally:
        server.hold.set()
    server.cut_after = server.hold = None
    server.asked.clear()
    assert row(ask(caller, "fetch", "tiny"), "tiny")["installed"] is True
    [asked] = server.asked
    assert asked is not None
    assert 500_000 <= int(asked[len("bytes=") : -1]) < len(CONTENT), "it went on"
    assert (tmp_path / "models" / "llm" / "tiny.gguf").read_bytes() == CONTENT


def test_what_is_not_the_right_file_is_refused(
    caller: InProcess, server: FileServer, tmp_path: Path
) -> None:
    (server.folder / "tiny.gguf").write_bytes(CONTENT[::-1])
    assert "came for tiny is not the one" in refused(ask(caller, "fetch", "tiny"))
    (server.folder / "tiny.gguf").write_bytes(CONTENT[:-1])
    assert "where 3000004 are due" in refused(ask(caller, "fetch", "tiny"))
    assert list((tmp_path / "models").rglob("*.gguf")) == []


def test_what_does_not_fit_is_fetched_only_when_that_is_meant(
    caller: InProcess, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = dataclasses.replace(tiny_entry(), kv_bytes_a_token=10**9)
    monkeypatch.setattr(fetches, "load_catalogue", lambda: (large,))
    said = refused(ask(caller, "fetch", "tiny"))
    assert "tiny does not fit the memory budget: it takes 1.1 TB" in said
    assert server.asked == []
    meant = ModelsRequest(caller.next_id(), "fetch", "tiny", confirmed=True)
    assert row(last(caller, meant), "tiny")["installed"] is True


def test_only_safe_mirrors_can_be_set(caller: InProcess) -> None:
    setting = SettingsSet(caller.next_id(), "models.mirror", "http://example.org")
    assert "not a safe address" in refused(last(caller, setting))


# --- let in ---------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with the real starter model in it."""
    folder = tmp_path / "models" / "llm"
    folder.mkdir(parents=True)
    (folder / f"{STARTER}.gguf").symlink_to(models_folder() / "llm" / f"{STARTER}.gguf")
    return folder.parent


def test_a_file_is_let_in_when_llama_cpp_can_use_it(store: Path, tmp_path: Path) -> None:
    weights = {"weight": np.zeros((2, 2), np.float32)}
    unknown: dict[str, Value] = {
        "general.architecture": "nonsense",
        "tokenizer.ggml.tokens": ["a"],
    }
    write_gguf(tmp_path / "unknown.gguf", unknown, weights)
    (tmp_path / "weights.bin").write_bytes(b"\x80\x02}q\x00.")
    adapter: dict[str, Value] = {
        "general.type": "adapter", "general.architecture": "llama", "adapter.type": "lora",
        "adapter.lora.alpha": 1.0,
    }  # fmt: skip
    name = "blk.0.attn_q.weight"
    for file, rows in (("style.gguf", 576), ("wide.gguf", 7)):
        write_gguf(
            tmp_path / file,
            adapter,
            {
                f"{name}.lora_a": np.zeros((2, 576), np.float32),
                f"{name}.lora_b": np.zeros((rows, 2), np.float32),
            },
        )
    copy = tmp_path / "Another Name.gguf"
    copy.symlink_to(models_folder() / "llm" / f"{STARTER}.gguf")
    with serving(tmp_path / "home", {"SATCHEL_MODELS": str(store)}) as caller:
        said = refused(ask(caller, "add", str(tmp_path / "unknown.gguf")))
        assert "unknown model architecture: 'nonsense'" in said
        assert "pickle" in refused(ask(caller, "add", str(tmp_path / "weights.bin")))
        assert "--for" in last_advice(ask(caller, "add", str(tmp_path / "style.gguf")))
        wide = str(tmp_path / "wide.gguf")
        assert "incorrect shape" in refused(ask(caller, "add", wide, STARTER))
        style = str(tmp_path / "style.gguf")
        listed = row(ask(caller, "add", style, STARTER), STARTER)
        assert [one["name"] for one in listed["adapters"]] == ["style"]
        assert (listed["fits"], listed["measured"], listed["template"]) == ("yes", False, True)
        assert row(ask(caller, "remove", "style", STARTER), STARTER)["adapters"] == []
        assert "no adapter called style" in refused(ask(caller, "remove", "style", STARTER))


def last_advice(reply: Message) -> str:
    refused(reply)
    return str(getattr(reply, "advice", ""))
