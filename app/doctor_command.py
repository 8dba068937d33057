"""The command that checks a home, also one that cannot be opened."""

from __future__ import annotations

import argparse
from typing import cast

from app.local import Caller
from app.output import Output
from app.requested import report, table
from core.holder import take_over
from core.home import Home
from core.messages import Doctor


def ready_for_doctor(home: Home, options: argparse.Namespace, output: Output) -> bool:
    """See to what keeps a home from being opened; False where that is told, and not mended."""
    from app.doctor import look_before_opening, unopened  # takes long to load

    if options.take_over:
        take_over(home)
    options.before = look_before_opening(home, options.repair)
    ready = all(found["repaired"] for found in options.before)
    if not ready:
        output.doctor(unopened(home, options.before))
    return ready


def doctor(caller: Caller, options: argparse.Namespace, output: Output) -> int:
    """`satchel doctor [--repair]`; exit code 1 when something is wrong still."""
    body = table(report(caller, Doctor(caller.next_id(), options.repair)))
    output.doctor({**body, "findings": [*options.before, *cast("list[object]", body["findings"])]})
    return 0 if body.get("healthy") else 1
