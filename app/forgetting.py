"""Forgetting a file or folder, and the proof that nothing of it is left."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import FileError, UserError
from core.files.folders import load_folders, save_folders, with_forgotten
from core.index.reader import Wanted
from core.index.search import Query
from core.llm.kv.saved import forget_texts, saved_of
from core.store.catalogue import Catalogue

if TYPE_CHECKING:
    from app.service import Service

SAMPLED_FILES = 8  # of a folder, whose sentences are looked for afterwards
SENTENCE_WORDS = (5, 12)
DEPTH = 20  # passages looked at for a sentence
MOST_EMBEDDED = 32
DEADLINE_S = 4.0
BLOCK_BYTES = 4_000_000
LONGEST_SENTENCE_BYTES = 4_000


def forget(service: Service, path: str) -> dict[str, object]:
    """Remove all that was derived from a path, leave it out from now on, and look for traces.

    Raises UserError when nothing is known of the path.
    """
    ids = service.engine.catalogue.files.below(path)
    known = bool(ids) or service.history.knows(path) or service.digests.kept.knows(path)
    known |= bool(service.tags.table.of([path]))
    if not known and not os.path.lexists(path):
        raise UserError(
            f"Nothing is known of {path}.", "Give the path as `satchel search` shows it."
        )
    sentences = sample_sentences(service, ids[:SAMPLED_FILES])
    folders, rule = with_forgotten(load_folders(service.home.folders), path)
    save_folders(service.home.folders, folders)
    files = service.engine.forget(path)
    service.engine.sync_folders(folders)
    conversations = service.history.conversations_with(path) + service.pins.forget(path)
    turns = service.history.forget(path)
    service.tags.table.forget(path)
    service.recent.kept.forget(sentences)
    service.digests.forget(path)
    service.deaths[:] = [said for said in service.deaths if path not in said]
    service.model.close()
    # Later turns were computed while the model looked at those that are forgotten.
    forget_texts(service.home.saved_kv, conversations)
    service.index_readers.let_go()
    service.query_readers.let_go()
    return {
        "path": path,
        "files": files,
        "answers": turns,
        "excluded_by": rule,
        "proof": {
            **prove(service, path, sentences),
            "saved_of_conversations": len(saved_of(service.home.saved_kv, conversations)),
        },
    }


def sample_sentences(service: Service, file_ids: Sequence[int]) -> list[str]:
    """One run of words from each of some files, as they were indexed; none from unreadable ones."""
    catalogue, view = service.engine.catalogue, service.engine.view
    found: list[str] = []
    for document, refs in catalogue.files_of(catalogue.documents_of_files(file_ids)).items():
        chunks = view.chunks_of(document)
        if len(chunks) == 0:
            continue
        spans = view.spans(view.place(int(chunks[0])))
        for ref in refs[:1]:
            wanted = Wanted(ref, spans.spans[:1], spans.page_chars)
            [passages] = service.query_readers.read([wanted])
            if not isinstance(passages, FileError):
                sentence = distinct_words(passages[0].text)
                if sentence is not None:
                    found.append(sentence)
    return found


def distinct_words(text: str) -> str | None:
    """The longest run of words on one line, cut to a dozen; None when all are too short."""
    least, most = SENTENCE_WORDS
    runs = [re.findall(r"\S+", line)[:most] for line in text.splitlines()]
    longest = max(runs, key=lambda run: sum(map(len, run)), default=[])
    if len(longest) < least:
        return None
    found = re.search(r"\s+".join(re.escape(word) for word in longest), text)
    return None if found is None else found.group()


def prove(service: Service, path: str, sentences: Sequence[str]) -> dict[str, object]:
    """What a search for the sentences and a look through every file of the home still find.

    `also_in` are other files that hold the same words; they were not to be forgotten.
    """
    catalogue = service.engine.catalogue
    found, also_in = 0, set()
    for sentence in sentences:
        for other in _files_with(service, catalogue, sentence):
            inside = other == path or other.startswith(path.rstrip(os.sep) + os.sep)
            found += inside
            if not inside:
                also_in.add(other)
    wanted = [form for sentence in sentences for form in stored_forms(sentence)]
    left = [str(file) for root in service.home.roots() for file in files_with(root, wanted)]
    return {
        "sentences": len(sentences),
        "found_by_search": found,
        "found_on_disk": left,
        "also_in": sorted(also_in),
    }


def _files_with(service: Service, catalogue: Catalogue, sentence: str) -> Iterator[str]:
    view = service.engine.view
    documents = view.documents_at(view.words.rank(sentence, DEPTH).positions).tolist()
    for document, refs in catalogue.files_of(documents).items():
        chunks = view.chunks_of(document)
        spans = view.spans(view.place(int(chunks[0])))
        for ref in refs:
            [passages] = service.query_readers.read([Wanted(ref, spans.spans, spans.page_chars)])
            if not isinstance(passages, FileError) and any(sentence in p.text for p in passages):
                yield ref.path
    if view.wordless.any() and service.engine.model is not None:
        searcher = service.engine.searcher(service.query_readers, catalogue)
        query = Query(sentence, DEPTH, "semantic", fold=False)
        near = searcher.search(query, MOST_EMBEDDED, DEADLINE_S)
        for hit, text in zip(near.hits, near.passages, strict=True):
            if text is not None and sentence in text:
                yield hit.path


def stored_forms(sentence: str) -> tuple[bytes, ...]:
    """The bytes that would betray a sentence: as text in two encodings, and inside JSON."""
    escaped = json.dumps(sentence)[1:-1].encode("ascii")
    return (sentence.encode("utf-8", "replace"), sentence.encode("utf-16-le", "replace"), escaped)


def files_with(root: Path, wanted: Sequence[bytes]) -> Iterator[Path]:
    """The files below a folder that hold any of these bytes."""
    for path in sorted(root.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        try:
            with path.open("rb") as file:
                kept = b""
                while block := file.read(BLOCK_BYTES):
                    data = kept + block
                    if any(form in data for form in wanted):
                        yield path
                        break
                    kept = data[-LONGEST_SENTENCE_BYTES:]
        except OSError:
            continue  # gone meanwhile, as the log of a database may be
