"""What is kept of routing from one session to the next."""

from pathlib import Path

import numpy as np
import pytest
from routing_made import MANNERS, Routing, made_layout, made_routing

from core.llm.experts.layout import PAGE_BYTES, Layout
from core.llm.experts.policy import Policy
from core.llm.experts.traces import Traces

LAYERS, EXPERTS, ACTIVE = 6, 16, 2
LAYOUT = made_layout(LAYERS, EXPERTS, ACTIVE)


def routing(tokens: int, seed: int) -> Routing:
    return made_routing(
        MANNERS["skewed"], tokens=tokens, layers=LAYERS, experts=EXPERTS, active=ACTIVE, seed=seed
    )


def play(policy: Policy, tokens: Routing, batch: int = 1) -> None:
    for token in range(0, len(tokens), batch):
        for layer in range(LAYERS):
            chosen = tokens[token : token + batch, layer].ravel().tolist()
            policy.needed(layer, chosen)
            policy.ahead(layer, chosen)


def learnt(tokens: int = 300, batch: int = 1) -> Traces:
    traces = Traces(LAYOUT)
    play(Policy(LAYOUT, 40 * PAGE_BYTES, traces), routing(tokens, seed=1), batch)
    return traces


def test_they_come_back_as_they_were(tmp_path: Path) -> None:
    file = tmp_path / "model.trace"
    traces = learnt()
    traces.save(file)
    back = Traces.load(file, LAYOUT)
    assert back.tokens == traces.tokens == 300
    for kept, was in (
        (back.share, traces.share),
        (back.after, traces.after),
        (back.onward, traces.onward),
    ):
        assert np.abs(np.sqrt(kept) - np.sqrt(was)).max() < 1 / 500
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize("batch", [1, 50])
def test_they_tell_what_follows_what(batch: int) -> None:
    """What they give for experts that follow is near what can be counted."""
    traces, tokens = learnt(900, batch), routing(900, seed=1)
    marks = np.zeros((len(tokens), LAYERS, EXPERTS))
    np.put_along_axis(marks, tokens, 1, axis=2)
    for layer in range(LAYERS - 1):
        times = marks[:-1, layer].sum(0)
        often = times > 150
        after = marks[:-1, layer].T @ marks[1:, layer] / np.maximum(times, 1)[:, None]
        onward = marks[:, layer].T @ marks[:, layer + 1]
        onward /= np.maximum(marks[:, layer].sum(0), 1)[:, None]
        for counted, table in ((after, traces.after), (onward, traces.onward)):
            apart = np.abs(counted - table[layer])[often]
            assert apart.mean() < 0.04
            # Even chances, as at first, are further from the truth.
            assert apart.mean() < 0.6 * np.abs(counted - ACTIVE / EXPERTS)[often].mean()


def test_a_session_begins_with_what_was_used_before() -> None:
    traces = learnt()
    room = 30 * PAGE_BYTES
    policy = Policy(LAYOUT, room, traces)
    chosen = policy.start().fetch
    assert len(chosen) == 30
    later = routing(60, seed=2)
    counts = np.zeros(len(LAYOUT.units))
    for layer in range(LAYERS):
        counts[layer * EXPERTS :][:EXPERTS] = np.bincount(
            later[:, layer].ravel(), minlength=EXPERTS
        )
    assert counts[list(chosen)].sum() > 1.5 * counts.sum() * 30 / len(LAYOUT.units)
    warm, cold = Policy(LAYOUT, room, traces), Policy(LAYOUT, room)
    warm.start()
    assert cold.start().fetch == ()
    play(warm, later)
    play(cold, later)
    assert warm.misses < 0.9 * cold.misses


@pytest.mark.parametrize("damage", ["gone", "empty", "cut", "flipped", "longer", "text"])
def test_damaged_ones_are_begun_afresh(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "model.trace"
    learnt(40).save(file)
    data = file.read_bytes()
    changed = {
        "empty": b"",
        "cut": data[:-7],
        "flipped": data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
        "longer": data + b"more",
        "text": b"not a trace at all" * 20,
    }
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(changed[damage])
    assert_empty(Traces.load(file, LAYOUT))


@pytest.mark.parametrize("layers", [LAYERS - 1, LAYERS + 1])
def test_those_of_another_model_are_begun_afresh(tmp_path: Path, layers: int) -> None:
    file = tmp_path / "model.trace"
    learnt(40).save(file)
    assert_empty(Traces.load(file, made_layout(layers, EXPERTS, ACTIVE)))


def assert_empty(traces: Traces) -> None:
    assert traces.tokens == 0
    assert np.unique(traces.after).tolist() == [ACTIVE / EXPERTS]


def test_they_are_small(tmp_path: Path) -> None:
    layout: Layout = made_layout(48, 128, 8)
    traces = Traces(layout)
    random = np.random.default_rng(1)
    traces.after[:] = random.dirichlet(np.full(128, 0.3), (48, 128)) * 8
    traces.onward[:] = traces.after[:, ::-1]
    file = tmp_path / "large.trace"
    traces.save(file)
    assert file.stat().st_size < 1_500_000
