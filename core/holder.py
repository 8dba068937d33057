"""Which machine has a home: a mark in the home itself, beside the lock on a file.

A home may lie on a folder that several machines share, and many network file systems keep no
locks between them. Two services of one home would destroy its databases.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from core.atomic import write_atomic
from core.errors import UserError
from core.home import Home

WRITTEN_IN_S = 1.0  # a mark that was just made has its content by then
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_MACHINES = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
_OURS = b"satchel home"  # so that what is written tells nothing to who knows the machine's id


class Holder(msgspec.Struct, frozen=True):
    """A machine that has a home since `since_s` (Unix time); unknown marks are empty."""

    host: str
    machine: str = ""
    boot: str = ""
    since_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Taken:
    """What the mark in a home says: of whom it is, and whether that is another machine."""

    holder: Holder
    by_another: bool


def same_machine(one: Holder, other: Holder) -> bool:
    """Whether both are one machine, between whose processes locks on files are kept.

    That is so while the system runs, whatever its name; after a restart both name and id have
    to be as they were, for machines that were copied from one another have the same id.
    """
    if one.boot and one.boot == other.boot:
        return True
    return (one.host, one.machine) == (other.host, other.machine)


def this_machine(now_s: float) -> Holder:
    """The machine that this process runs on."""
    machine = next(filter(None, map(_read, _MACHINES)), "")
    return Holder(platform.node(), _mark(machine), _mark(_read(_BOOT)), now_s)


def look(home: Home) -> Taken | None:
    """Who has a home by the mark in it; None where there is none that can be read."""
    try:
        holder = msgspec.json.decode(home.holder.read_bytes(), type=Holder)
    except (OSError, msgspec.MsgspecError):
        return None
    return Taken(holder, not same_machine(holder, this_machine(0.0)))


def refuse_another(home: Home) -> None:
    """Raises UserError where another machine has the home."""
    taken = look(home)
    if taken is not None and taken.by_another:
        raise in_use(home, taken.holder)


def in_use(home: Home, holder: Holder) -> UserError:
    """What to say of a home that another machine has."""
    since = time.strftime("%d %B %Y, %H:%M", time.localtime(holder.since_s))
    return UserError(
        f"The home {home.data} is in use on another machine, {holder.host}, since {since}.",
        "Quit Satchel there first. If that machine is gone, or Satchel ended there without "
        "quitting, run `satchel doctor --take-over` here.",
    )


def hold(home: Home) -> bool:
    """Write down that this machine has the home; whether one here ended without letting it go.
    Its lock has to be held.

    Raises UserError where another has it. Where nothing can be written the lock is all there is:
    on a full disk a home can be searched still.
    """
    ours = msgspec.json.encode(this_machine(time.time()))
    with contextlib.suppress(OSError):
        try:
            # Made anew it is made by one alone, also on file systems that keep no locks.
            handle = os.open(home.holder, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            if look(home) is None:
                time.sleep(WRITTEN_IN_S)
            refuse_another(home)
            write_atomic(home.holder, ours)  # of a service here that was killed, or damaged
            return True
        with os.fdopen(handle, "wb") as file:
            file.write(ours)
            file.flush()
            os.fsync(file.fileno())
    return False


def let_go(home: Home) -> None:
    """Take the mark away; one of another machine stays."""
    taken = look(home)
    if taken is not None and not taken.by_another:
        with contextlib.suppress(OSError):
            home.holder.unlink(missing_ok=True)


def take_over(home: Home) -> None:
    """Take away the mark of a machine that has the home no more. Raises UserError."""
    try:
        home.holder.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"{home.holder} cannot be removed: {error.strerror or error}.",
            "Check the disk and who may write there, then try again.",
        ) from error


def _mark(of: str) -> str:
    digest = hashlib.blake2b(of.encode(), key=_OURS, digest_size=16).hexdigest()
    return digest if of else ""


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace").strip()
    except OSError:
        return ""
