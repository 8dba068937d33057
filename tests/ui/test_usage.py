"""From usage and plan to what is drawn and said."""

from __future__ import annotations

from typing import Any

from ui.budget_parts import disk_parts, memory_parts, promises
from ui.parts import Look
from ui.text import difference_text
from ui.usage import Part, Strip


def test_a_bar_is_true_to_scale_and_free_space_is_ground(qtbot: Any, look: Look) -> None:
    strip = Strip(look, lambda part: part.now_bytes)
    qtbot.addWidget(strip)
    strip.resize(1000, 14)
    parts = [Part("a", 0, 300, None), Part("tiny", 1, 0, None), Part("b", 2, 200, None)]
    strip.draw(parts, room_bytes=800, scale_bytes=1000, mark_bytes=650)
    strip.show()
    colours = look.theme.colours
    seen = strip.grab().toImage()
    row = [seen.pixelColor(x, 7).name() for x in range(1000)]
    assert row[20] == row[290] == colours.parts[0]
    assert row[310] == row[490] == colours.parts[2]
    assert row[510] == row[640] == row[660] == row[790] == colours.ground
    assert row[651] == colours.text
    assert row[900] not in (colours.ground, colours.parts[2])


def test_one_colour_for_one_part_whatever_is_there() -> None:
    full = {part.name: part.colour for part in disk_parts({"codes": 5, "lexical": 9}, {})}
    planned = disk_parts({}, {"disk": {"lexical": 1, "codes": 1, "free": 9, "new_part": 3}})
    assert all(full.get(part.name, part.colour) == part.colour for part in planned)
    assert planned[-1].name == "new part"
    assert "free" not in {part.name for part in planned}
    assert len({part.colour for part in planned}) == len(planned)


def test_a_process_is_measured_whole_and_planned_in_parts() -> None:
    [service, _, model] = memory_parts(
        {"service": 400}, {"memory": {"service": 420, "embedding_cache": 60, "kv": 7}}
    )
    assert (service.now_bytes, service.planned_bytes) == (400, 480)
    assert (model.now_bytes, model.planned_bytes) == (None, 7)
    assert difference_text(service.now_bytes, service.planned_bytes) == "+80 B"
    assert difference_text(model.now_bytes, model.planned_bytes) == ""


def test_a_plan_promises_what_it_says_and_no_more() -> None:
    assert promises({}) == []
    assert promises({"can_answer": False, "query_s": 0.04, "text_bytes_that_fit": 2_000_000}) == [
        "A search takes about 40 ms.",
        "There is search, but no answers.",
        "There is room for about 2.0 MB of text.",
    ]
    assert promises({"first_token_s": 12.0, "tokens_per_s": 3.21}) == [
        "An answer begins after about 12 s and comes at 3.2 tokens a second."
    ]
