"""A small real program that speaks the protocol, well or badly: `fake_service.py MODE`.

ok        answers at once
never     greets and then says nothing
late      answers searches after a second
dies      ends with the first search; started again (a file tells) it answers
garbage   sends nonsense, doubled, unknown and foreign replies around each answer
refuses   cannot open its home
old       speaks another version of the protocol
elsewhere another window is open
floods    sends 10,000 results, 30 tokens a second and progress, then marks the end
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from core.messages import (
    PROTOCOL_VERSION,
    AnswerDone,
    AnswerSources,
    AnswerText,
    Ask,
    Cancel,
    Done,
    Failed,
    FoldersList,
    Hello,
    Hit,
    IndexProgress,
    Locator,
    Message,
    Pause,
    Preview,
    PreviewText,
    Report,
    Search,
    SearchResults,
    State,
    Subscribe,
    decode,
    encode,
)

FLOOD_BATCHES, FLOOD_HITS = 200, 50
FLOOD_S, TOKENS_PER_S = 20, 30
_lock = threading.Lock()


def send(message: Message) -> None:
    with _lock:
        sys.stdout.write(encode(message) + "\n")
        sys.stdout.flush()


def hits(number: int, first: int = 0) -> tuple[Hit, ...]:
    text = "The lease runs for five years, from 1 June 2023 to 31 May 2028, and may be renewed."
    return tuple(
        Hit(n + 1, 1.0, f"/files/note-{n:05}.txt", Locator(line=n + 1), n, n + 80, text, ((4, 9),))
        for n in range(first, first + number)
    )


def flood(request: Search) -> None:
    """10,000 results in 200 replies: half at once, half while tokens and progress come."""
    for batch in range(FLOOD_BATCHES // 2):
        flood_results(request, batch)
    for tick in range(FLOOD_S * TOKENS_PER_S):
        send(AnswerText(Flood.ask_id, f"word{tick} "))
        send(IndexProgress(0, "indexing", tick, 2000, 1, 1, 1, "/f.txt", 9, 5.0))
        batch = (FLOOD_BATCHES + tick) // 2
        if tick % 2 == 0 and batch < FLOOD_BATCHES:
            flood_results(request, batch)
        time.sleep(1 / TOKENS_PER_S)
    send(AnswerDone(Flood.ask_id, "The end [1].", True, (), {}, 1, 1))
    send(State(0, "paused", "flooded"))


def flood_results(request: Search, batch: int) -> None:
    """One of the replies."""
    found = hits(FLOOD_HITS, batch * FLOOD_HITS)
    send(SearchResults(request.id, found, final=batch == FLOOD_BATCHES - 1))


class Flood:
    """The question that tokens belong to."""

    ask_id = 0


def answer(message: Message, mode: str) -> None:
    number = int(getattr(message, "id", 0))
    if isinstance(message, Subscribe):
        send(State(number, "idle"))
    elif isinstance(message, Search):
        if mode == "floods":
            threading.Thread(target=flood, args=(message,), daemon=True).start()
        else:
            send(SearchResults(number, hits(3), final=True))
    elif isinstance(message, Ask):
        Flood.ask_id = number
        send(AnswerSources(number, (), 1))
        if mode != "floods":
            send(AnswerDone(number, "Yes.", True, (), {}, 1, 1))
    elif isinstance(message, Preview):
        send(PreviewText(number, message.path, "The lease runs.", 4, 9, Locator()))
    elif isinstance(message, FoldersList):
        send(Report(number, [{"path": "/files", "state": "watched", "files": {"indexed": 3}}]))
    elif isinstance(message, Pause):
        send(Done(number))
        send(State(0, "paused" if message.paused else "idle", "you paused it"))
    elif not isinstance(message, Cancel) and type(message).__name__ != "Index":
        send(Report(number, []))


def main() -> int:
    mode = sys.argv[1]
    send(Hello("service", 1, PROTOCOL_VERSION + (mode == "old")))
    if mode == "refuses":
        send(Failed(0, "Satchel cannot use /x.", "Choose another home."))
        return 1
    if mode == "held":  # by another, the first time; what it was started with is kept
        log = Path(sys.argv[2])
        before = log.read_text() if log.exists() else ""
        log.write_text(before + " ".join(sys.argv[3:]) + "\n")
        if not before:
            send(Failed(0, "Another Satchel does not answer.", "End it."))
            return 1
    if mode == "elsewhere":
        send(Done(0))
        return 0
    if mode == "dies" and Path(sys.argv[2]).exists():
        mode = "ok"
    for line in sys.stdin:
        message = decode(line)
        if mode == "never":
            continue
        if mode == "late" and isinstance(message, Search):
            time.sleep(1.0)
        if mode == "dies" and isinstance(message, Search):
            Path(sys.argv[2]).touch()
            return 9
        if mode == "garbage":
            number = int(getattr(message, "id", 0))
            sys.stdout.write('not json\n{"type":"Unknown","id":1}\n{"type":"Report"}\n\n')
            send(Report(number + 500, []))
            answer(message, mode)
            if not isinstance(message, Subscribe):
                send(Failed(number, "doubled", ""))
            continue
        answer(message, mode)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
