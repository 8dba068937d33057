"""Families in the catalogue: who belongs together after documents come, change and go."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prose import Prose

from core.messages import UNTITLED, About
from core.store.catalogue import Catalogue
from core.store.families import ALIKE
from core.store.rows import NewDocument
from core.text.sketch import likeness, sketch


class Shelf:
    """A catalogue with one watched folder of files that hold made-up texts."""

    def __init__(self, path: Path) -> None:
        self.catalogue = Catalogue(path)
        self.catalogue.files.sync_folders(["/a"])
        self._made = 0

    def put(self, **texts: str) -> None:
        """Give files these texts, in one publication."""
        self.catalogue.survey.note(1, [(name, 1, self._made) for name in texts])
        known = self.names()
        new = []
        for name, text in texts.items():
            self._made += 1
            new.append(
                NewDocument(
                    hash=self._made.to_bytes(16),
                    chunk_texts=[text],
                    text_bytes=len(text),
                    about=About("A title") if name == "titled" else UNTITLED,
                    slow=False,
                    sketch=sketch(text),
                    file_ids=[known[name]],
                )
            )
        self.catalogue.publish("segment", "model", new)

    def remove(self, *names: str) -> None:
        known = self.names()
        self.catalogue.files.remove([known[name] for name in names])

    def names(self) -> dict[str, int]:
        """The numbers of the files that are there."""
        return dict(self.catalogue.db.execute("SELECT CAST(name AS TEXT), id FROM file"))

    def families(self) -> set[frozenset[str]]:
        """The names of the files in each family."""
        rows = self.catalogue.db.execute(
            "SELECT family, CAST(name AS TEXT) FROM file JOIN document ON document.id=document"
        )
        found: dict[object, set[str]] = {}
        for family, name in rows:
            if family is not None:
                found.setdefault(family, set()).add(name)
        return {frozenset(names) for names in found.values()}

    def truth(self) -> set[frozenset[str]]:
        """The same by comparing every two sketches."""
        rows = self.catalogue.db.execute(
            "SELECT CAST(name AS TEXT), sketch FROM file JOIN document ON document.id=document "
            "WHERE sketch IS NOT NULL"
        ).fetchall()
        groups = [{name} for name, _ in rows]
        for at, (_, one) in enumerate(rows):
            for other in range(at):
                two = np.frombuffer(rows[other][1], dtype=np.uint8).reshape(1, -1)
                if likeness(one, two)[0] >= ALIKE and groups[at] is not groups[other]:
                    groups[other] |= groups[at]
                    for name in groups[at]:
                        groups[[n for n, _ in rows].index(name)] = groups[other]
        return {frozenset(group) for group in groups if len(group) > 1}


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "catalogue.db")


def chain(seed: int, steps: int) -> list[str]:
    """Texts each of which is like the next one, but not like those further on."""
    prose = Prose(seed)
    sentences = [prose.sentence() for _ in range(40 + 7 * steps)]
    return [" ".join(sentences[7 * at : 7 * at + 40]) for at in range(steps + 1)]


def test_versions_are_a_family_and_others_are_not(shelf: Shelf) -> None:
    prose = Prose(1)
    text = prose.paragraph(20)
    shelf.put(first=text, other=prose.paragraph(20), short="too short for a sketch")
    assert shelf.families() == set()
    shelf.put(second=text + prose.sentence())
    assert shelf.families() == {frozenset({"first", "second"})}
    shelf.put(twin=prose.paragraph(3), third=prose.sentence() + text)
    assert shelf.families() == {frozenset({"first", "second", "third"})}


def test_documents_of_one_publication_find_each_other(shelf: Shelf) -> None:
    text = Prose(2).paragraph(20)
    shelf.put(first=text, second=text + "One more sentence.")
    assert shelf.families() == {frozenset({"first", "second"})}


def test_a_document_between_two_families_joins_them_and_parts_them(shelf: Shelf) -> None:
    one, between, two = chain(23, 2)
    shelf.put(one=one, one_more=one + "The end.", two=two, two_more=two + "The end.")
    assert len(shelf.families()) == 2
    shelf.put(between=between)
    assert shelf.families() == {frozenset({"one", "one_more", "between", "two", "two_more"})}
    shelf.remove("between")
    assert shelf.families() == {frozenset({"one", "one_more"}), frozenset({"two", "two_more"})}
    shelf.remove("one_more", "two_more")
    assert shelf.families() == set()


def test_a_file_that_changed_leaves_its_family(shelf: Shelf) -> None:
    prose = Prose(4)
    text = prose.paragraph(20)
    shelf.put(first=text, second=text + "The end.", third=text + "Another end.")
    shelf.put(second=prose.paragraph(20))
    assert shelf.families() == {frozenset({"first", "third"})}
    shelf.put(third=text + "A third end.")
    assert shelf.families() == {frozenset({"first", "third"})}
    shelf.put(first="now too short")
    assert shelf.families() == set()


def test_the_name_of_a_family_is_not_used_again(shelf: Shelf) -> None:
    """Row numbers are given again after the last row is gone; a family's name is not."""
    text, other = Prose(5).paragraph(20), Prose(6).paragraph(20)
    shelf.put(first=text, second=text + "The end.")
    shelf.put(last=text + "Another end.")
    shelf.remove("last")
    shelf.put(other=other, other_more=other + "The end.")
    assert shelf.families() == {
        frozenset({"first", "second"}),
        frozenset({"other", "other_more"}),
    }


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.integers(0, 9), st.integers(0, 11)),
            st.tuples(st.just("remove"), st.integers(0, 9), st.just(0)),
        ),
        max_size=14,
    ),
)
def test_families_are_what_hangs_together(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    shelf = Shelf(tmp_path_factory.mktemp("shelf") / "catalogue.db")
    texts = [*chain(7, 5), *chain(8, 5)]
    for action, file, text in steps:
        name = f"file{file}"
        if action == "put":
            shelf.put(**{name: texts[text]})
        elif name in shelf.names():
            shelf.remove(name)
        assert shelf.families() == shelf.truth()
    shelf.catalogue.close()


def test_what_a_document_says_of_itself_comes_with_its_family(shelf: Shelf) -> None:
    text = Prose(9).paragraph(20)
    shelf.put(titled=text, other=text + "The end.", lone=Prose(10).paragraph(20))
    numbers = dict(shelf.catalogue.db.execute("SELECT CAST(name AS TEXT), document FROM file"))
    about = shelf.catalogue.about(list(numbers.values()))
    assert about[numbers["titled"]][0] == About("A title")
    assert about[numbers["titled"]][1] == about[numbers["other"]][1] is not None
    assert about[numbers["lone"]] == (UNTITLED, None)
    one, two, none = shelf.catalogue.families(
        [numbers["titled"], numbers["other"], numbers["lone"]]
    )
    assert one == two is not None
    assert none is None
