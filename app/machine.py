"""What is known of this machine: looked at now, and measured once and kept."""

from __future__ import annotations

import contextlib
import dataclasses

import msgspec

from app.children import Child, ChildGone, ChildSlow, python_child
from app.extractors import processors
from core.atomic import write_atomic
from core.budget.measure import Device, measure_device
from core.budget.probe import Probe, keep_probe, load_probe, machine_name, run_probe
from core.home import Home
from core.llm.speeds import Speeds
from core.llm.store import installed
from core.messages import FindGpus, Gpu, Gpus

Table = dict[str, object]
GPUS_S = 60.0  # a driver may take long to wake up


class _KnownGpus(msgspec.Struct, frozen=True):
    machine: str
    gpus: tuple[Gpu, ...]


def device_report(home: Home) -> Table:
    """The device as it is now; under `measured` how fast it was found, null when it never was."""
    device = measure_device(home)
    known = load_probe(home.probe, machine_name(device.processors))
    return {
        **dataclasses.asdict(device),
        "measured": msgspec.to_builtins(known),
        "gpus": gpus_report(home),
    }


def gpus_report(home: Home) -> list[Table] | None:
    """The graphics processors that models can use; None where `doctor` never looked."""
    try:
        known = msgspec.json.decode(home.gpus.read_bytes(), type=_KnownGpus)
    except (OSError, msgspec.MsgspecError):
        return None
    if known.machine != machine_name(processors()):
        return None
    return [msgspec.to_builtins(gpu) for gpu in known.gpus]


def look_for_gpus(home: Home) -> list[Table] | None:
    """Ask llama.cpp in a process of its own, and keep what it says; None where that fails."""
    child = None
    try:
        child = Child(python_child("app.worker"))
        child.send(FindGpus(1))
        reply = child.receive(GPUS_S)
    except (ChildGone, ChildSlow):
        return None
    finally:
        if child is not None:
            child.close()
    if not isinstance(reply, Gpus):
        return None
    known = _KnownGpus(machine_name(processors()), reply.gpus)
    with contextlib.suppress(OSError):
        home.gpus.parent.mkdir(mode=0o700, exist_ok=True)
        write_atomic(home.gpus, msgspec.json.encode(known))
    return [msgspec.to_builtins(gpu) for gpu in reply.gpus]


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
