"""The first run and what closing says, for the gallery."""

from __future__ import annotations

from gallery_stage import Gallery, number
from report_samples import budget, status

from core.messages import (
    BudgetRequest,
    Failed,
    FoldersAdd,
    IndexProgress,
    Report,
    State,
    StatusRequest,
)
from ui.first_steps import Suggestion


def first_run_states(g: Gallery, mode: str) -> None:
    """Every step of the first run, and what can go wrong in it."""
    window = g.window
    run = window.first_run
    window.show_first_run()
    g.shoot("first-run-welcome", mode)
    run.go_on()
    for name in ("Documents", "Desktop"):
        path = f"/home/ana/{name}"
        if path not in run.folders.boxes:
            run.folders._offer(Suggestion(path, name, path), ticked=False)
    g.shoot("first-run-folders", mode)
    run.folders.offer("/home/ana/Documents")
    run.folders.sample.setChecked(True)
    g.client.script[FoldersAdd] = lambda m: Failed(
        number(m), "/home/ana/Documents is not there.", "Choose another folder."
    )
    run.go_on()
    g.shoot("first-run-refused", mode)
    g.client.script[FoldersAdd] = lambda m: Report(number(m), [])
    g.client.script[StatusRequest] = lambda m: Report(number(m), status())
    g.client.script[BudgetRequest] = lambda m: Report(number(m), budget())
    run.go_on()
    g.shoot("first-run-budgets", mode)
    run.go_on()
    g.shoot("first-run-model", mode)
    g.client.news.emit(State(0, "indexing"))
    g.client.news.emit(IndexProgress(0, "indexing", 5, 14, 1, 4, 9, "/a/b.txt", 5.0, 9.0))
    run.go_on()
    g.shoot("first-run-ready", mode)
    window.resize(884, 560)
    g.shoot("first-run-small-window", mode)
    window.resize(1240, 800)


def closing_states(g: Gallery, mode: str) -> None:
    """The first closing where there is no tray."""
    g.window.close()
    g.shoot("closing-without-tray", mode)
