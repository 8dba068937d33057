"""What holds of any index: merging changes no answer, a filter is a filter of the whole list."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from helpers import Lab
from hypothesis import given
from hypothesis import strategies as st

from core.store.places import pack_places, unpack_places

TOPICS = ("harbour", "lighthouse", "bicycle", "garden", "recipe", "lease")
FOLDERS = ("", "letters/", "letters/old/", "letters2/", "notes.txt/", "Übung/")
ENDINGS = (".txt", ".TXT", ".md", ".text", "")
MANY = 500
MORE = [pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 12)]


def text(chance: random.Random) -> str:
    lines = chance.randint(1, 5)
    return "\n".join(
        " ".join(chance.choices(TOPICS, k=4)) + f" {chance.random()}" for _ in range(lines)
    )


def place(chance: random.Random) -> str:
    return f"{chance.choice(FOLDERS)}{chance.randrange(12)}{chance.choice(ENDINGS)}"


def hits(lab: Lab, query: str, **options: object) -> list[tuple[str, int, float]]:
    """Every hit with its score; those that score alike in a fixed order."""
    found = lab.search(query, MANY, limit=MANY, fold=False, **options).hits  # type: ignore[arg-type]
    return sorted(((hit.path, hit.start, hit.score) for hit in found), key=lambda h: (-h[2], h[:2]))


def answers(lab: Lab) -> list[object]:
    """What is found by meaning, and how each chunk, by its lasting number, fits the words."""
    found: list[object] = []
    for query in ("harbour garden", "lease of the bicycle", "lighthouse"):
        words = lab.store.view.words.rank(query, MANY)
        found.append(hits(lab, query, mode="semantic", exact=True))
        found.append(
            {
                lab.store.view.number(position): round(score, 4)
                for position, score in zip(
                    words.positions.tolist(), words.scores.tolist(), strict=True
                )
            }
        )
    return found


@pytest.mark.parametrize("seed", [0, 1, *MORE])
def test_merging_changes_no_answer(lab: Lab, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    for _ in range(chance.randint(2, 6)):
        for _ in range(chance.randint(1, 8)):
            path = lab.files / place(chance)
            if path.is_file() and chance.random() < 0.5:
                path.unlink()
            else:
                lab.write(str(path.relative_to(lab.files)), text(chance))
        with monkeypatch.context() as patch:
            patch.setattr(lab.store, "merge_once", lambda: False)
            lab.index()
    before = answers(lab)
    if chance.random() < 0.5:
        lab.store.release_embeddings()
    merges = 0
    while lab.store.merge_once():
        merges += 1
        assert answers(lab) == before
    lab.reopen()
    assert answers(lab) == before
    assert lab.store.verify() == {}
    live, total = lab.store.view.live.sum(), lab.store.view.chunks
    assert total - live <= 0.2 * total or merges == 0


@pytest.mark.parametrize("seed", [0, 1, *MORE])
def test_a_filter_keeps_exactly_what_fits_it(lab: Lab, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(25):
        lab.write(place(chance), text(chance))
    lab.index()
    for mode in ("semantic", "lexical"):
        whole = hits(lab, "harbour lease", mode=mode, exact=True)
        assert whole
        for folder in (None, *FOLDERS[1:], "none/", "letters/o"):
            for suffix in (None, "txt", ".MD", "text"):
                below = None if folder is None else str(lab.files / folder).rstrip("/")
                found = hits(
                    lab,
                    "harbour lease",
                    mode=mode,
                    exact=True,
                    below=below,
                    suffixes=() if suffix is None else (suffix,),
                )
                wanted = [hit for hit in whole if fits(Path(hit[0]), below, suffix)]
                if mode == "lexical":  # there a score is the rank
                    found, wanted = [h[:2] for h in found], [h[:2] for h in wanted]
                assert found == wanted, (mode, folder, suffix)


def fits(path: Path, below: str | None, suffix: str | None) -> bool:
    inside = below is None or Path(below) in path.parents
    return inside and (suffix is None or path.suffix.lower() == "." + suffix.lstrip(".").lower())


@given(st.sets(st.integers(1, 2**40), max_size=60), st.data())
def test_any_documents_come_back_from_their_places(numbers: set[int], data: st.DataObject) -> None:
    ordered = sorted(numbers)
    places, found = unpack_places(pack_places(ordered))
    assert (places.tolist(), found.tolist()) == (list(range(len(ordered))), ordered)
    gone = data.draw(st.sets(st.integers(0, max(0, len(ordered) - 1))))
    left = {at: number for at, number in enumerate(ordered) if at not in gone}
    places, found = unpack_places(pack_places(left))
    assert dict(zip(places.tolist(), found.tolist(), strict=True)) == left
