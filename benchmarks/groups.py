"""Control groups with a limit of memory, of version 2 or 1, whichever is mounted. Needs root."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import ROOT


@dataclass(frozen=True)
class Group:
    """A control group with a limit."""

    folder: Path
    second: bool  # version 2

    @property
    def version(self) -> str:
        return "version 2" if self.second else "version 1"

    def start(self, command: list[str], adjust: int, **options: Any) -> subprocess.Popen[str]:
        """Start a process in it; `adjust` is how ready the system is to end it."""

        def enter() -> None:
            (self.folder / "cgroup.procs").write_text("0")
            Path("/proc/self/oom_score_adj").write_text(str(adjust))

        return subprocess.Popen(command, cwd=ROOT, text=True, preexec_fn=enter, **options)  # noqa: PLW1509

    def ended_by_system(self) -> int:
        """How many processes in it the system ended for memory."""
        name = "memory.events" if self.second else "memory.oom_control"
        return numbers(self.folder / name).get("oom_kill", 0)

    def peak_bytes(self) -> int:
        """The most memory that was ever charged to it, the system's cache of files included."""
        name = "memory.peak" if self.second else "memory.max_usage_in_bytes"
        try:
            return int((self.folder / name).read_text())
        except OSError:  # version 2 before Linux 5.19
            return 0

    def without_cache_bytes(self) -> int:
        """Memory charged to it now, without the system's cache of files."""
        used = "memory.current" if self.second else "memory.usage_in_bytes"
        cached = numbers(self.folder / "memory.stat")["file" if self.second else "total_cache"]
        return int((self.folder / used).read_text()) - cached


def numbers(path: Path) -> dict[str, int]:
    """The lines "name number" of a file."""
    lines = (line.split() for line in path.read_text().splitlines())
    return {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdigit()}


@contextmanager
def limited(limit_bytes: int, purpose: str) -> Iterator[Group]:
    """A control group, or an exit that says why there is none."""
    root = Path("/sys/fs/cgroup")
    name = f"satchel-{purpose}-{os.getpid()}"
    second = (root / "cgroup.controllers").exists()
    folder = root / name if second else root / "memory" / name
    try:
        if second:
            with suppress(OSError):
                (root / "cgroup.subtree_control").write_text("+memory")
        folder.mkdir()
        limit = "memory.max" if second else "memory.limit_in_bytes"
        if not (folder / limit).exists():
            raise OSError("it has no limit of memory")
        (folder / limit).write_text(str(limit_bytes))
        with suppress(OSError):
            swap = "memory.swap.max" if second else "memory.memsw.limit_in_bytes"
            (folder / swap).write_text("0" if second else str(limit_bytes))
    except OSError as error:
        with suppress(OSError):
            folder.rmdir()
        print(f"{purpose}: no control group can be made here: {error}", file=sys.stderr)
        print(f"{purpose}: it needs root and a memory controller under {root}", file=sys.stderr)
        raise SystemExit(2) from None
    try:
        yield Group(folder, second)
    finally:
        for _ in range(50):
            with suppress(OSError):
                folder.rmdir()
                break
            time.sleep(0.1)
