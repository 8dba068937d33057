"""Makes the Unicode data that comes with Qt on Linux small: 32 MB of it, of which 2 are used.

Qt asks ICU to compare and to change case, and for the names of time zones and character sets.
Satchel uses none of the last two, formats dates with Qt's own tables, and sorts by rules that
hold for all languages. Left out are rules, names and character sets of single languages and
countries; ICU then answers as for no language in particular.

A package of ICU (`udata`, common data): a header, then a table of names and places, then items.
"""

import re
import shutil
import struct
import subprocess
from pathlib import Path

from console import SetupError, say

_ALIGNED = 16
_MAGIC = b"\xda\x27"
_FORMAT = b"CmnD"
_FORMAT_AT = 12  # within the header
# By what comes after the package's own name, as in icudt73l/coll/root.res.
_LEFT_OUT = re.compile(
    r"(brkitr|curr|lang|rbnf|region|translit|unit|zone)/.*"  # texts and rules by language
    r"|coll/(?!root\.res$|ucadata\.icu$|res_index\.res$).*"  # orders of single languages
    r"|.*\.cnv"  # character sets; those of Unicode are part of the code
    r"|(?!en\.res$)[a-z]{2,3}(_\w+)?\.res"  # languages and countries
)


def is_left_out(name: str) -> bool:
    """Whether an item, without the package's name, stays out."""
    return _LEFT_OUT.fullmatch(name) is not None


def trimmed(library: bytes) -> bytes:
    """The package inside a library with the items that are kept. Raises SetupError."""
    start = library.find(_FORMAT) - _FORMAT_AT
    if start < 0 or library[start + 2 : start + 4] != _MAGIC:
        raise SetupError("Qt's Unicode data is not as it was known.", "Look at packaging/icu.py.")
    (head_bytes,) = struct.unpack_from("<H", library, start)
    base = start + head_bytes
    (count,) = struct.unpack_from("<I", library, base)
    items: list[tuple[bytes, bytes]] = []
    table = [struct.unpack_from("<II", library, base + 4 + 8 * at) for at in range(count)]
    ends = [place for _, place in table[1:]]
    for at, (name_at, place) in enumerate(table):
        name = library[base + name_at : library.index(b"\0", base + name_at)]
        if is_left_out(name.decode("ascii").partition("/")[2]):
            continue
        if at == count - 1:  # nothing says where it ends
            raise SetupError("Qt's Unicode data has an unknown end.", "Look at packaging/icu.py.")
        items.append((name, library[base + place : base + ends[at]]))
    return library[start:base] + packed(items)


def packed(items: list[tuple[bytes, bytes]]) -> bytes:
    """The table and the items of a package, without its header."""
    names = b"".join(name + b"\0" for name, _ in items)
    names_at = 4 + 8 * len(items)
    table, body = struct.pack("<I", len(items)), b""
    first = _up(names_at + len(names))
    for name, data in items:
        table += struct.pack("<II", names_at, first + len(body))
        names_at += len(name) + 1
        body += data.ljust(_up(len(data)), b"\xaa")
    return (table + names).ljust(first, b"\xaa") + body


def _up(size_bytes: int) -> int:
    return -(-size_bytes // _ALIGNED) * _ALIGNED


def shrink(folder: Path, work: Path) -> None:
    """Put a small library in the place of Qt's below a folder. Raises SetupError."""
    found = [path for path in folder.rglob("libicudata.so.*") if not path.is_symlink()]
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if found and compiler is None:
        say("    Unicode data left as it is: there is no C compiler here")
        return
    work.mkdir(parents=True, exist_ok=True)
    for library in found:
        version = library.name.rpartition(".")[2]
        data, source, made = work / "icu.dat", work / "icu.s", work / library.name
        data.write_bytes(trimmed(library.read_bytes()))
        symbol = f"icudt{version}_dat"
        source.write_text(
            f".section .rodata\n.balign {_ALIGNED}\n.globl {symbol}\n"
            f".type {symbol}, %object\n{symbol}:\n"
            f'.incbin "{data}"\n.size {symbol}, . - {symbol}\n'
            '.section .note.GNU-stack, "", %progbits\n',
            encoding="utf-8",
        )
        done = subprocess.run(
            [
                str(compiler),
                "-shared",
                "-nostdlib",
                f"-Wl,-soname,{library.name}",
                "-o",
                made,
                source,
            ],
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            raise SetupError(
                "The small Unicode data could not be made.",
                done.stderr.decode("utf-8", "replace").strip(),
            )
        shutil.copyfile(made, library)
