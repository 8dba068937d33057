"""Lists in place of indexes: the files of a folder, documents by content, titles together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.index.digest import DIGEST_BYTES
from core.messages import UNTITLED, About
from core.store.catalogue import Catalogue
from core.store.contents import BUCKETS
from core.store.database import StoreDamagedError
from core.store.inside import pack_inside, runs, unpack_inside
from core.store.migrations import CATALOGUE, migrate
from core.store.places import pack_places
from core.store.rows import NewDocument
from core.store.titles import BLOCK, abouts, add_abouts, drop_abouts


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    opened = Catalogue(tmp_path / "catalogue.db")
    opened.files.sync_folders(["/a"])
    yield opened
    opened.close()


def document(number: int, file: int, title: str | None = None) -> NewDocument:
    digest = number.to_bytes(DIGEST_BYTES, "little")
    return NewDocument(digest, ["text"], 4, About(title), False, b"", [file])


def listed(catalogue: Catalogue) -> dict[str, int]:
    """The files by path, as each folder's list has them."""
    return {
        f"{where}/{name}": row.id
        for where, directory in catalogue.survey.dirs(1).items()
        for name, row in catalogue.survey.files(directory.id).items()
    }


def in_rows(catalogue: Catalogue) -> dict[str, int]:
    """The files by path, as their rows have them."""
    rows = catalogue.db.execute("SELECT dir.path, name, file.id FROM file JOIN dir ON dir.id=dir")
    return {f"{where.decode()}/{name.decode()}": number for where, name, number in rows}


# --- the files of a folder ----------------------------------------------------------------------


@given(st.sets(st.integers(1, 2**40), max_size=60), st.integers(0, 30))
def test_lists_of_files_come_back(numbers: set[int], run: int) -> None:
    wanted = sorted({number + more for number in numbers for more in range(run)})
    tags = np.arange(len(wanted), dtype=np.uint16) * 31
    packed = pack_inside(np.array(wanted, dtype=np.int64), tags)
    ids, back = unpack_inside(packed)
    assert ids.tolist() == wanted
    assert back.tolist() == tags.tolist()
    assert [n for first, last in runs(packed) for n in range(first, last + 1)] == wanted


def test_files_noted_together_take_two_bytes_each() -> None:
    packed = pack_inside(np.arange(5000, 15_000), np.zeros(10_000, dtype=np.uint16))
    assert len(packed) < 2 * 10_000 + 8


@given(st.binary(max_size=40))
def test_a_damaged_list_is_told(data: bytes) -> None:
    try:
        ids, tags = unpack_inside(data)
    except StoreDamagedError:
        return
    assert len(ids) == len(tags)


def test_lists_and_rows_agree_whatever_happens_to_files(catalogue: Catalogue) -> None:
    survey = catalogue.survey
    survey.note(1, [(f"d/{n}", n, 1) for n in range(40)] + [(f"e/{n}", n, 1) for n in range(5)])
    at = listed(catalogue)
    assert at == in_rows(catalogue)
    assert len(at) == 45
    assert survey.note(1, [("d/3", 9, 9), ("d/3", 9, 10), ("d/new", 1, 1)])[:2] == [at["d/3"]] * 2
    catalogue.files.remove([at["d/0"], at["d/7"], at["e/4"]])
    moves = [("d/1", "d/2"), ("d/2", "d/1"), ("d/5", "e/3"), ("e/0", "f/0"), ("d/6", "d/sixth")]
    survey.relocate([(at[old], 1, new) for old, new in moves])
    after = listed(catalogue)
    assert after == in_rows(catalogue)
    assert {new: after[new] for _, new in moves} == {new: at[old] for old, new in moves}
    assert not {"d/0", "d/5", "d/6", "d/7", "e/0", "e/4"} & set(after)
    assert len(after) == 45 + 1 - 3 - 1, "what stood where a file went is gone"
    for path, number in after.items():
        row = survey.file(1, path)
        assert row is not None
        assert row.id == number
        assert catalogue.files.at(f"/a/{path}") == [number]
    assert survey.file(1, "d/0") is None
    assert sorted(catalogue.files.below("/a/d")) == sorted(
        number for path, number in after.items() if path.startswith("d/")
    )
    assert sorted(survey.paths(1, "e")) == sorted(p for p in after if p.startswith("e/"))
    assert survey.any_file(1, "f")
    catalogue.files.remove([after["f/0"]])
    assert not survey.any_file(1, "f")
    directory = survey.dir(1, "f")
    assert directory is not None
    survey.forget_dirs([directory.id])
    assert survey.dir(1, "f") is None


# --- documents by content -----------------------------------------------------------------------


def test_a_content_is_found_among_many_in_its_list(catalogue: Catalogue) -> None:
    count = 3 * BUCKETS
    files = catalogue.survey.note(1, [(f"{n}", 1, 1) for n in range(count)])
    new = [document(n, file) for n, file in enumerate(files)]
    _, numbers = catalogue.publish("s", "m", new)
    assert [catalogue.document_with(one.hash) for one in new] == numbers
    assert catalogue.document_with(b"\xff" * DIGEST_BYTES) is None
    catalogue.files.remove(files[::2])
    left = [None if at % 2 == 0 else number for at, number in enumerate(numbers)]
    assert [catalogue.document_with(one.hash) for one in new] == left
    catalogue.files.remove(files)
    assert catalogue.db.execute("SELECT count(*) FROM content").get == 0


def test_what_is_read_again_is_not_linked_by_its_content(catalogue: Catalogue) -> None:
    files = catalogue.survey.note(1, [("one", 1, 1), ("two", 1, 1)])
    segment, [number] = catalogue.publish("s", "m", [document(5, files[0])])
    assert segment is not None
    catalogue.read_again(segment)
    assert catalogue.document_with(document(5, 0).hash) is None
    _, [other] = catalogue.publish("t", "m", [document(5, files[1])])
    assert catalogue.document_with(document(5, 0).hash) == other
    catalogue.files.remove([files[0]])
    assert catalogue.documents().id.tolist() == [other] != [number]
    assert catalogue.document_with(document(5, 0).hash) == other


# --- titles -------------------------------------------------------------------------------------


def test_titles_come_back_from_many_blocks(catalogue: Catalogue) -> None:
    db = catalogue.db
    told = {
        5 * n + 1: About(f"Title {n}", None if n % 2 else "An author", n if n % 3 else None)
        for n in range(2 * BLOCK + 10)
    }
    told[2] = UNTITLED
    with db:
        for number, about in sorted(told.items())[:40]:  # one after another, as files are saved
            add_abouts(db, {number: about})
        add_abouts(db, dict(sorted(told.items())[40:]))
    assert abouts(db, told) == told
    assert db.execute("SELECT count(*) FROM about").get == 3
    assert abouts(db, [0, 3, 10**9]) == dict.fromkeys((0, 3, 10**9), UNTITLED)
    gone = sorted(told)[::2]
    with db:
        drop_abouts(db, gone)
    assert abouts(db, told) == told | dict.fromkeys(gone, UNTITLED)
    with db:
        drop_abouts(db, told)
    assert db.execute("SELECT count(*) FROM about").get == 0


def test_a_title_goes_with_its_document(catalogue: Catalogue) -> None:
    files = catalogue.survey.note(1, [("one", 1, 1), ("two", 1, 1)])
    _, numbers = catalogue.publish(
        "s", "m", [document(1, files[0], "Kept"), document(2, files[1], "Gone")]
    )
    catalogue.files.remove(files[1:])
    assert abouts(catalogue.db, numbers) == {numbers[0]: About("Kept"), numbers[1]: UNTITLED}


def test_damaged_titles_are_told(catalogue: Catalogue) -> None:
    files = catalogue.survey.note(1, [("one", 1, 1)])
    _, numbers = catalogue.publish("s", "m", [document(1, files[0], "A title")])
    catalogue.db.execute("UPDATE about SET packed=x'789c'")
    with pytest.raises(StoreDamagedError, match="titles"):
        catalogue.about(numbers)


# --- a catalogue of before ----------------------------------------------------------------------


def test_a_catalogue_with_indexes_opens_and_holds_what_it_held(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.db"
    db = apsw.Connection(str(path))
    migrate(db, CATALOGUE[:4], "catalogue")
    db.execute("INSERT INTO folder(path) VALUES(x'2f61')")
    db.execute("INSERT INTO dir(folder, path) VALUES(1, x''), (1, x'64')")
    db.execute("INSERT INTO meta VALUES('next_chunk', 12)")
    places = pack_places([1, 4, 9])
    db.execute(
        "INSERT INTO segment(name, chunks, model, documents) VALUES('s',11,'m',?)", (places,)
    )
    hashes = [bytes([n]) * 12 for n in (1, 0, 3)]
    rows = [(1, hashes[0], 3, 8, 2, '["Letter","Ann"]'), (4, hashes[1], 5, 9, 1, None),
            (9, hashes[2], 2, 7, 3, '[null,null,7]')]  # fmt: skip
    db.executemany(
        "INSERT INTO document(id, hash, chunks, text_bytes, file, about) VALUES(?,?,?,?,?,?)", rows
    )
    files = [(2, b"b", 4), (1, b"a", 1), (2, b"c", 9), (1, b"d", 1), (2, b"waits", None)]
    db.executemany(
        "INSERT INTO file(dir, tag, name, size, mtime_ns, state, document) VALUES(?,0,?,1,1,?,?)",
        [(where, name, int(held is not None), held) for where, name, held in files],
    )
    db.execute("INSERT INTO copy VALUES(1, 4)")
    db.close()
    catalogue = Catalogue(path)
    assert listed(catalogue) == in_rows(catalogue)
    assert set(listed(catalogue)) == {"/a", "/d", "d/b", "d/c", "d/waits"}
    assert catalogue.about([1, 4, 9]) == {
        1: (About("Letter", "Ann"), None), 4: (UNTITLED, None), 9: (About(None, None, 7), None),
    }  # fmt: skip
    assert catalogue.document_with(bytes([1]) * 8) == 1
    assert catalogue.document_with(bytes([3]) * 8) == 9
    assert catalogue.document_with(bytes(8)) is None, "unknown content is linked to nothing"
    rows_now = catalogue.documents()
    assert list(zip(rows_now.id, rows_now.chunks, strict=True)) == [(1, 3), (4, 5), (9, 2)]
    assert sorted(Path(ref.path).name for ref in catalogue.files_of([1])[1]) == ["a", "d"]
    assert [ref.path for _, ref in catalogue.files.waiting()] == ["/a/d/waits"]
    assert catalogue.problems() == []
    catalogue.close()
