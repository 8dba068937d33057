"""What stays, leaves and comes back: within the room, in order, with nothing computed twice."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from core.llm.kv.policy import Part, arrange, fitting, middle_to_drop

LENGTHS = st.lists(st.integers(1, 20), min_size=1, max_size=8)


@given(LENGTHS, st.integers(1, 60), st.integers(0, 40), st.integers(0, 20))
def test_the_first_and_the_last_tokens_stay(
    lengths: list[int], needed: int, room: int, first_tokens: int
) -> None:
    held, at = [], 0
    for length in lengths:
        held.append((at, at + length))
        at += length + 3
    dropped = middle_to_drop(held, needed, room, first_tokens)
    positions = [p for first, end in held for p in range(first, end)]
    gone = {p for first, end in dropped for p in range(first, end)}
    assert gone <= set(positions[first_tokens:])
    assert len(gone) == min(max(0, needed - room), len(positions[first_tokens:]))
    kept = [p for p in positions if p not in gone]
    assert kept[:first_tokens] == positions[:first_tokens]
    assert kept[first_tokens:] == positions[len(positions) - len(kept[first_tokens:]) :]


@given(LENGTHS, LENGTHS, st.integers(0, 100))
def test_what_fits_is_in_order_and_within_the_room(
    wanted: list[int], extra: list[int], room: int
) -> None:
    asked = [Part(f"w{at}", at * 7 % 10, length) for at, length in enumerate(wanted)]
    there = [Part(f"e{at}", at, length) for at, length in enumerate(extra)]
    taken, kept = fitting(asked, there, room)
    assert sum(part.tokens for part in (*taken, *kept)) <= room
    assert [part.order for part in taken] == sorted(part.order for part in taken)
    assert [part.order for part in kept] == sorted(part.order for part in kept)
    if sum(wanted) + sum(extra) <= room:
        assert len(taken) + len(kept) == len(asked) + len(there)


@given(st.data())
def test_an_arrangement_can_be_carried_out(data: st.DataObject) -> None:
    """Carried out step by step, it ends with the parts in order, none over another."""
    parts = [
        Part(f"p{at}", at, data.draw(st.integers(1, 9)))
        for at in range(data.draw(st.integers(1, 7)))
    ]
    length = {part.name: part.tokens for part in parts} | {"gone": 5}
    resident, saved, at = {}, {}, 0
    for part in parts:
        where = data.draw(st.sampled_from(("here", "saved", "nowhere")))
        if where == "here":
            at += data.draw(st.integers(0, 12))
            resident[part.name] = at
            at += part.tokens
        elif where == "saved":
            saved[part.name] = data.draw(st.integers(0, 40))
    if data.draw(st.booleans()):
        resident["gone"] = at
    shifts = data.draw(st.booleans())
    limit = data.draw(st.integers(10, 80))
    memory, outside, computed = dict(resident), dict(saved), []
    for step in arrange(parts, resident, saved, shifts=shifts, end_limit=limit):
        name = step.name
        if step.do == "leave":
            outside.setdefault(name, memory.pop(name))
            continue
        if step.do == "compute":
            assert name not in memory
            assert step.first == max((f + length[n] for n, f in memory.items()), default=0)
            computed.append(name)
        elif step.do == "recall":
            assert name not in memory
            assert step.first == outside[name] or shifts
        else:
            assert shifts
            assert step.first < memory[name]
        memory[name] = step.first
        taken = sorted((first, first + length[n]) for n, first in memory.items())
        assert all(one[1] <= other[0] for one, other in itertools.pairwise(taken))
    assert sorted(memory, key=memory.__getitem__) == [part.name for part in parts]
    if shifts:
        assert set(computed) == {p.name for p in parts} - resident.keys() - saved.keys()
        total = sum(part.tokens for part in parts)
        assert max(first + length[n] for n, first in memory.items()) <= max(limit, total)
