"""What is known of this machine: looked at now, and measured once and kept."""

from __future__ import annotations

import contextlib
import dataclasses

import msgspec

from app.extractors import processors
from core.budget.measure import Device, measure_device
from core.budget.probe import Probe, keep_probe, load_probe, machine_name, run_probe
from core.home import Home
from core.llm.speeds import Speeds
from core.llm.store import installed

Table = dict[str, object]


def device_report(home: Home) -> Table:
    """The device as it is now; under `measured` how fast it was found, null when it never was."""
    device = measure_device(home)
    known = load_probe(home.probe, machine_name(device.processors))
    return {**dataclasses.asdict(device), "measured": msgspec.to_builtins(known)}


def model_speeds(home: Home) -> Speeds:
    """How fast language models were on this machine."""
    return Speeds(home.model_speeds, machine_name(processors()))


def known_probe(home: Home) -> Probe | None:
    """How fast the machine was found to be, None when it never was looked at."""
    return load_probe(home.probe, machine_name(processors()))


def probe_machine(home: Home, device: Device) -> Probe:
    """Measure how fast the machine is, in about two seconds, and keep it."""
    models = [model.path for model in installed(home.models)]
    largest = max(models, key=lambda path: path.stat().st_size, default=None)
    found = run_probe(machine_name(device.processors), largest)
    with contextlib.suppress(OSError):
        keep_probe(home.probe, found)
    return found
