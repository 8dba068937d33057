"""`satchel models slim` and `measure` through a real service and real model workers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGUFReader
from helpers import satchel
from service_desk import serving
from tiny_models import write_split, write_tiny

from app import fetches, slimming
from app.local import InProcess
from app.model_process import Shape, Wanted
from app.model_shape import shape_for
from app.planning import model_needs
from core.download import Progress
from core.llm.experts import quality
from core.llm.experts.layout import read_layout
from core.llm.experts.slim import Source, write_slim
from core.llm.experts.traces import Traces
from core.llm.native import StopFlag
from core.llm.runtime import Runtime
from core.messages import Message, ModelProgress, ModelsRequest, Report

TEXT = "the boat of the harbour and a winter"
EXPERTS = 12  # of a layer of the tiny qwen3moe
USED = tuple(range(1, 10))  # in every layer


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "models" / "llm"
    folder.mkdir(parents=True)
    write_tiny(folder / "big.gguf", "qwen3moe")
    return folder


@pytest.fixture
def caller(tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcess]:
    monkeypatch.setattr(fetches, "TOLD_EVERY_S", 0.0)
    with serving(tmp_path / "home", {"SATCHEL_MODELS": str(store.parent)}) as found:
        yield found


def trace(home: Path, model: Path, tokens: int = 1000) -> Path:
    """What a home would know after `tokens` tokens that used the same experts in every layer."""
    traces = Traces(read_layout(model))
    traces.share[:] = 0.001
    traces.share[:, USED] = 0.3
    traces.tokens = tokens
    path = home / "data" / "experts" / f"{model.stem}.trace"
    path.parent.mkdir(parents=True, exist_ok=True)
    traces.save(path)
    return path


def ask(caller: InProcess, action: Any, name: str, **more: Any) -> list[Message]:
    return list(caller.ask(ModelsRequest(caller.next_id(), action, name, **more)))


def refusal(replies: list[Message]) -> str:
    assert type(replies[-1]).__name__ == "Failed", replies[-1]
    return f"{getattr(replies[-1], 'title', '')} {getattr(replies[-1], 'advice', '')}"


def row(replies: list[Message], name: str) -> dict[str, Any]:
    assert isinstance(replies[-1], Report), replies[-1]
    found: dict[str, Any] = next(one for one in replies[-1].body if one["name"] == name)
    return found


def test_a_model_is_slimmed_measured_listed_and_removed(
    caller: InProcess, store: Path, tmp_path: Path
) -> None:
    trace(tmp_path / "home", store / "big.gguf")
    before = (store / "big.gguf").read_bytes()
    replies = ask(caller, "slim", "big", keep="75%")
    found = row(replies, "big-9of12")["slimmed"]
    assert (found["source"], found["experts"], found["experts_before"]) == ("big", 9, EXPERTS)
    measured = found["quality"]
    assert measured["texts"] == "a check text" and measured["tokens"] > 1000
    assert 0 < measured["agreement"] < 1
    assert measured["perplexity"] > 1 and measured["perplexity_before"] > 1
    phases = [reply.phase for reply in replies if isinstance(reply, ModelProgress)]
    assert phases[0] == "slimming" and phases[-1] == "measuring"
    assert (store / "big.gguf").read_bytes() == before
    whole, small = (
        {tensor.name: tensor.data for tensor in GGUFReader(store / name).tensors}
        for name in ("big.gguf", "big-9of12.gguf")
    )
    for name in ("blk.0.ffn_down_exps.weight", "blk.2.ffn_gate_inp.weight"):
        np.testing.assert_array_equal(small[name], whole[name][list(USED)])
    assert sorted(path.name for path in store.iterdir() if path.name.startswith(".")) == []

    assert "big-9of12 already" in refusal(ask(caller, "slim", "big", keep="9"))
    listed = ask(caller, "list", "")
    assert row(listed, "big-9of12")["slimmed"]["quality"] == measured
    assert row(listed, "big")["slimmed"] is None
    ask(caller, "remove", "big-9of12")
    assert sorted(path.name for path in store.iterdir()) == ["big.facts.json", "big.gguf"]


def test_what_cannot_be_done_is_told_with_what_to_do(
    caller: InProcess, store: Path, tmp_path: Path
) -> None:
    assert "ask the model some" in refusal(ask(caller, "slim", "big", keep="75%"))
    path = trace(tmp_path / "home", store / "big.gguf", tokens=12)
    assert "12 tokens seen" in refusal(ask(caller, "slim", "big", keep="75%"))
    path.write_bytes(b"damaged")
    assert "not known yet" in refusal(ask(caller, "slim", "big", keep="75%"))
    trace(tmp_path / "home", store / "big.gguf")
    assert "from 1 to 11" in refusal(ask(caller, "slim", "big", keep="most of them"))
    assert "There is no model called other" in refusal(ask(caller, "slim", "other", keep="75%"))
    assert "3 experts a token; 3 cannot" in refusal(ask(caller, "measure", "big", active=3))
    assert list(store.glob("*of*")) == []


def test_giving_up_while_writing_leaves_nothing(
    caller: InProcess, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(source: Source, kept: Any, name: str, target: Path, progress: Progress) -> None:
        def held(done: int, total: int) -> None:
            while done:  # until it is given up
                progress(done, total)

        write_slim(source, kept, name, target, held)

    monkeypatch.setattr(slimming, "write_slim", slowly)
    trace(tmp_path / "home", store / "big.gguf")
    request = caller.ask(ModelsRequest(caller.next_id(), "slim", "big", keep="75%"))
    assert isinstance(next(request), ModelProgress)
    assert list(store.glob(".slim-*/*.gguf"))
    request.close()  # type: ignore[attr-defined] # which cancels
    refusal(ask(caller, "measure", "other"))  # after it, on the same thread
    assert [path.name for path in store.iterdir() if path.suffix == ".gguf"] == ["big.gguf"]
    assert list(store.glob(".slim-*")) == []


def test_fewer_experts_a_token_are_measured_and_kept(caller: InProcess, store: Path) -> None:
    found = row(ask(caller, "measure", "big"), "big")["fewer"]
    assert [one["active"] for one in found] == [2]  # three quarters and half of 3 are both 2
    found = row(ask(caller, "measure", "big", active=1), "big")["fewer"]
    assert [one["active"] for one in found] == [2, 1]
    kept = quality.load(store / "big.gguf").fewer
    assert [one.active for one in kept] == [2, 1]
    assert kept[0].quality.agreement > kept[1].quality.agreement


def test_texts_of_the_person_are_used_and_not_kept(own_sample: Any, store: Path) -> None:
    with serving(own_sample.home, {"SATCHEL_MODELS": str(store.parent)}) as found:
        texts = slimming.own_texts(found._service)
        assert texts.source == "your files" and len(texts.texts) > 3
        measured = row(ask(found, "measure", "big", active=2), "big")["fewer"][0]["quality"]
    assert measured["texts"] == "your files"
    kept = (store / "big.quality.json").read_text()
    words = [word for text in texts.texts for word in text.split() if len(word) > 6]
    assert words and not [word for word in words if word in kept]


def test_split_files_become_one_and_the_lines_say_what_it_cost(store: Path, tmp_path: Path) -> None:
    first, *_ = write_split(store, "qwen3moe")
    trace(tmp_path / "home", first)
    environment = {"SATCHEL_MODELS": str(store.parent)}
    run = satchel(tmp_path / "home", "models", "slim", first.stem, "--keep", "0.75",
                  environment=environment)  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert f"9 of the 12 experts of {first.stem}" in run.stdout
    assert "instead of" in run.stdout
    assert (store / "split-9of12.gguf").is_file()
    bad = satchel(tmp_path / "home", "models", "slim", first.stem, "--keep", "lots",
                  environment=environment)  # fmt: skip
    assert bad.returncode == 1 and "Traceback" not in bad.stderr
    assert len(bad.stderr.strip().splitlines()) == 1 and "75%" in bad.stderr
    listed = satchel(tmp_path / "home", "models", "list", "--json", environment=environment)
    names = [one["name"] for one in json.loads(listed.stdout) if one.get("slimmed")]
    assert names == ["split-9of12"]


def test_questions_are_answered_with_as_many_experts_as_chosen(
    caller: InProcess, store: Path
) -> None:
    service = caller._service
    service.settings.set({"assistant.active_experts": 2})
    shape = shape_for(service, "big")
    assert shape.active_experts == 2
    said = service.model.foretell(Wanted(store / "big.gguf", (), shape), TEXT, lambda: False)
    runtime = Runtime(store / "big.gguf", context_tokens=512, active_experts=2)
    assert said.best == runtime.foretell(TEXT, StopFlag()).best
    runtime.close()
    service.settings.set({"assistant.active_experts": 0})
    assert shape_for(service, "big").active_experts is None


def test_a_measured_cost_reaches_the_plan(caller: InProcess) -> None:
    row(ask(caller, "measure", "big", active=1), "big")
    known = model_needs(caller._service.home, "big")
    assert known is not None and [one.active for one in known.fewer] == [1, 2]
    assert known.fewer[0].cost is not None and known.fewer[1].cost is None
    assert known.fewer[0].least_weight_bytes < known.fewer[1].least_weight_bytes
    assert known.fewer[1].least_weight_bytes < known.least_weight_bytes < known.weight_bytes


def test_what_a_worker_counted_is_what_stays(caller: InProcess, store: Path) -> None:
    """Nothing made up: a model larger than its memory answers, and its own counts decide."""
    service, model = caller._service, store / "big.gguf"
    layout = read_layout(model)
    held = layout.dense_bytes + layout.expert_bytes // 2
    service.model.use(model, (), Shape(512, held_bytes=held))
    path, deadline = service.home.expert_traces / "big.trace", time.monotonic() + 60
    while (traces := Traces.load(path, layout)).tokens < slimming.LEAST_TRACED_TOKENS:
        assert time.monotonic() < deadline, f"{traces.tokens} tokens were counted"
        service.model.answer("Where is the boat?", [TEXT], (), lambda _text: None, lambda: False)
    service.model.close()  # counts no more
    traces = Traces.load(path, layout)
    row(ask(caller, "slim", "big", keep="6"), "big-6of12")
    whole, small = (
        {tensor.name: tensor.data for tensor in GGUFReader(store / name).tensors}
        for name in ("big.gguf", "big-6of12.gguf")
    )
    for layer in range(3):
        name = f"blk.{layer}.ffn_gate_inp.weight"
        best = sorted(np.argsort(-traces.share[layer], kind="stable")[:6])
        np.testing.assert_array_equal(small[name], whole[name][best])
