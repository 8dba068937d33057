"""Results by file: nothing is lost, and each file is in one place."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from samples import hit, many

from ui.result_rows import AT_ONCE, SHOWN_OF_A_FILE, rows_of_hits
from ui.results import ResultsModel


@given(st.lists(st.sampled_from("abcd"), max_size=40), st.sets(st.sampled_from("abcd")))
def test_files_stand_together_where_their_best_is(names: list[str], whole: set[str]) -> None:
    hits = [hit(n + 1, f"/{name}", start=n) for n, name in enumerate(names)]
    rows = rows_of_hits(hits, {f"/{name}" for name in whole})
    runs = [(path, list(run)) for path, run in groupby(rows, key=lambda row: row.hit.path)]
    assert [path for path, _ in runs] == list(dict.fromkeys(h.path for h in hits))
    for path, run in runs:
        found = [h for h in hits if h.path == path]
        assert [row.hit for row in run] == found[: len(run)]
        assert [row.first for row in run] == [True] + [False] * (len(run) - 1)
        assert sum(row.hidden for row in run) == run[-1].hidden == len(found) - len(run)
        if path[1:] not in whole:
            assert len(run) == min(len(found), SHOWN_OF_A_FILE)
        else:
            assert len(run) == len(found)


def test_the_rest_of_a_long_list_joins_without_waiting(qtbot: Any) -> None:
    model, hits = ResultsModel(), many(2 * AT_ONCE + 5)
    model.show(hits)
    assert [row.hit for row in model.rows] == list(hits[:AT_ONCE])
    qtbot.waitUntil(lambda: model.rowCount() == len(hits))
    assert [row.hit for row in model.rows] == list(hits)
    model.show(hits)
    model.show(hits[:3])  # the next search came before the rest was ready
    qtbot.wait(20)
    assert [row.hit for row in model.rows] == list(hits[:3])


def test_a_file_far_down_is_shown_whole(qtbot: Any) -> None:
    last = tuple(hit(n, "/far.txt", start=n) for n in range(1, 8))
    model, hits = ResultsModel(), many(AT_ONCE) + last
    model.show(hits)
    qtbot.waitUntil(lambda: model.rowCount() > AT_ONCE)
    assert model.rowCount() == AT_ONCE + SHOWN_OF_A_FILE
    assert model.has_more(AT_ONCE)
    model.show_whole(AT_ONCE)
    assert [row.hit for row in model.rows[AT_ONCE:]] == list(last)
    assert not model.has_more(AT_ONCE)
