"""The index for another embedding model: which one serves, what is carried over, taking over."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from helpers import Lab

from core.home import Home
from core.index.code_choice import CodeChoice
from core.index.codes import Rotation
from core.index.embedder import Description, EmbeddingModel
from core.index.fidelity import Fidelity
from core.index.foreign import carry_out_of_reach
from core.index.segment import Segment
from core.index.succession import (
    choose_serving,
    give_up,
    has_next,
    mark_ready,
    next_home,
    shortage,
    take_place,
)
from core.store.rows import SegmentRow

MB = 1_000_000


def model(name: str) -> EmbeddingModel:
    fidelity = Fidelity(*(1.0 for _ in Fidelity.__struct_fields__))
    about = Description(name, 384, 256, "free", f"print-{name}", fidelity)
    return EmbeddingModel(Path("models", name), about)


OLD, NEW, THIRD = model("old"), model("new"), model("third")


def rows(**chunks: int) -> list[SegmentRow]:
    return [
        SegmentRow(number, f"{number}.segment", count, f"print-{name}")
        for number, (name, count) in enumerate(chunks.items())
    ]


@pytest.mark.parametrize(
    ("segments", "chosen", "here", "taken", "serving"),
    [
        ({}, NEW, [OLD, NEW], None, NEW),
        ({"new": 5}, NEW, [OLD, NEW], None, NEW),
        ({"old": 5}, NEW, [OLD, NEW], None, OLD),
        ({"old": 5}, NEW, [NEW], None, NEW),  # the old one's files are gone
        ({"old": 5}, None, [OLD], None, OLD),  # those of the chosen one are
        ({"old": 50, "new": 1}, NEW, [OLD, NEW], None, NEW),  # words only of what was out of reach
        ({"old": 50}, NEW, [OLD, NEW], "print-new", NEW),  # all of it was
        ({"old": 2, "third": 9}, NEW, [OLD, NEW, THIRD], None, THIRD),
        ({"gone": 9, "old": 2}, NEW, [OLD, NEW], None, OLD),
        ({}, None, [], None, None),
    ],
)
def test_which_model_serves(
    segments: dict[str, int],
    chosen: EmbeddingModel | None,
    here: list[EmbeddingModel],
    taken: str | None,
    serving: EmbeddingModel | None,
) -> None:
    known = {one.folder.name: one for one in here}
    assert choose_serving(rows(**segments), chosen, known, taken) is serving


def test_room_for_both_is_asked_for() -> None:
    assert shortage("old", "new", 3 * MB, 9 * MB) is None
    problem = shortage("old", "new", 3 * MB, 2 * MB)
    assert problem is not None
    assert "3.0 MB" in problem.title
    assert "old goes on searching" in problem.title
    assert "budget --disk" in problem.advice
    assert "models use old" in problem.advice


# --- taking over -------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with an old index, and a new one in its folder."""
    found = Home(tmp_path / "c", tmp_path / "data", tmp_path / "cache", tmp_path / "models")
    for place, text in ((found, "old"), (next_home(found), "new")):
        place.create()
        place.catalogue.write_text(text)
        (place.segments / f"{text}.segment").write_text(text)
        place.rotations.mkdir()
        (place.rotations / f"{text}.npz").write_text(text)
    (home_wal := found.catalogue.with_name("catalogue.db-wal")).write_text("of the old one")
    assert home_wal.exists()
    found.history.write_text("conversations")
    return found


def contents(home: Home) -> dict[str, str]:
    return {
        str(path.relative_to(home.data)): path.read_text()
        for path in home.data.rglob("*")
        if path.is_file()
    }


TAKEN = {
    "catalogue.db": "new",
    "segments/new.segment": "new",
    "rotations/new.npz": "new",
    "history.db": "conversations",
}


def test_a_new_index_takes_over_only_when_it_is_ready(home: Home) -> None:
    before = contents(home)
    assert not take_place(home)
    assert contents(home) == before
    mark_ready(home)
    assert take_place(home)
    assert contents(home) == TAKEN
    assert not has_next(home)
    assert not take_place(home)
    assert contents(home) == TAKEN


def test_taking_over_goes_on_wherever_it_was_interrupted(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark_ready(home)
    spare = home.data.with_name("spare")
    shutil.copytree(home.data, spare)
    calls = 0
    for survived in range(40):
        shutil.rmtree(home.data)
        shutil.copytree(spare, home.data)
        calls = 0

        def counted(original, survived=survived):  # type: ignore[no-untyped-def]
            def call(*arguments, **named):  # type: ignore[no-untyped-def]
                nonlocal calls
                calls += 1
                if calls > survived:
                    raise OSError("the power went")
                return original(*arguments, **named)

            return call

        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", counted(Path.unlink))
            patch.setattr(Path, "rename", counted(Path.rename))
            patch.setattr(shutil, "rmtree", counted(shutil.rmtree))
            try:
                take_place(home)
                interrupted = False
            except OSError:
                interrupted = True
        take_place(home)
        assert contents(home) == TAKEN, survived
        if not interrupted:
            assert survived > 5
            return
    raise AssertionError("it never came to its end")


def test_a_new_index_can_be_given_up(home: Home) -> None:
    give_up(home)
    give_up(home)
    assert not has_next(home)
    assert contents(home)["catalogue.db"] == "old"


# --- what is out of reach ----------------------------------------------------------------------


def test_what_is_out_of_reach_is_carried_over_for_words(tmp_path: Path, rotation: Rotation) -> None:
    old = Lab(tmp_path / "old", rotation)
    new = Lab(tmp_path / "new", rotation)
    new.files = old.files
    new.store._model = "newer"  # as if another model had made it
    (old.files / "drive").mkdir()
    for name in ("here.txt", "drive/away.txt", "drive/same.txt", "drive/other.txt"):
        text = "lighthouse" if "same" in name or "away" in name else f"harbour of {name}"
        old.write(name, f"{text} first line\nand a second line")
    old.index()
    drive = old.catalogue.survey.dirs(1)["drive"]
    old.catalogue.survey.set_dirs_offline([drive.id])
    shutil.move(old.files / "drive", tmp_path / "drive")
    new.index()
    for _ in range(2):  # the second time, as after an interruption, nothing is left to do
        carry_out_of_reach(old.catalogue, old.store.view, new.catalogue, new.segments)
    new.store = type(new.store)(
        new.segments, new.catalogue, CodeChoice(rotation), "newer", new.texts, lambda: 10**9
    )
    counts = new.catalogue.files.coverage()
    assert (counts["indexed"], counts["offline"], counts["waiting"]) == (1, 3, 0)
    assert new.store.segment_count == 2
    assert new.store.verify() == {}
    [hit] = new.search("lighthouse", mode="lexical", k=1).hits
    assert hit.state == "offline"
    assert {Path(ref.path).name for ref in files_of_the_same(new)} == {"away.txt", "same.txt"}
    assert [Path(hit.path).name for hit in new.search("line", mode="semantic").hits] == [
        "here.txt",
        "here.txt",
    ]
    shutil.move(tmp_path / "drive", old.files / "drive")
    assert new.index().embedded_chunks == 4, "two of the files are the same"
    assert new.catalogue.files.coverage()["indexed"] == 4
    assert {Segment(path).header.model for path in new.segments.iterdir()} == {"newer"}
    for lab in (old, new):
        lab.close()


def files_of_the_same(lab: Lab) -> list:  # type: ignore[type-arg]
    found = lab.catalogue.files_of(lab.catalogue.documents().id.tolist())
    return next(refs for refs in found.values() if len(refs) == 2)
