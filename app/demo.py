"""`make run` without a display: the whole job once, on the sample folder, in the terminal."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from app.cli import make_parser
from app.commands import COMMANDS
from app.local import Caller, connect
from app.output import Output
from core.errors import UserError
from core.home import find_home

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "resources" / "sample-folder"
HOME = ROOT / "build" / "demo-home"
QUERY = "boiler pressure"
QUESTION = "When does the boiler warranty end?"


def main() -> int:
    """Index, search, ask, and show sizes and times. Returns the exit code."""
    os.umask(0o077)
    output = Output(json=False)
    parser = make_parser()
    times: list[tuple[str, float]] = []

    def step(caller: Caller, title: str, *arguments: str) -> None:
        print(f"\n$ satchel {' '.join(arguments)}", flush=True)
        options = parser.parse_args(arguments)
        timed(title, lambda: COMMANDS[options.command](caller, options, output))

    def timed(title: str, work: Callable[[], object]) -> None:
        started = time.perf_counter()
        work()
        times.append((title, time.perf_counter() - started))

    caller = None
    try:
        started = time.perf_counter()
        caller = connect(find_home(str(HOME), os.environ), os.environ)
        times.append(("opening the store", time.perf_counter() - started))
        print("Satchel on its sample folder. No display here, so this is the terminal version.")
        step(caller, "adding the folder", "folders", "add", str(SAMPLE))
        step(caller, "indexing", "index")
        step(caller, "searching", "search", QUERY, "-k", "3")
        step(caller, "answering (the model starts first)", "ask", QUESTION)
    except UserError as error:
        output.error(error)
        return 1
    finally:
        if caller is not None:
            caller.close()
    print("\nTime of each step:")
    for title, seconds in times:
        print(f"  {title:<36} {seconds:6.2f} s")
    print("\nYour own files:  .venv/bin/satchel folders add ~/Documents  and then")
    print("                 .venv/bin/satchel index")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
