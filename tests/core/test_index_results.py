"""What a search shows of files that hold the same: through the whole index, with made-up files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from helpers import Lab
from prose import Made, Prose, invoices, letters, versions

from core.chat.assistant import gather
from core.chat.evidence import load_evidence
from core.messages import About, Hit

QUERY = "where the lighthouse keeper leaves his spare key"
KEY = f"This note says {QUERY}: under the third flower pot beside the green door of the shed."


def put(lab: Lab, made: Made) -> None:
    lab.write(made.name, made.text)


def copies(hit: Hit) -> list[tuple[str, str]]:
    return [(Path(copy.path).name, copy.kind) for copy in hit.copies]


def with_key(prose: Prose, paragraphs: int = 6) -> list[str]:
    """Paragraphs, one of which tells about the key."""
    return [*prose.paragraphs(paragraphs), f"{KEY} {prose.paragraph(3)}"]


def test_files_with_the_same_content_are_one_hit(lab: Lab) -> None:
    for number, name in enumerate(("b/one.txt", "a/two.txt", "c/three.txt")):
        path = lab.write(name, KEY)
        os.utime(path, ns=(10**18 + number, 10**18 + number))
    lab.index()
    [hit] = lab.search(QUERY).hits
    assert Path(hit.path).name == "three.txt"
    assert copies(hit) == [("two.txt", "identical"), ("one.txt", "identical")]
    [hit] = lab.search(QUERY, below=str(lab.files / "b")).hits
    assert Path(hit.path).name == "one.txt"
    assert copies(hit) == [("three.txt", "identical"), ("two.txt", "identical")]
    (lab.files / "c/three.txt").unlink()
    [hit] = lab.search(QUERY).hits
    assert (Path(hit.path).name, hit.state) == ("two.txt", "ok")
    [hit] = lab.search(QUERY, fold=False).hits
    assert len(hit.copies) == 2


def test_a_file_that_can_be_read_comes_first(lab: Lab) -> None:
    for number, name in enumerate(("here/old.txt", "away/new.txt")):
        os.utime(lab.write(name, KEY), ns=(10**18 + number, 10**18 + number))
    lab.index()
    lab.catalogue.db.execute("UPDATE dir SET offline=1 WHERE CAST(path AS TEXT)='away'")
    [hit] = lab.search(QUERY).hits
    assert (Path(hit.path).name, hit.state) == ("old.txt", "ok")
    assert copies(hit) == [("new.txt", "identical")]
    [hit] = lab.search(QUERY, below=str(lab.files / "away")).hits
    assert (Path(hit.path).name, hit.state, hit.snippet) == ("new.txt", "offline", "")


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("mode", ["hybrid", "semantic", "lexical"])
def test_versions_are_folded_into_the_best(lab: Lab, mode: str, exact: bool) -> None:
    prose = Prose(1)
    text = with_key(prose)
    lab.write("first.txt", "\n".join(text))
    lab.write("second.txt", "\n".join([*text[:2], prose.paragraph(), *text[2:]]))
    lab.write("third.txt", "\n".join(text[1:]))
    lab.write("note.txt", KEY + " " + prose.paragraph(3))
    for number in range(12):
        lab.write(f"other{number}.txt", f"The lighthouse keeper knows. {prose.paragraph(8)}")
    lab.index()
    results = lab.search(QUERY, k=5, mode=mode, exact=exact)
    assert len(results.hits) == 5
    [hit] = [hit for hit in results.hits if hit.copies]
    names = {Path(hit.path).name, *(name for name, _ in copies(hit))}
    assert names == {"first.txt", "second.txt", "third.txt"}
    assert {kind for _, kind in copies(hit)} == {"near"}
    apart = lab.search(QUERY, k=15, mode=mode, exact=exact, fold=False)
    shown = [(h.path, h.start) for h in apart.hits]
    assert shown.index((hit.path, hit.start)) < min(
        shown.index((copy.path, at))
        for copy in hit.copies
        for path, at in shown
        if path == copy.path
    )
    assert not any(hit.copies for hit in apart.hits)


def test_as_many_hits_as_there_are_different_ones(lab: Lab) -> None:
    """Forty versions of one file leave room for everything else."""
    prose = Prose(2)
    text = with_key(prose, 3)
    for number in range(40):
        lab.write(f"version{number}.txt", "\n".join([*text, prose.sentence()]))
    for number in range(20):
        lab.write(f"other{number}.txt", f"{QUERY} of house {number}: {prose.paragraph(2)}")
    lab.index()
    for mode in ("semantic", "hybrid", "lexical"):
        results = lab.search(QUERY, k=12, limit=16, mode=mode)
        assert len(results.hits) == 12
        assert [hit.rank for hit in results.hits] == list(range(1, 13))
        scores = [hit.score for hit in results.hits]
        assert scores == sorted(scores, reverse=True)
        versions_shown = [hit for hit in results.hits if "version" in hit.path]
        assert len(versions_shown) <= 1
        assert results.recomputed <= 16


def test_versions_do_not_use_up_the_exact_scores(lab: Lab) -> None:
    prose = Prose(3)
    text = [*prose.paragraphs(3), KEY]  # nearer to the query than the other files
    for number in range(30):
        lab.write(f"version{number}.txt", "\n".join([*text, prose.sentence()]))
    for number in range(10):
        lab.write(f"other{number}.txt", f"{QUERY} of house {number}: {prose.paragraph(3)}")
    lab.index()
    results = lab.search(QUERY, k=8, limit=16, mode="semantic")
    query = lab.embedder.embed([QUERY])[0]
    others = [
        (cosine, text)
        for hit, cosine, text in zip(results.hits, results.cosines, results.passages, strict=True)
        if "other" in hit.path
    ]
    assert len(others) >= 7
    for cosine, passage in others:
        assert passage is not None
        exact = float(lab.embedder.embed([passage])[0] @ query)
        assert cosine == pytest.approx(exact, abs=1e-5)
    assert results.recomputed == 16


def test_what_only_looks_alike_stays_apart(lab: Lab) -> None:
    prose = Prose(4)
    bills = invoices(prose, 12)
    for made in bills:
        put(lab, Made(made.name, " ".join(made.text.split()), made.group))
    for made in letters(prose, 12):
        put(lab, made)
    lab.index()
    hits = lab.search("pay the invoice total to our account", k=12, mode="lexical").hits
    assert {Path(hit.path).name for hit in hits} == {made.name for made in bills}
    feet = lab.search("confidential and meant for the person", k=12, mode="lexical").hits
    assert len({hit.path for hit in feet}) == 12
    assert not any(hit.copies for hit in (*hits, *feet))


def test_versions_of_reports_among_others(lab: Lab) -> None:
    for number in range(5):
        for made in versions(Prose(50 + number), number):
            put(lab, made)
    lab.index()
    for number in range(5):
        first = versions(Prose(50 + number), number)[0]
        query = " ".join(first.text.split()[:14])
        hits = lab.search(query, k=4, mode="lexical").hits
        assert len(hits) == 4
        assert f"report{number}-" in hits[0].path
        assert {Path(copy.path).name[:8] for copy in hits[0].copies} == {f"report{number}-"}
        shown = [hit.snippet for hit in hits if f"report{number}-" in hit.path]
        assert len(shown) == len(set(shown))


def test_what_a_document_says_of_itself(lab: Lab) -> None:
    whole = About("The book of keys", "Ida Berg", 1_000_000_000, 1_700_000_000)
    message = About("Re: the key", "Tom Keller", None, 1_600_000_000)
    lab.reader.about = {"book.txt": whole, "mails.mbox.txt": About("The first mail")}
    lab.reader.parts = {"mails.mbox.txt": message}
    lab.write("book.txt", KEY)
    lab.write("mails.mbox.txt", f"Tom asks {QUERY}.")
    lab.write("plain.txt", f"Nobody knows {QUERY}.")
    lab.index()
    found = {Path(hit.path).name: hit.about for hit in lab.search(QUERY).hits}
    assert found == {"book.txt": whole, "mails.mbox.txt": message, "plain.txt": About()}


def test_an_answer_is_given_each_passage_once(lab: Lab) -> None:
    prose = Prose(5)
    text = with_key(prose, 4)
    for number in range(6):
        lab.write(f"version{number}.txt", "\n".join([*text, prose.sentence()]))
    lab.index()
    evidence = load_evidence()
    apart = gather(lab.search(QUERY, k=8, fold=False), QUERY, None, evidence, 600).passages
    folded = gather(lab.search(QUERY, k=8), QUERY, None, evidence, 600).passages
    for chosen in (apart, folded):
        assert KEY in chosen[0][1].text
        assert len([hit for hit, part in chosen if KEY in part.text]) == 1
    assert len(folded[0][0].copies) == 5


def test_a_related_passage_is_shown_once(lab: Lab) -> None:
    prose = Prose(6)
    text = with_key(prose, 3)
    for number in range(5):
        lab.write(f"version{number}.txt", "\n".join([*text, prose.sentence()]))
    lab.write("asked.txt", f"Who knows {QUERY}?")
    lab.index()
    document = lab.catalogue.document_at(str(lab.files / "asked.txt"))
    assert document is not None
    position = int(lab.store.view.chunks_of(document)[0])
    results = lab.searcher().related(position, 3, 32, 60.0)
    assert len(results.hits[0].copies) == 4
    assert np.unique([hit.path for hit in results.hits]).size <= len(results.hits)
    apart = lab.searcher().related(position, 3, 32, 60.0, fold=False)
    assert not any(hit.copies for hit in apart.hits)
