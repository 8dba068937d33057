"""Small fakes and tools that several tests share."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import appdirs
import numpy as np
from file_server import FileServer
from numpy.typing import NDArray

from core.errors import FileError
from core.files.changes import EVERYTHING, Changes
from core.files.rules import Rules
from core.index.code_choice import CodeChoice
from core.index.codes import Rotation
from core.index.embedder import Question
from core.index.embedding_cache import EmbeddingCache
from core.index.fit_codes import fit_rotation
from core.index.indexer import Hints, Indexer, Outcome
from core.index.levelling import Leveller, Memory
from core.index.levels import DEFAULT_LEVEL, level_named
from core.index.models import EmbeddingEntry, ModelFile
from core.index.reader import Wanted
from core.index.search import Query, Results, Searcher
from core.index.text_cache import TextCache
from core.index.upkeep import IndexStore
from core.index.view import View
from core.messages import (
    UNTITLED,
    About,
    Chunks,
    ChunkText,
    Extracted,
    IndexProgress,
    Locator,
    PassageText,
)
from core.store.catalogue import Catalogue
from core.store.rows import FileRef
from core.text.sketch import sketch
from core.web import Address

PATIENCE_S = 120.0  # with what should come in no time, on a machine that has much else to do
ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "resources" / "sample-folder"
DIMENSIONS = 96
CODE_BYTES = 8

Floats = NDArray[np.float32]


def models_folder() -> Path:
    """Where the models of this machine are."""
    chosen = os.environ.get("SATCHEL_MODELS")
    return Path(chosen) if chosen else Path(appdirs.user_data_dir("satchel", False)) / "models"


@dataclass(frozen=True)
class Indexed:
    """A home and the folder that is indexed in it."""

    home: Path
    files: Path


class WordEmbedder:
    """Unit vectors that are alike when texts share words; counts the texts it was given."""

    def __init__(self) -> None:
        self.embedded = 0

    def embed(self, texts: Sequence[str]) -> Floats:
        self.embedded += len(texts)
        rows = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        for at, text in enumerate(texts):
            for word in re.findall(r"\w+", text.lower()):
                seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=4).digest())
                rows[at] += np.random.default_rng(seed).standard_normal(DIMENSIONS)
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        unit: Floats = rows / np.maximum(norms, 1e-9)
        return unit

    def question(self, text: str) -> Question:
        words = re.findall(r"\w+", text.lower())
        self.embedded -= len(words)
        return Question(self.embed([text])[0], self.embed(words))

    def compare(self, texts: Sequence[str], question: Question) -> tuple[Floats, Floats]:
        agreement = []
        for text in texts:
            words = re.findall(r"\w+", text.lower())
            self.embedded -= len(words)
            best = (question.tokens @ self.embed(words).T).max(axis=1) if words else [0.0]
            agreement.append(float(np.mean(best)))
        return self.embed(texts), np.array(agreement, dtype=np.float32)


class PlainReader:
    """Reads text files in this process; a chunk is a paragraph."""

    def __init__(self) -> None:
        self.extracted: list[str] = []
        self.broken: set[str] = set()
        self.slow = False
        self.about: dict[str, About] = {}
        self.parts: dict[str, About] = {}  # of a file whose passages say whose they are
        self.pages = False  # of 40 characters each
        self.spans_read = 0

    def _text(self, file: FileRef) -> str:
        path = Path(file.path)
        try:
            status, text = path.stat(), path.read_text("utf-8")
        except FileNotFoundError:
            raise FileError(file.path, "is not there", "missing") from None
        if (status.st_size, status.st_mtime_ns) != (file.size_bytes, file.mtime_ns):
            raise FileError(file.path, "has changed", "changed")
        if path.name in self.broken:
            raise FileError(file.path, "is broken")
        return text

    def extract(self, file: FileRef) -> Iterator[Chunks | Extracted]:
        self.extracted.append(file.path)
        text = self._text(file)
        chunks = tuple(
            ChunkText(m.start(), m.end(), m.group()) for m in re.finditer(r"[^\n]+", text)
        )
        yield Chunks(1, chunks)
        pages = tuple(len(text[at : at + 40]) for at in range(0, len(text), 40))
        yield Extracted(
            1,
            len(text),
            len(text.encode()),
            pages if self.pages else (),
            "text",
            self.about.get(Path(file.path).name, UNTITLED),
            self.slow,
            sketch(text).hex(),
        )

    def read(self, wanted: Sequence[Wanted]) -> list[tuple[PassageText, ...] | FileError]:
        found: list[tuple[PassageText, ...] | FileError] = []
        for item in wanted:
            try:
                text = self._text(item.file)
            except FileError as error:
                found.append(error)
                continue
            self.spans_read += len(item.spans)
            part = self.parts.get(Path(item.file.path).name)
            found.append(
                tuple(PassageText(a, b, text[a:b], Locator(), part) for a, b in item.spans)
            )
        return found


def renamed_entry(server: FileServer) -> EmbeddingEntry:
    """A catalogue entry for the starter's network under another name, served from this machine."""
    files = []
    for name in ("model.onnx", "tokenizer.json"):
        data = (server.folder / name).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        address = Address(server.url(name), len(data), digest)
        files.append(ModelFile(name, len(data), digest, address))
    return EmbeddingEntry(
        name="renamed-minilm", title="MiniLM under another name", licence="Apache-2.0",
        languages="English", dimensions=384, form="onnx", disk_bytes=25_000_000,
        good_for="tests", files=tuple(files), passage_prefix="note: ",
    )  # fmt: skip


def small_rotation() -> Rotation:
    """A rotation for the vectors of WordEmbedder."""
    words = [f"word{number} other{number % 7}" for number in range(300)]
    return fit_rotation(WordEmbedder().embed(words), CODE_BYTES)


class Lab:
    """A whole index over one folder with fakes for reading and embedding."""

    def __init__(self, root: Path, rotation: Rotation) -> None:
        self.root = root
        self.files = root / "files"
        self.segments = root / "segments"
        for folder in (self.files, self.segments):
            folder.mkdir(parents=True, exist_ok=True)
        self.rotation = rotation
        self.reader = PlainReader()
        self.embedder = WordEmbedder()
        self.room = 10**9
        self.breathe: Callable[[], None] = lambda: None
        self.progress: list[IndexProgress] = []
        self.catalogue = Catalogue(root / "catalogue.db")
        self.texts = TextCache(root / "texts", 100_000)
        self.level = level_named(DEFAULT_LEVEL)
        self.codes: CodeChoice | None = None
        self.memory = Memory()
        self.store = self._open_store()

    def _open_store(self) -> IndexStore:
        codes = self.codes or CodeChoice(self.rotation)
        return IndexStore(
            self.segments, self.catalogue, codes, "fake", self.texts, lambda: self.room, self.level
        )

    def reopen(self) -> None:
        self.catalogue.close()
        self.catalogue = Catalogue(self.root / "catalogue.db")
        self.store = self._open_store()
        self.memory = Memory()

    def write(self, name: str, text: str) -> Path:
        path = self.files / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    def index(self, changes: Changes = EVERYTHING, hints: Hints | None = None) -> Outcome:
        self.catalogue.files.sync_folders([str(self.files)])
        indexer = Indexer(
            self.catalogue,
            self.store,
            self.reader,
            lambda: self.embedder,  # type: ignore[arg-type,return-value]
            lambda path: Rules(path, (), own_home=[], max_file_bytes=10**6),
            self.progress.append,
            self.breathe,
            self.leveller(),
            hints=hints,
        )
        return indexer.run(changes, lambda _outcome: True)

    def leveller(self) -> Leveller:
        return Leveller(
            self.catalogue,
            self.store,
            self.reader,
            self.texts,
            lambda: self.embedder,  # type: ignore[arg-type,return-value]
            self.progress.append,
            self.breathe,
            self.memory,
        )

    def searcher(self, view: View | None = None) -> Searcher:
        return Searcher(
            view or self.store.view,
            self.catalogue,
            lambda: self.embedder,  # type: ignore[arg-type,return-value]
            self.reader,
            EmbeddingCache(1000),
            self.texts,
        )

    @staticmethod
    def query(text: str, k: int = 5, **fields: Any) -> Query:
        return Query(text, k, **fields)

    def search(
        self, text: str, k: int = 5, exact: bool = False, limit: int = 32, **fields: Any
    ) -> Results:
        return self.searcher().search(self.query(text, k, **fields), limit, 60.0, exact=exact)

    def names(self, text: str, **fields: Any) -> list[str]:
        return [Path(hit.path).name for hit in self.search(text, **fields).hits]

    def close(self) -> None:
        self.catalogue.close()


def satchel(
    home: Path | str,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    timeout_s: float = 300,
    stdin: str | None = None,
    **options: Any,
) -> subprocess.CompletedProcess[str]:
    """Run one command as its own process."""
    return subprocess.run(
        [sys.executable, "-m", "app.cli", "--home", str(home), *arguments],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=timeout_s,
        input=stdin,
        check=False,
        **options,
    )


def satchel_json(home: Path | str, *arguments: str, **options: Any) -> Any:
    """The JSON that a command prints; it has to end with exit code 0."""
    done = satchel(home, *arguments, "--json", **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The error of a command that failed as it should: exit code 1, one line on stderr."""
    assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("satchel: ")
    return lines[0]


def comes(true: Callable[[], object], within_s: float = PATIENCE_S) -> bool:
    """Whether something becomes true in this time."""
    deadline = time.monotonic() + within_s
    while not (now := bool(true())) and time.monotonic() < deadline:
        time.sleep(0.02)
    return now


@contextlib.contextmanager
def watching(
    home: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A service of a home in a process of its own, ready, ended with Ctrl+C."""
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "--home", str(home), "index", "--watch"],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if line.startswith("watching"):
                break
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)
