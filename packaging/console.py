"""Says what set-up is doing, and keeps saying it while a long command runs."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

HEARTBEAT_S = 10.0
TAIL_BYTES = 65_536

NINJA_STEP = re.compile(r"\[(\d+)/(\d+)\]")
PIP_STEP = re.compile(r"^\s*Collecting ([\w.-]+)", re.MULTILINE)
# A line worth showing when no cause below is known.
TELLING = re.compile(r"\berror: |fatal|FAILED|CMake Error|Error: ", re.IGNORECASE)

# What in a log points at which advice; the first match wins.
KNOWN_CAUSES = (
    (
        re.compile(r"No space left on device|Disk quota exceeded"),
        "The disk is full. Free some space and run the command again.",
    ),
    (
        re.compile(r"THESE PACKAGES DO NOT MATCH THE HASHES"),
        "A downloaded package is not the one that was locked. Do not install it by hand: "
        "empty pip's cache (pip cache purge), then run the command again.",
    ),
    (
        re.compile(r"Python\.h: No such file"),
        "Python's headers are missing. Install them (Debian: apt-get install python3-dev).",
    ),
    (
        re.compile(r"Killed signal terminated|internal compiler error: Killed"),
        "The compiler was stopped for want of memory. Close other programs, or set "
        "CMAKE_BUILD_PARALLEL_LEVEL=1, and run the command again.",
    ),
    (
        re.compile(
            r"name resolution|Max retries|NewConnectionError|Connection(Reset|Refused)Error"
            r"|Read timed out|No matching distribution found"
        ),
        "The package registry did not give what was asked for. Check the network and pip's "
        "settings (pip config list), then run the command again; it goes on where it stopped.",
    ),
)


class SetupError(Exception):
    """Set-up cannot go on: what happened, and what the person can do."""

    def __init__(self, title: str, advice: str) -> None:
        super().__init__(title)
        self.title = title
        self.advice = advice


def say(text: str) -> None:
    """Prints one line at once, also into a pipe."""
    print(text, flush=True)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Announces a step, and how long it took once it is done."""
    say(f"==> {title}")
    start = time.monotonic()
    yield
    say(f"    done in {elapsed(time.monotonic() - start)}")


def elapsed(seconds: float) -> str:
    """A duration for people: 4.2 s, 38 s, 6 min 12 s."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


def run(
    command: Sequence[str | Path],
    *,
    log: Path,
    failure: str,
    progress: Callable[[str], str] = lambda _tail: "",
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Runs a command into a log file, with a line every ten seconds that shows it is alive.

    `progress` makes a few words out of the log's tail. Raises SetupError with `failure` as its
    title when the command fails.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    next_beat = start + HEARTBEAT_S
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**os.environ, **(environment or {})},
        )
        try:
            while process.poll() is None:
                try:
                    process.wait(timeout=0.5)
                except subprocess.TimeoutExpired:
                    now = time.monotonic()
                    if now >= next_beat:
                        next_beat = now + HEARTBEAT_S
                        say(f"    ... {elapsed(now - start)} {progress(tail(log))}".rstrip())
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if process.returncode != 0:
        raise SetupError(failure, advice_for(tail(log), log))


def tail(log: Path) -> str:
    """The end of a log file."""
    with log.open("rb") as stream:
        stream.seek(0, os.SEEK_END)
        stream.seek(max(0, stream.tell() - TAIL_BYTES))
        return stream.read().decode("utf-8", "replace")


def advice_for(text: str, log: Path) -> str:
    """What to do about a failed command, from what its log says."""
    known = next((advice for cause, advice in KNOWN_CAUSES if cause.search(text)), None)
    if known is not None:
        return f"{known}\nThe whole log: {log}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line[:200] for line in lines if TELLING.search(line)][:8] or lines[-8:]
    return "\n".join([f"The log is {log}; it says:", *(f"  | {line}" for line in telling)])


def ninja_progress(text: str) -> str:
    """The compile step that was reached, as ninja counts them."""
    steps = NINJA_STEP.findall(text)
    if steps:
        return f"compiled {steps[-1][0]} of {steps[-1][1]}"
    return "compiling" if "running build_ext" in text else "fetching and configuring"


def pip_progress(text: str) -> str:
    """The package that pip is at."""
    names = PIP_STEP.findall(text)
    if "Installing collected packages" in text:
        return "unpacking"
    return f"at {names[-1]}" if names else ""


def stop(error: SetupError) -> int:
    """Prints an error the way every set-up error is printed, and gives the exit status."""
    sys.stdout.flush()
    print(f"\nerror: {error.title}\n{error.advice}", file=sys.stderr, flush=True)
    return 1
