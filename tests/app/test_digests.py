"""Whole files read by a real service: a summary, dates, changes, given up and gone on with."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import PATIENCE_S
from service_desk import last, search, serving

from app.cli import run
from app.local import InProcess, connect
from core.home import find_home
from core.messages import Digest, DigestDone, DigestProgress, Failed, Forget, SearchResults

STORY = (
    "The council of Wexcombe decided to rebuild the old harbour wall. "
    "Work on the harbour wall begins on {day} March 2027 and costs {cost} pounds. "
    "A cat watched from a window. "
)


def story(paragraphs: int) -> str:
    return "\n\n".join(
        STORY.format(day=1 + n % 28, cost=1000 + n) + f"Paragraph {n} ends here with a few words."
        for n in range(paragraphs)
    )


@pytest.fixture
def caller(home: Path) -> Iterator[InProcess]:
    with serving(home) as found:
        yield found


def digest(caller: InProcess, task: str, *paths: Path, anew: bool = False) -> DigestDone:
    wanted = tuple(str(path) for path in paths)
    done = last(caller, Digest(caller.next_id(), task, wanted, anew=anew))  # type: ignore[arg-type]
    assert isinstance(done, DigestDone), done
    return done


def test_a_summary_quotes_the_file_at_its_places(caller: InProcess, tmp_path: Path) -> None:
    path = tmp_path / "story.txt"
    path.write_text(story(60))
    done = digest(caller, "summarize", path)
    assert 3 <= len(done.entries) <= 12
    assert done.dropped == 0
    for entry in done.entries:
        assert entry.new is not None
        assert entry.new.locator.line is not None
        assert path.read_text()[entry.new.start : entry.new.end] == entry.new.text
    told = " ".join(entry.new.text for entry in done.entries if entry.new)
    assert "harbour wall" in told
    again = digest(caller, "summarize", path)
    assert again.entries == done.entries
    assert again.resumed_chars == done.chars  # nothing was read twice
    path.write_text("Nothing of that. It is about bread now, and how long it has to rest.")
    changed = digest(caller, "summarize", path)
    assert changed.resumed_chars == 0
    assert ["bread" in entry.new.text for entry in changed.entries if entry.new] == [True]


def test_dates_come_in_time_with_their_sentence(caller: InProcess, tmp_path: Path) -> None:
    path = tmp_path / "dates.md"
    path.write_text(
        "# Lease\n\nIt ends on 31 May 2028.\n\nIt began on 1 June 2023. Paid by 3 July.\n"
    )
    done = digest(caller, "dates", path)
    assert [entry.date for entry in done.entries] == ["2023-06-01", "2028-05-31", "--07-03"]
    first = done.entries[0].new
    assert first is not None
    assert (first.text, first.locator.line) == ("It began on 1 June 2023.", 5)
    assert first.text[slice(*first.marks[0])] == "1 June 2023"


def test_changes_between_two_formats(caller: InProcess, tmp_path: Path) -> None:
    old, new = tmp_path / "old.txt", tmp_path / "new.html"
    old.write_text("The rent is 540 pounds a month.\n\nDogs may run in the yard.\n\nThe end.")
    new.write_text("<p>The rent is 575 pounds a month.</p><p>The end.</p><p>Cats sleep inside.</p>")
    done = digest(caller, "changes", old, new)
    assert [entry.kind for entry in done.entries] == ["changed", "removed", "added"]
    changed = done.entries[0]
    assert changed.old is not None
    assert changed.new is not None
    assert changed.old.text[slice(*changed.old.marks[0])] == "540"
    assert changed.new.text[slice(*changed.new.marks[0])] == "575"
    assert digest(caller, "changes", old, old).entries == ()


def test_what_is_wanted_is_found_in_its_own_words(caller: InProcess, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(
        "The rent is 540 pounds a month. Dogs may run in the yard. The sky was blue that day. "
        "The tenants pay a deposit of 1,000 pounds. Ines plays the cello on Sundays."
    )
    done = last(caller, Digest(caller.next_id(), "find", (str(path),), wanted="payments"))
    assert isinstance(done, DigestDone), done
    found = [entry.new.text for entry in done.entries if entry.new]
    # Which of the near ones the model names is its own; that it can name no others is not.
    assert found
    assert set(found) <= {
        "The rent is 540 pounds a month.", "The tenants pay a deposit of 1,000 pounds.",
    }  # fmt: skip
    nothing = last(caller, Digest(caller.next_id(), "find", (str(path),), wanted=" "))
    assert isinstance(nothing, Failed)


def test_given_up_it_goes_on_from_there_and_searches_go_first(
    caller: InProcess, tmp_path: Path, home: Path
) -> None:
    path = tmp_path / "long.txt"
    path.write_text(story(500))
    waiting: list[SearchResults] = []
    told: list[DigestProgress] = []
    asker = threading.Thread(target=lambda: waiting.append(search(caller)))
    for reply in caller.ask(Digest(caller.next_id(), "summarize", (str(path),))):
        assert isinstance(reply, DigestProgress), reply
        told.append(reply)
        break  # which gives it up
    asker.start()
    asker.join(30)
    assert waiting
    assert 0 < told[-1].chars_done < len(path.read_text())
    digests = home / "data" / "digests"
    deadline = time.monotonic() + PATIENCE_S
    while not list(digests.glob("*.json")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    done = digest(caller, "summarize", path)
    assert 0 < done.resumed_chars < done.chars
    assert len(done.entries) == 12
    path.unlink()
    last(caller, Forget(caller.next_id(), str(path)))
    assert not list(digests.glob("*.json"))


def test_forgetting_gives_up_what_is_being_read(
    caller: InProcess, tmp_path: Path, home: Path
) -> None:
    path = tmp_path / "long.txt"
    path.write_text(story(1500))
    replies = caller.ask(Digest(caller.next_id(), "summarize", (str(path),)))
    assert isinstance(next(replies), DigestProgress)
    other = connect(find_home(str(home), os.environ), os.environ)
    last(other, Forget(other.next_id(), str(path)))
    other.close()
    ended = list(replies)[-1]
    assert isinstance(ended, Failed)
    assert not list((home / "data" / "digests").glob("*.json"))


def test_what_cannot_be_read_ends_in_words(caller: InProcess, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    for name, words in (
        ("none.txt", "is no longer there"),
        ("broken.pdf", "broken.pdf"),
        ("folder", "is not a regular file"),
    ):
        wanted = (str(tmp_path / name),)
        failed = last(caller, Digest(caller.next_id(), "summarize", wanted))
        assert isinstance(failed, Failed)
        assert words in failed.title
        assert "mistake" not in failed.title
    one = last(caller, Digest(caller.next_id(), "changes", (str(tmp_path / "folder"),)))
    assert isinstance(one, Failed)
    assert "Two files" in one.title


def test_the_command_line(
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caller: InProcess,  # noqa: ARG001 - the commands ask it
) -> None:
    old, new = tmp_path / "a.txt", tmp_path / "b.txt"
    old.write_text("The rent is 540 pounds, due on 1 May 2024.")
    new.write_text("The rent is 575 pounds, due on 1 May 2024.")

    def satchel(*arguments: str) -> str:
        assert run([*arguments, "--home", str(home)], os.environ) == 0
        return capsys.readouterr().out

    assert satchel("digest", "dates", str(old)) == (
        "2024-05-01  The rent is 540 pounds, due on 1 May 2024.  (line 1)\n"
    )
    assert satchel("digest", "changes", str(old), str(new)).splitlines() == [
        "- The rent is 540 pounds, due on 1 May 2024.  (line 1)",
        "+ The rent is 575 pounds, due on 1 May 2024.  (line 1)",
    ]
    body = json.loads(satchel("digest", "summarize", str(old), "--json"))
    assert [entry["new"]["text"] for entry in body["entries"]] == [old.read_text()]
