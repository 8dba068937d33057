"""Checking the store, the models and the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from app.crash_reports import kept_reports
from app.fingerprints import look_at_catalogue, look_at_models
from app.machine import look_for_gpus, probe_machine
from app.reports import readers_report
from core.budget.facts import MB
from core.budget.measure import measure_device
from core.errors import UserError

if TYPE_CHECKING:
    from app.service import Service


def examine(service: Service, repair: bool) -> dict[str, object]:
    """The findings of a check of the store, the models and the device; `repair` gives up damage."""
    problems = service.engine.verify()
    if repair and problems:
        service.engine.rebuild()
    findings: list[dict[str, object]] = [
        {"part": "store", "problem": problem, "repaired": done}
        for done, found in ((True, service.engine.repaired), (repair, problems))
        for problem in found
    ]
    notes: list[str] = []
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
                "problem": f"the disk has only {device.disk_free_bytes / MB:.0f} MB free",
                "repaired": False,
            }
        )
    advice = None
    if repair and problems:
        advice = "Run `satchel index` to read the files again."
    elif problems:
        advice = "Run `satchel doctor --repair`; your files are not touched."
    return {
        "findings": findings,
        "advice": advice,
        "notes": notes,
        "healthy": all(found["repaired"] for found in findings),
        "crash_reports": [str(path) for path in kept_reports(service.home)],
        "checked": ["store", "models", "readers", "device"],
        "readers": readers_report(service.index_readers.protections),
        "device": {**msgspec.to_builtins(measured), "gpus": look_for_gpus(service.home)},
    }
