"""How many bytes the catalogue takes a file, and that catalogues of before are made small too."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import apsw
import pytest

from core.index.digest import DIGEST_BYTES
from core.messages import About
from core.store.catalogue import Catalogue
from core.store.migrations import CATALOGUE, migrate
from core.store.places import name_tag, pack_places, unpack_places
from core.store.rows import FileState, NewDocument

MOST_BYTES_A_FILE = 140
FRESH_BYTES = 50_000  # of a catalogue without a single file: one page a table and index
WORDS = (
    "report invoice letter notes garden house tax meeting minutes plan budget lease photo recipe "
    "travel draft final scan contract summary insurance bicycle harbour"
).split()


def names(count: int, chance: random.Random) -> list[str]:
    """Paths like a person's, a dozen files to a folder."""
    folders = [""]
    for number in range(count // 12):
        inside = chance.choice(folders)
        depth = inside.count("/")
        name = f"{chance.choice(WORDS)} {number}"
        folders.append(f"{inside}{name}/" if depth < 4 else f"{name}/")
    found: set[str] = set()
    while len(found) < count:
        name = "-".join(chance.sample(WORDS, chance.randint(1, 4)))
        ending = chance.choice(["txt", "md", "pdf", "docx", "html"])
        found.add(f"{chance.choice(folders)}{name}-{chance.randint(1, 9999)}.{ending}")
    return sorted(found)


def filled(path: Path, count: int) -> Catalogue:
    """A catalogue as a whole run leaves it: noted in one order, published in another, merged."""
    chance = random.Random(3)
    catalogue = Catalogue(path)
    catalogue.files.sync_folders(["/home/someone/Documents"])
    paths = names(count, chance)
    times = [1_600_000_000 * 10**9 + chance.randrange(2 * 10**17) for _ in paths]
    files = catalogue.survey.note(
        1,
        [
            (name, int(chance.lognormvariate(9, 1.5)), time)
            for name, time in zip(paths, times, strict=True)
        ],
    )
    documents = [
        NewDocument(
            hash=hashlib.blake2b(name.encode(), digest_size=DIGEST_BYTES).digest(),
            chunk_texts=["text"] * chance.randint(1, 10),
            text_bytes=chance.randint(100, 60_000),
            about=About(" ".join(chance.sample(WORDS, 4)) if chance.random() < 0.5 else None),
            slow=False,
            sketch=hashlib.blake2b(b"!" + name.encode(), digest_size=16).digest(),
            file_ids=[file],
        )
        for name, file in zip(paths, files, strict=True)
    ]
    chance.shuffle(documents)
    for at in range(0, count, 500):
        catalogue.publish(f"{at:016x}.segment", "m" * 16, documents[at : at + 500])
    rows = catalogue.documents()
    old = [row.id for row in catalogue.segments()]
    catalogue.replace_segments(old, f"{1:016x}.segment", "m" * 16, sorted(rows.id.tolist()))
    return catalogue


@pytest.mark.parametrize("count", [2_500, 8_000])
def test_a_file_costs_few_bytes(tmp_path: Path, count: int) -> None:
    path = tmp_path / "catalogue.db"
    catalogue = filled(path, count)
    assert catalogue.compact(10**9)
    assert not catalogue.compact(10**9), "what was just written anew has no holes"
    catalogue.checkpoint()
    assert path.stat().st_size / count <= MOST_BYTES_A_FILE
    rows = catalogue.documents()
    assert len(rows) == count
    assert rows.place.tolist() == list(range(count))
    refs = catalogue.files_of(rows.id.tolist())
    assert len({ref.path for [ref] in refs.values()}) == count
    assert catalogue.problems() == []
    catalogue.close()


def test_a_catalogue_is_not_written_anew_where_that_does_not_fit(tmp_path: Path) -> None:
    catalogue = filled(tmp_path / "catalogue.db", 2_500)
    assert not catalogue.compact(100_000)
    catalogue.close()


def test_an_empty_catalogue_is_small(tmp_path: Path) -> None:
    Catalogue(tmp_path / "catalogue.db").close()
    assert (tmp_path / "catalogue.db").stat().st_size <= FRESH_BYTES


def test_names_in_a_folder_have_different_tags() -> None:
    tags = {name_tag(b"0%d-holiday.jpeg" % number) for number in range(10_000)}
    assert len(tags) > 9_000
    assert min(tags) >= -(2**15)
    assert max(tags) < 2**15


def test_places_come_back() -> None:
    places, numbers = unpack_places(pack_places([3, 4, 900, 10**9]))
    assert (places.tolist(), numbers.tolist()) == ([0, 1, 2, 3], [3, 4, 900, 10**9])
    places, numbers = unpack_places(pack_places({1: 5, 4: 6}))
    assert (places.tolist(), numbers.tolist()) == ([1, 4], [5, 6])
    assert unpack_places(pack_places([]))[0].tolist() == []
    for wrong in ([4, 3], [4, 4]):
        with pytest.raises(ValueError, match="in order"):
            pack_places(wrong)


# --- a catalogue of before ---------------------------------------------------------------------


def of_before(path: Path) -> None:
    """A catalogue of the third version, as that version wrote it."""
    db = apsw.Connection(str(path))
    migrate(db, CATALOGUE[:3], "catalogue")
    db.execute(
        """
        INSERT INTO folder(path, device, mounts) VALUES(x'2f61', 7, '["m"]');
        INSERT INTO dir(folder, path) VALUES(1, x''), (1, CAST('d' AS BLOB));
        INSERT INTO reason(text) VALUES('broken');
        INSERT INTO segment(name, chunks, model) VALUES('old', 9, 'm'), ('new', 4, 'm');
        INSERT INTO meta VALUES('next_chunk', 20);
        """
    )
    hashes = [bytes([number]) * 12 for number in range(6)]
    rows = [  # the second document of `old` is gone; the fourth has no chunks
        (1, hashes[0], 1, 0, 1, 2, 10, b"s" * 16, '["A title"]', 1),
        (3, hashes[1], 1, 2, 7, 3, 30, b"s" * 16, None, 1),
        (4, hashes[2], 2, 0, 10, 4, 40, None, None, None),
        (5, hashes[3], None, None, 14, 0, 0, None, None, None),
        (6, hashes[4], None, None, 14, 0, 0, None, None, None),
    ]
    db.executemany("INSERT INTO document VALUES(?,?,?,?,?,?,?,?,?,?)", rows)
    files = [
        (1, 1, b"one", 1, None, 1),
        (2, 2, b"same as one", 1, None, 1),
        (3, 2, b"three", 1, None, 3),
        (4, 1, b"four", 1, None, 4),
        (5, 1, b"empty", 1, None, 5),
        (6, 1, b"bad", 2, 1, None),
        (7, 1, b"waits", 0, None, None),
        (8, 1, b"empty too", 1, None, 6),
    ]
    db.executemany(
        "INSERT INTO file(id, dir, name, size, mtime_ns, state, reason, document) "
        "VALUES(?,?,?,5,6,?,?,?)",
        files,
    )
    db.close()


def test_a_catalogue_of_before_opens_and_holds_what_it_held(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.db"
    of_before(path)
    catalogue = Catalogue(path)
    rows = catalogue.documents()
    assert list(zip(rows.id, rows.segment, rows.place, rows.chunks, strict=True)) == [
        (1, 1, 0, 2), (7, 1, 2, 3), (10, 2, 0, 4),
    ]  # fmt: skip
    held = {
        number: [Path(ref.path).name for ref in refs]
        for number, refs in catalogue.files_of([1, 7, 10]).items()
    }
    assert held == {1: ["one", "same as one"], 7: ["three"], 10: ["four"]}
    assert catalogue.about([1])[1] == (About("A title"), 1)
    assert catalogue.families([1, 7, 10]) == [1, 1, None]
    assert [ref.path for _, ref in catalogue.files.waiting()] == ["/a/waits"]
    counts = catalogue.files.coverage()
    assert (counts["indexed"], counts["failed"], counts["waiting"]) == (6, 1, 1)
    standing = catalogue.files.standing("/a/bad")
    assert standing is not None
    assert (standing.state, standing.reason) == (FileState.FAILED, "broken")
    assert catalogue.document_at("/a/d/three") == 7
    assert catalogue.document_with(bytes([1]) * 8) == 7
    [folder] = catalogue.files.folders()
    assert (folder.path, folder.device, folder.mounts) == ("/a", 7, ("m",))
    # Numbers go on where they were, and those that were given are not given again.
    document = NewDocument(b"n" * 12, ["x"], 1, About(None), False, b"", [7])
    assert catalogue.publish("s", "m", [document])[1] == [22]
    assert {catalogue.document_at(f"/a/{name}") for name in ("empty", "empty too")} == {20, 21}
    catalogue.files.remove([1])
    assert [Path(ref.path).name for ref in catalogue.files_of([1])[1]] == ["same as one"]
    catalogue.files.remove([2])
    assert catalogue.files_of([1]) == {}
    assert catalogue.documents().id.tolist() == [7, 10, 22]
    assert catalogue.problems() == []
    catalogue.close()
