"""The extractor child: reads one file at a time, apart from everything a bad file could take down.

It speaks the protocol of `core.messages` on stdin and stdout and holds no
state but a few recent texts. Before the first file it gives up the network and
writing outside its scratch folder, as far as its system lets it; its greeting
says how far. Every request gets exactly one ending; a cancelled one ends as
Failed.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import queue
import sys
import threading
import warnings
from pathlib import Path

from app.limits import die_with, limit_cpu, limit_files, limit_memory, lower_priority
from app.reading import Reading
from app.sandbox import Protections, empty_scratch, protect
from app.stdio import Channel, child_channel
from core.messages import Cancel, Hello, Message, ProtocolError
from core.text.programs import Programs, find_programs

_CPU_TIMES = 10.0
_LARGEST_SCRATCH_BYTES = 500_000_000
_EXIT_GRACE_S = 2.0


def main(arguments: list[str] | None = None) -> int:
    """Serve until stdin closes. Exit status 0, or 2 when the other side talks nonsense."""
    parser = argparse.ArgumentParser(prog="extractor")
    parser.add_argument("--memory-mb", type=int, default=1500)
    parser.add_argument("--timeout-s", type=float, default=60.0)
    parser.add_argument("--scratch", type=Path, help="emptied; all that may be written")
    parser.add_argument("--nice", type=int, default=0)
    options = parser.parse_args(arguments)
    # Libraries quote what they stumble over; that must not reach a log.
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    # numpy's linear algebra, which nobody uses here, sets address space aside for each thread.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    die_with(os.getppid())
    lower_priority(options.nice)
    scratch = None if options.scratch is None else empty_scratch(options.scratch)
    protections, programs = shut_in(scratch, options.memory_mb)
    channel = child_channel(Hello("extractor", os.getpid(), protections=protections.names()))
    inbox: queue.SimpleQueue[Message | int] = queue.SimpleQueue()
    cancelled: set[int] = set()
    threading.Thread(target=_listen, args=(channel, inbox, cancelled), daemon=True).start()
    timeout_s: float = options.timeout_s
    reading = Reading(channel, cancelled, options.memory_mb, programs, scratch, timeout_s)
    # A pipe to a parent that is gone: nothing is left to do or say.
    with contextlib.suppress(BrokenPipeError):
        while not isinstance(message := inbox.get(), int):
            limit_cpu(timeout_s * _CPU_TIMES)
            reading.answer(message)
        return message
    return 0


def shut_in(scratch: Path | None, memory_mb: int) -> tuple[Protections, Programs]:
    """Give up what this process does not need; what holds, and the programs it may still use.

    A program that converts files must never see the network, so without that
    protection, or without a place to write, there is none.
    """
    memory = limit_memory(memory_mb)
    programs = Programs() if scratch is None else find_programs()
    limit_files(0 if programs == Programs() else _LARGEST_SCRATCH_BYTES)
    protections = protect(scratch, programs.runnable(), programs.office is not None, memory)
    return protections, programs if protections.network else Programs()


def _listen(channel: Channel, inbox: queue.SimpleQueue[Message | int], cancelled: set[int]) -> None:
    """Pass requests on; when stdin closes, end the process, even in the middle of a file."""
    status = 0
    try:
        while (message := channel.receive()) is not None:
            if isinstance(message, Cancel):
                cancelled.add(message.id)
            else:
                inbox.put(message)
    except ProtocolError:
        print("extractor: a line that is no message of this protocol", file=sys.stderr, flush=True)
        status = 2
    inbox.put(status)
    threading.Event().wait(_EXIT_GRACE_S)
    os._exit(status)


if __name__ == "__main__":
    sys.exit(main())
