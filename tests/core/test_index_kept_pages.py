from helpers import Lab

from core.errors import FileError
from core.index.kept_pages import KeptPages
from core.index.passages import Passages, Work
from core.index.reader import Wanted


def loaded(lab: Lab) -> Work:
    """All passages of the index, read by way of what is kept."""
    work = Work(lambda: False)
    reader = KeptPages(lab.reader, lab.texts)
    passages = Passages(lab.store.view, lab.catalogue, reader, lab.texts)
    passages.load(range(lab.store.view.chunks), work)
    return work


def test_pages_that_are_kept_are_not_read_again(lab: Lab) -> None:
    lab.reader.slow = lab.reader.pages = True
    path = lab.write("a.txt", "The ferry leaves at noon.\n\n\nIt comes back at six in the evening.")
    lab.index()
    work = loaded(lab)
    assert lab.reader.spans_read == 0
    found = [work.passages[position] for position in sorted(work.passages)]
    assert [one.text for one in found] == [
        "The ferry leaves at noon.",
        "It comes back at six in the evening.",
    ]
    text = path.read_text()
    assert all(text[one.start : one.end] == one.text for one in found)
    assert [one.locator.page for one in found] == [1, 1]
    # A file that has changed since is told, though its old text is still kept.
    path.write_text("Other words.")
    assert set(loaded(lab).states.values()) == {"changed"}
    path.unlink()
    assert set(loaded(lab).states.values()) == {"missing"}


def test_without_pages_or_a_kept_text_the_file_is_read(lab: Lab) -> None:
    lab.reader.pages = True
    lab.write("a.txt", "The ferry leaves at noon.")
    lab.index()
    assert loaded(lab).passages[0].text == "The ferry leaves at noon."
    assert lab.reader.spans_read == 1
    lab.reader.pages, lab.reader.slow = False, True
    lab.write("b.txt", "It comes back at six.")
    lab.index()
    assert len(loaded(lab).passages) == 2
    assert lab.reader.spans_read == 3


def test_a_span_over_several_chunks_has_blanks_between_them(lab: Lab) -> None:
    lab.reader.slow = lab.reader.pages = True
    text = "first line\n\nsecond line that is longer than the page before it was"
    path = lab.write("a.txt", text)
    lab.index()
    [document] = {lab.store.view.place(0).document}
    spans = lab.store.view.spans(lab.store.view.place(0))
    [file] = lab.catalogue.files_of([document])[document]
    reader = KeptPages(lab.reader, lab.texts)
    whole = ((0, len(text)), (40, 50))
    wanted = Wanted(file, whole, spans.page_chars, document, spans.spans)
    [found] = reader.read([wanted])
    assert not isinstance(found, FileError)
    assert [one.text for one in found] == [text.replace("\n", " "), text[40:50]]
    assert [one.locator.page for one in found] == [1, 2]
    assert lab.reader.spans_read == 0
    path.unlink()
    [gone] = reader.read([wanted])
    assert isinstance(gone, FileError)
