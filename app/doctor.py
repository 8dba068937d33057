"""Checking the store, the models and the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from app.ailments import Ailment, all_ailments, copies_kept
from app.crash_reports import kept_reports
from app.fingerprints import look_at_catalogue, look_at_models
from app.machine import look_for_gpus, probe_machine
from app.quantities import size
from app.reports import readers_report
from core.budget.facts import MB
from core.budget.measure import measure_device
from core.errors import UserError
from core.home import Home
from core.kept_aside import mend_settings, settings_problem

if TYPE_CHECKING:
    from app.service import Service

Finding = dict[str, object]
REPAIR = "Run `satchel doctor --repair`; your files are not touched."


def examine(service: Service, repair: bool) -> dict[str, object]:
    """The findings of a check of the store, the models and the device; `repair` mends what can be:
    damage of what is derived is given up, and of what is the person's own a copy stays.
    """
    problems = service.engine.verify()
    if repair and problems:
        service.engine.rebuild()
    findings: list[Finding] = [
        {"part": "store", "problem": problem, "repaired": done}
        for done, found in ((True, service.engine.repaired), (repair, problems))
        for problem in found
    ]
    findings += (_treat(ailment, repair) for ailment in all_ailments(service))
    notes = list(copies_kept(service.home))
    for text, mended in (*look_at_catalogue(notes), *look_at_models(service, repair)):
        findings.append({"part": "models", "problem": text, "repaired": mended})
    try:
        service.index_readers.check()
    except UserError as error:
        findings.append({"part": "readers", "problem": str(error), "repaired": False})
    device = measure_device(service.home)
    measured = probe_machine(service.home, device)
    if device.disk_free_bytes is not None and device.disk_free_bytes < 200 * MB:
        findings.append(
            {
                "part": "device",
                "problem": f"the disk has only {size(device.disk_free_bytes)} free",
                "repaired": False,
            }
        )
    return {
        "findings": findings,
        "advice": _advice(service, findings, repair),
        "notes": notes,
        "healthy": all(found["repaired"] for found in findings),
        "crash_reports": [str(path) for path in kept_reports(service.home)],
        "checked": ["store", "own data", "caches", "models", "readers", "device"],
        "readers": readers_report(service.index_readers.protections),
        "device": {**msgspec.to_builtins(measured), "gpus": look_for_gpus(service.home)},
    }


def look_before_opening(home: Home, repair: bool) -> list[Finding]:
    """What keeps a home from being opened at all, and with `repair` is mended."""
    problem = settings_problem(home.settings)
    if problem is None:
        return []

    def mend() -> str:
        aside, kept = mend_settings(home.settings)
        return f"{kept} settings could be read, the others begin anew; what was there is {aside}"

    return [_treat(Ailment("settings", problem.rstrip("."), mend), repair)]


def unopened(home: Home, findings: list[Finding]) -> dict[str, object]:
    """What `doctor` says of a home that cannot be opened."""
    return {
        "findings": findings,
        "advice": REPAIR,
        "notes": list(copies_kept(home)),
        "healthy": False,
        "crash_reports": [str(path) for path in kept_reports(home)],
        "checked": ["settings"],
        "readers": None,
        "device": None,
    }


def _treat(ailment: Ailment, repair: bool) -> Finding:
    text, done = ailment.problem, False
    if repair:
        try:
            said = ailment.mend()
            done = True
        except OSError as error:
            said = f"it cannot be mended: {error.strerror or error}"
        except UserError as error:
            said = str(error)
        text = f"{text}; {said}" if said else text
    return {"part": ailment.part, "problem": text, "repaired": done}


def _advice(service: Service, findings: list[Finding], repair: bool) -> str | None:
    curable = ("models", "readers", "device")
    if any(not found["repaired"] and found["part"] not in curable for found in findings):
        return None if repair else REPAIR
    if service.engine.catalogue.notes.losses() or service.engine.catalogue.files.waiting():
        return "Run `satchel index` to read the files again." if findings else None
    return None
