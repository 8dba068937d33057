"""Results by file: nothing is lost, and each file is in one place."""

from __future__ import annotations

from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st
from samples import hit

from ui.result_rows import SHOWN_OF_A_FILE, rows_of_hits


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
