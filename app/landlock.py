"""Writing and running files, given up through Landlock of the Linux kernel (5.13 and later).

Reading stays as the person's own rights allow it. What may be written is one
folder, what may be run is named. See linux/landlock.h.

Landlock cannot keep a program's code from being loaded as a library is; what is
loaded so is held by the same rules and the same filter of system calls.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446  # system calls, the same on every processor
_ASK_VERSION = 1  # LANDLOCK_CREATE_RULESET_VERSION
_PATH_BENEATH = 1  # LANDLOCK_RULE_PATH_BENEATH
_NO_NEW_PRIVILEGES = 38  # PR_SET_NO_NEW_PRIVS

EXECUTE, WRITE_FILE = 1 << 0, 1 << 1
_REMOVE_AND_MAKE = 0b1_1111_1111_0000  # REMOVE_DIR to MAKE_SYM
_MAKE_DEVICES = 1 << 6 | 1 << 11  # MAKE_CHAR, MAKE_BLOCK
REFER, TRUNCATE, DEVICE_CONTROL = 1 << 13, 1 << 14, 1 << 15
ABSTRACT_SOCKETS, SIGNALS = 1 << 0, 1 << 1

# One of these runs every dynamically linked program.
_LOADERS = (
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1",
)


@dataclass(frozen=True, slots=True)
class Rights:
    """What is forbidden: rights on files, and reaching processes outside (`scopes`)."""

    files: int
    scopes: int


def rights_of(version: int) -> Rights:
    """All that a version of Landlock (1 and up) can forbid, except reading."""
    files = EXECUTE | WRITE_FILE | _REMOVE_AND_MAKE
    for since, right in ((2, REFER), (3, TRUNCATE), (5, DEVICE_CONTROL)):
        files |= right if version >= since else 0
    return Rights(files, ABSTRACT_SOCKETS | SIGNALS if version >= 6 else 0)


def give_up_writing(scratch: str | None, programs: Sequence[str]) -> bool:
    """From now on write in the folder `scratch` only, and run `programs` only.

    A program is a file, or a folder for all files in it. This holds for the
    calling thread and all that it starts. False where the kernel cannot do it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    version = _call(libc, _CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(_ASK_VERSION))
    if version < 1:
        return False
    rights = rights_of(version)
    # Older versions know fewer fields of struct landlock_ruleset_attr.
    fields = struct.pack("=QQQ", rights.files, 0, rights.scopes)[: 24 if rights.scopes else 8]
    rules = _call(libc, _CREATE, fields, ctypes.c_size_t(len(fields)), ctypes.c_uint32(0))
    if rules < 0:
        return False
    try:
        for path, right in _allowed(rights, scratch, programs):
            _allow(libc, rules, path, right)
        if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
            return False
        return _call(libc, _RESTRICT, ctypes.c_int(rules), ctypes.c_uint32(0)) == 0
    finally:
        os.close(rules)


def _allowed(rights: Rights, scratch: str | None, programs: Sequence[str]) -> list[tuple[str, int]]:
    allowed = [(os.devnull, WRITE_FILE)]
    if scratch is not None:
        allowed.append((scratch, rights.files & ~(EXECUTE | _MAKE_DEVICES | DEVICE_CONTROL)))
    loaders = _LOADERS if programs else ()
    return allowed + [(path, EXECUTE) for path in (*programs, *loaders)]


def _allow(libc: ctypes.CDLL, rules: int, path: str, right: int) -> None:
    """Add a rule. What is not there needs none, and a rule that fails allows nothing."""
    if sys.platform != "linux":
        raise OSError(0, "this is done on Linux only")
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            rule = struct.pack("=Qi", right, descriptor)
            _call(libc, _ADD_RULE, ctypes.c_int(rules), _PATH_BENEATH, rule, ctypes.c_uint32(0))
        finally:
            os.close(descriptor)


def _call(libc: ctypes.CDLL, number: int, *arguments: object) -> int:
    call: Callable[..., int] = libc.syscall
    libc.syscall.restype = ctypes.c_long
    return call(ctypes.c_long(number), *arguments)
