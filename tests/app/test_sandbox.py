"""What a reader process gives up: the rules as they are written, and as the kernel keeps them."""

from __future__ import annotations

import json
import os
import re
import stat
import struct
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from app import landlock, seccomp
from app.sandbox import Protections, empty_scratch, macos_profile
from app.seccomp import KILL, PERMIT, PROCESSORS, REFUSE, Processor, filter_program, numbers

ROOT = Path(__file__).parents[2]
ATTEMPTS = Path(__file__).with_name("attempts.py")
linux = pytest.mark.skipif(sys.platform != "linux", reason="these protections are Linux's")
EPERM, EACCES, ENOSYS = 1, 13, 38
TABLES = (seccomp.NEVER, seccomp.PROGRAMS, seccomp.SOCKETS)


# --- the filter of system calls, run by a small machine of our own ---------------------------


def verdict(program: bytes, number: int, *arguments: int, audit: int) -> int:
    """What the kernel would answer: the program's classic BPF, carried out."""
    padded = (*arguments, *(0,) * (6 - len(arguments)))
    data = struct.pack("=IIQ6Q", number, audit, 0, *padded)
    code = list(struct.iter_unpack("=HBBI", program))
    at = loaded = 0
    while True:
        operation, yes, no, value = code[at]
        at += 1
        match operation:
            case 0x20:
                [loaded] = struct.unpack_from("=I", data, value)
            case 0x54:
                loaded &= value
            case 0x15:
                at += yes if loaded == value else no
            case 0x35:
                at += yes if loaded >= value else no
            case 0x45:
                at += yes if loaded & value else no
            case 0x06:
                assert isinstance(value, int)
                return value
            case _:
                raise AssertionError(operation)


def named(processor: Processor) -> dict[str, int]:
    """All names in the tables that this processor has, with their numbers."""
    words = " ".join(TABLES).split()
    rows = [(words[at], words[at + processor.column]) for at in range(0, len(words), 3)]
    return {name: int(number) for name, number in rows if number != "-"}


@pytest.mark.parametrize("machine", PROCESSORS)
@pytest.mark.parametrize("programs", [False, True])
@pytest.mark.parametrize("local_sockets", [False, True])
def test_the_filter_refuses_what_it_lists_and_nothing_else(
    machine: str, programs: bool, local_sockets: bool
) -> None:
    processor = PROCESSORS[machine]
    program = filter_program(processor, programs, local_sockets)
    assert len(program) // 8 < 4096  # the kernel's limit

    def ask(number: int, *arguments: int) -> int:
        return verdict(program, number, *arguments, audit=processor.audit)

    refused = set(numbers(seccomp.NEVER, processor.column))
    refused |= set() if programs else set(numbers(seccomp.PROGRAMS, processor.column))
    refused |= set() if local_sockets else set(numbers(seccomp.SOCKETS, processor.column))
    looked_into = {
        processor.socket, processor.clone, processor.clone3, processor.ioctl, processor.access
    }  # fmt: skip
    for number in set(range(500)) - looked_into:
        assert ask(number) == (REFUSE | EPERM if number in refused else PERMIT), number
    assert ask(processor.clone3) == REFUSE | ENOSYS
    # A new thread always, another process only to start a program, a namespace never.
    assert ask(processor.clone, 0x3D0F00) == PERMIT
    assert ask(processor.clone, 0x1200011) == (PERMIT if programs else REFUSE | EPERM)
    for namespace in (0x20000, 0x2000000, 0x10000000, 0x40000000):
        assert ask(processor.clone, namespace | 0x3D0F00) == REFUSE | EPERM
    assert ask(processor.ioctl, 0, 0x5401) == PERMIT
    assert ask(processor.ioctl, 0, 0x5412) == REFUSE | EPERM
    assert ask(processor.ioctl, 0, 0xFFFF_FFFF_0000_5412) == REFUSE | EPERM
    mode = processor.access_mode_at
    assert ask(processor.access, *(0,) * mode, 2) == REFUSE | EACCES
    assert ask(processor.access, *(0,) * mode, 4) == PERMIT
    # Sockets: of the file system, as streams, or none.
    for family in range(2, 50):
        assert ask(processor.socket, family, 1) == REFUSE | EPERM
    assert ask(processor.socket, 1, 2) == REFUSE | EPERM
    for kind in (1, 1 | 0o2000000 | 0o4000):
        assert ask(processor.socket, 1, kind) == (PERMIT if local_sockets else REFUSE | EPERM)
    # Another kind of processor's numbers mean other calls.
    for audit in (0x40000003, 0x40000028, 0xC00000B7, 0xC000003E):
        if audit != processor.audit:
            assert verdict(program, 0, audit=audit) == KILL
    if machine == "x86_64":
        assert ask(0x40000000 + 41, 2, 1) == REFUSE | ENOSYS
        assert ask(0x40000000) == REFUSE | ENOSYS


HEADERS = {
    "x86_64": (
        "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
        "/usr/include/asm/unistd_64.h",
    ),
    "aarch64": ("/usr/include/asm-generic/unistd.h",),
}


@pytest.mark.parametrize("machine", PROCESSORS)
def test_the_numbers_are_those_of_the_system_headers(machine: str) -> None:
    header = next((Path(path) for path in HEADERS[machine] if Path(path).is_file()), None)
    if header is None:
        pytest.skip("the kernel's headers (linux-libc-dev) are not here")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text())
    expected = {name: int(number) for name, number in found}
    ours = named(PROCESSORS[machine])
    assert len(ours) > 80
    assert {
        name: number for name, number in ours.items() if expected.get(name, number) != number
    } == {}
    processor = PROCESSORS[machine]
    for name in ("socket", "clone", "clone3", "ioctl"):
        assert getattr(processor, name) == expected[name]
    assert processor.access == expected["access" if machine == "x86_64" else "faccessat"]


# --- Landlock, macOS, the scratch folder ------------------------------------------------------


def test_newer_kernels_forbid_more() -> None:
    rights = [landlock.rights_of(version) for version in range(1, 9)]
    for older, newer in pairwise(rights):
        assert older.files & ~newer.files == older.scopes & ~newer.scopes == 0
    assert rights[0].files == 0b1_1111_1111_0011  # all of the first version but the two to read
    assert rights[0].scopes == 0
    assert rights[-1].files == 0b1111_1111_1111_0011
    assert rights[-1].scopes == 0b11


def test_the_macos_profile_quotes_what_it_names() -> None:
    profile = macos_profile('/tmp/a "b" \\c', ["/opt/bin/tesseract"])
    lines = profile.splitlines()
    assert '(allow file-write* (subpath "/tmp/a \\"b\\" \\\\c"))' in lines
    assert lines.index("(deny process-exec*)") < lines.index(
        '(allow process-exec* (subpath "/opt/bin/tesseract"))'
    )
    assert "(deny network*)" in lines
    assert "subpath" not in macos_profile(None, [])


def test_the_scratch_folder_is_emptied_and_the_owners_only(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "scratch"
    for _ in range(2):
        made = empty_scratch(folder)
        assert made == folder.resolve()
        assert list(folder.iterdir()) == []
        if os.name == "posix":
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "old").write_text("left by a reader that died")
        (folder / "more").mkdir()
    (tmp_path / "file").write_text("")
    assert empty_scratch(tmp_path / "file" / "scratch") is None


def test_protections_have_names() -> None:
    assert Protections().names() == ()
    assert Protections(True, False, True).names() == ("network", "memory")


# --- as the kernel keeps them -----------------------------------------------------------------

STILL_MAY = {"read", "list", "null", "scratch"}


def attempts(
    tmp_path: Path, programs: list[str], local: str = "none"
) -> tuple[list[str], dict[str, Any]]:
    outside, scratch = tmp_path / "outside", tmp_path / "scratch"
    outside.mkdir()
    scratch.mkdir()
    (outside / "kept.txt").write_text("kept")
    done = subprocess.run(
        [sys.executable, ATTEMPTS, outside, scratch, json.dumps(programs), local],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    held, outcomes = json.loads(done.stdout)
    assert [path.name for path in outside.iterdir()] == ["kept.txt"]
    assert (outside / "kept.txt").read_text() == "kept"
    return held, outcomes


@linux
def test_no_network_no_writing_no_programs_but_reading(tmp_path: Path) -> None:
    held, outcomes = attempts(tmp_path, [])
    if "writing" not in held:
        pytest.skip("this kernel has no Landlock")
    assert held == ["network", "writing", "memory"]
    assert {name for name, error in outcomes.items() if error == 0} == STILL_MAY
    assert {outcomes[name] for name in ("inet", "inet6", "netlink", "packet", "unix")} == {EPERM}
    assert outcomes["in a thread"] == outcomes["io_uring"] == EPERM


@linux
def test_a_program_that_may_run_is_shut_in_as_well(tmp_path: Path) -> None:
    python = os.path.realpath(sys.executable)
    held, outcomes = attempts(tmp_path, [python, str(Path(sys.executable).parent)], "local")
    if "writing" not in held:
        pytest.skip("this kernel has no Landlock")
    allowed = {name for name, error in outcomes.items() if error == 0}
    assert allowed == STILL_MAY | {"program", "unix"}
    # And what it starts is held by the same rules.
    inner = (
        "import socket\n"
        "for family in (socket.AF_INET, socket.AF_UNIX):\n"
        "    try:\n        socket.socket(family).connect(('127.0.0.1', 9))\n"
        "    except Exception as error:\n        print(type(error).__name__)\n"
    )
    outer = (
        "import subprocess, sys\nfrom pathlib import Path\nfrom app.sandbox import protect\n"
        f"protect(None, [{python!r}], False, True)\n"
        f"subprocess.run([{python!r}, '-c', {inner!r}], check=True)"
    )
    done = subprocess.run([sys.executable, "-c", outer], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout.split() == [b"PermissionError", b"PermissionError"]
