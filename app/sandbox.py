"""What a reader process gives up before it opens a file: the network, writing, other programs.

Linux: a filter of system calls (`app.seccomp`) and Landlock (`app.landlock`).
macOS: a profile of its sandbox. Windows: nothing by the process itself; its
parent holds it in a job object (`app.job`). What a system cannot do is not
claimed: `Protections` says what holds.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Protections:
    """What a process cannot do any more.

    `network`: reach anything outside; `writing`: change a file outside its
    scratch folder; `memory`: take more than its limit.
    """

    network: bool = False
    writing: bool = False
    memory: bool = False

    def names(self) -> tuple[str, ...]:
        """The names of those that hold, as `Hello` carries them."""
        return tuple(field.name for field in fields(self) if getattr(self, field.name))


def protect(
    scratch: Path | None, programs: Sequence[str], local_sockets: bool, memory: bool
) -> Protections:
    """Give up what the system lets a process give up; `memory` says whether that is limited.

    It holds for this thread and all that it starts, for good. Only `programs`
    (files, or folders of them) may be run; with `local_sockets` they may listen
    in the file system, but connect to nothing.
    """
    place = None if scratch is None else str(scratch)
    network = writing = False
    if sys.platform == "linux":
        from app.landlock import give_up_writing
        from app.seccomp import give_up_calls

        writing = give_up_writing(place, programs)
        network = give_up_calls(bool(programs), local_sockets)
    elif sys.platform == "darwin":
        network = writing = _enter_macos_sandbox(macos_profile(place, programs))
    return Protections(network, writing, memory)


def empty_scratch(folder: Path) -> Path | None:
    """The folder, emptied and for its owner only; None when it cannot be had."""
    with contextlib.suppress(OSError):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        return Path(os.path.realpath(folder))
    return None


def macos_profile(scratch: str | None, programs: Sequence[str]) -> str:
    """Rules for macOS's sandbox (the language of sandbox-exec); the last that fits counts."""
    rules = [
        "(version 1)",
        "(allow default)",
        "(deny network*)",
        "(deny file-write*)",
        '(allow file-write* (literal "/dev/null"))',
        "(deny process-exec*)",
    ]
    if scratch is not None:
        rules.append(f"(allow file-write* (subpath {_quoted(scratch)}))")
    rules += [f"(allow process-exec* (subpath {_quoted(program)}))" for program in programs]
    return "\n".join(rules)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _enter_macos_sandbox(profile: str) -> bool:
    """Apply a profile to this process; False where the system has no such call or refuses."""
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL("/usr/lib/libSystem.B.dylib")
        error = ctypes.c_char_p()
        library.sandbox_init.argtypes = (ctypes.c_char_p, ctypes.c_uint64, ctypes.c_void_p)
        result: int = library.sandbox_init(os.fsencode(profile), 0, ctypes.byref(error))
        return result == 0
    return False
