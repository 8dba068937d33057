"""A model larger than memory: how fast is it managed, against llama.cpp's own mapping of the file?

    python benchmarks/experts.py [--json] [--fractions 0.5 0.35] [--routers plain] [--runs 3]

For each share of the file a stock run (llama.cpp's mapping and the system's cache) and a managed
one take turns, each in a process and a control group of its own with the same limit of memory:
the share of the file, and what a worker was measured to take without weights. The file is
dropped from the system's cache before each run, the disk's read-ahead is 128 KB meanwhile,
prompts are held out, and what a model is known to use comes from one run on other texts.
Decoding is cut after --most-s; the speed is then that of the tokens done. Needs root on Linux.

Models are those of benchmarks/expert_model.py. Ratios are medians over medians. A gate that is
missed, or an answer that is not the stock run's word for word, is exit code 1; 2 means that the
rights are missing.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import mmap
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from common import ROOT, machine
from expert_model import FOLDER, Kind, model_path
from expert_rows import (
    MB,
    Row,
    mb_per_token,
    misses,
    row_of,
    same_answer,
    shown,
    table_line,
    tokens_per_s,
)
from filelock import FileLock, Timeout
from groups import limited
from hidden_states import texts

READ_AHEAD_KB = 128
MOST_CACHED = 0.005  # of the file when a run begins
FRACTIONS = (1.0, 0.75, 0.5, 0.35, 0.25)
DENSE_FRACTION = 0.6
ALLOWANCE_BYTES = 8 * MB  # for what the kernel charges a group beside
PLENTY_BYTES = 8_000 * MB
LAST_TO_GO = 1000  # should memory run out, then the run is ended, nobody else
PROMPT = "Explain at length, in your own words, what this text is about.\n\n"
PROMPT_CHARACTERS = 900


def read_ahead_file(path: Path, devices: Path = Path("/sys/dev/block")) -> Path:
    """Where the read-ahead of the disk that a file is on is set."""
    number = path.stat().st_dev
    device = (devices / f"{os.major(number)}:{os.minor(number)}").resolve()
    if (device / "partition").exists():
        device = device.parent
    return device / "queue" / "read_ahead_kb"


@contextmanager
def read_ahead(file: Path) -> Iterator[int]:
    """Set the usual read-ahead, restore what was; gives that in KB. Exits without rights."""
    try:
        before = int(file.read_text())
        file.write_text(str(READ_AHEAD_KB))
    except (OSError, ValueError) as error:
        print(f"experts: the read-ahead cannot be set: {error}", file=sys.stderr)
        print(f"experts: it needs the right to write {file}, so root", file=sys.stderr)
        raise SystemExit(2) from None
    try:
        yield before
    finally:
        file.write_text(str(before))


def forget_pages(path: Path) -> None:
    """Drop one file from the system's cache. Exits when it does not go, for somebody uses it."""
    file = os.open(path, os.O_RDONLY)
    try:
        for _ in range(20):
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            if cached_share(file) < MOST_CACHED:
                return
            time.sleep(0.1)
    finally:
        os.close(file)
    print(f"experts: {path.name} stays in the system's cache: another program", file=sys.stderr)
    print("experts: uses it. End that, or name a folder of copies: --models", file=sys.stderr)
    raise SystemExit(2)


def cached_share(file: int) -> float:
    """How much of an open file is in the system's cache."""
    with mmap.mmap(file, 0, flags=mmap.MAP_PRIVATE) as mapped:  # writable only for its address
        first = (ctypes.c_char * 1).from_buffer(mapped)
        pages = -(-len(mapped) // mmap.PAGESIZE)
        told = (ctypes.c_ubyte * pages)()
        look = ctypes.CDLL(None, use_errno=True).mincore
        code = look(ctypes.c_void_p(ctypes.addressof(first)), ctypes.c_size_t(len(mapped)), told)
        del first
    if code:
        raise OSError(ctypes.get_errno(), "the cache cannot be looked at")
    return sum(bytes(told)) / pages  # bit 0, the others are reserved and zero


@contextmanager
def alone() -> Iterator[None]:
    """No two such benchmarks at once: they would measure each other."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    lock = FileLock(FOLDER / "running.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        print("experts: another run of this benchmark goes on", file=sys.stderr)
        raise SystemExit(2) from None
    try:
        yield
    finally:
        lock.release()


class Bench:
    """Runs of one model."""

    def __init__(self, model: Path, scratch: Path, options: argparse.Namespace) -> None:
        self.model = model
        self._options = options
        self._scratch = scratch
        self.model_bytes = model.stat().st_size
        self._traces = scratch / f"{model.stem}.trace"
        candidates = [PROMPT + text[:PROMPT_CHARACTERS] for text in texts(held_out=True)]
        some = candidates[:: max(1, len(candidates) // (options.runs + 2))]
        found = self._run(PLENTY_BYTES, some, None)
        self.references = [run for run in found if run["decoded"] >= options.tokens]
        self.references = self.references[: options.runs]
        if len(self.references) < options.runs:
            sys.exit(f"experts: {model.name} gives too few answers of {options.tokens} tokens")
        self.worker_bytes: int = found[0]["worker_bytes"]

    def learn(self, fraction: float) -> None:
        """One managed run on texts that are not held out, for what the model is known to use."""
        prompt = PROMPT + texts(held_out=False)[3][:PROMPT_CHARACTERS]
        limit = self.limit_bytes(fraction)
        self._run(limit, [prompt], int(fraction * self.model_bytes), keep=self._traces)

    def limit_bytes(self, fraction: float) -> int:
        """The limit of a run's group."""
        return int(fraction * self.model_bytes) + self.worker_bytes + ALLOWANCE_BYTES

    def pairs(self, fraction: float) -> tuple[list[Row], list[Row]]:
        """Stock and managed runs that take turns."""
        limit, held = self.limit_bytes(fraction), int(fraction * self.model_bytes)
        runs: dict[bool, list[Row]] = {False: [], True: []}
        for number, reference in enumerate(self.references):
            for managed in (False, True) if number % 2 == 0 else (True, False):
                run = self._run(limit, [reference["prompt"]], held if managed else None)[0]
                run["same"] = same_answer(run, reference)
                runs[managed].append(run)
                self._tell(fraction, managed, run)
        return runs[False], runs[True]

    def _run(
        self, limit: int, prompts: Sequence[str], held: int | None, keep: Path | None = None
    ) -> list[Row]:
        """A process in a group answers prompts, with the file not in the cache."""
        traces = None
        if held is not None:  # each run has what was learnt on other texts, and no more
            traces = keep or self._scratch / "of-this-run.trace"
            if keep is None and self._traces.exists():
                shutil.copyfile(self._traces, traces)
        wanted = {
            "model": str(self.model),
            "held_bytes": held,
            "prompts": list(prompts),
            "tokens": self._options.tokens,
            "most_s": self._options.most_s,
            "most_prefill_s": self._options.most_prefill_s,
            "traces": str(traces) if traces else None,
        }
        forget_pages(self.model)
        side = [sys.executable, str(ROOT / "benchmarks" / "experts_side.py"), json.dumps(wanted)]
        with limited(limit, "experts") as group:
            process = group.start(side, LAST_TO_GO, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                lines = [process.stdout.readline() for _ in range(len(prompts) + 1)]
                if not lines[-1]:
                    ended = "ended by the system for memory" if group.ended_by_system() else "over"
                    sys.exit(f"experts: a run of {self.model.name} is {ended}")
                about = json.loads(lines.pop()) | {
                    "worker_bytes": group.without_cache_bytes(),
                    "peak_bytes": group.peak_bytes(),
                    "limit_bytes": limit,
                }
                process.stdin.close()
                process.wait(60)
            finally:
                process.kill()
                process.wait()
        forget_pages(self.model)
        return [
            json.loads(line) | about | {"prompt": prompt}
            for line, prompt in zip(lines, prompts, strict=True)
        ]

    def _tell(self, fraction: float, managed: bool, run: Row) -> None:
        kind = "managed" if managed else "stock"
        cut = f", cut after {run['decoded']} tokens" if run["cut"] else ""
        print(
            f"  {self.model.stem} {fraction:.0%} {kind:<7} {shown(tokens_per_s(run))} tokens/s, "
            f"{shown(mb_per_token(run))} MB a token, prefill {run['prefill_s']:.1f} s of "
            f"{run['prompt_tokens']} tokens, load {run['load_s']:.1f} s, "
            f"peak {run['peak_bytes'] / MB:.0f} MB, {run['step']}{cut}"
            f"{'' if run['same'] else ', ANOTHER ANSWER'}",
            file=sys.stderr,
            flush=True,
        )


def rows_of(kind: Kind, fractions: Sequence[float], options: argparse.Namespace) -> Iterator[Row]:
    """The rows of one model."""
    with tempfile.TemporaryDirectory(prefix="satchel-benchmark-") as scratch:
        bench = Bench(model_path(kind, options.models), Path(scratch), options)
        without = (bench.worker_bytes + ALLOWANCE_BYTES) / MB
        print(
            f"{bench.model}: {bench.model_bytes / MB:.0f} MB; the limit is a share of it and "
            f"{without:.0f} MB for the worker without weights",
            file=sys.stderr,
        )
        bench.learn(min(fractions))
        for fraction in fractions:
            stock, managed = bench.pairs(fraction)
            yield row_of(None if kind == "dense" else kind, fraction, stock, managed)


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fractions", type=float, nargs="+", default=FRACTIONS)
    kinds = ["plain", "skewed", "dense"]
    parser.add_argument("--routers", nargs="+", choices=kinds, default=kinds)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--most-s", type=float, default=60.0, help="of decoding, a run")
    parser.add_argument("--most-prefill-s", type=float, default=240.0)
    parser.add_argument("--models", type=Path, default=FOLDER, help="where the models lie")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if sys.platform != "linux":
        print("experts: it needs Linux, for control groups and the cache", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the read-ahead is restored
    rows: list[Row] = []
    with alone(), read_ahead(read_ahead_file(options.models)) as before:
        print(f"experts on {machine()}", file=sys.stderr)
        print(f"read-ahead {READ_AHEAD_KB} KB (it was {before})", file=sys.stderr)
        for kind in options.routers:
            fractions = (DENSE_FRACTION,) if kind == "dense" else tuple(options.fractions)
            for row in rows_of(kind, fractions, options):
                rows.append(row)
                if not options.json:
                    print(table_line(row), flush=True)
    missed = [line for row in rows for line in misses(row)]
    if options.json:
        print(json.dumps({"machine": machine(), "rows": rows, "missed": missed}))
    else:
        print("\n".join(f"MISSED {line}" for line in missed))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
