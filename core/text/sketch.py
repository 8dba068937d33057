"""A few bytes that tell how alike two texts are, without the texts.

The sketch is a one-bit MinHash (Li and König, WWW 2010) over all runs of
sixteen letters and digits, made with a single hash of each run (one
permutation hashing: Li, Owen and Zhang, NIPS 2012); places that no run falls
into borrow from others (Shrivastava, ICML 2017). Blanks, punctuation and case
do not count, so a report and its PDF look the same. Two sketches agree in a
bit where the same run came first, and by chance in half of the other places.
"""

from __future__ import annotations

import string
import unicodedata
from functools import cache

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Hashes = NDArray[np.uint64]

SKETCH_BYTES = 16
LEAST_LETTERS = 120  # a shorter text has no sketch: a few runs in common would look like much
RUN = 16
_PLACES = SKETCH_BYTES * 8
_PLACE_BITS = np.uint64(_PLACES.bit_length() - 1)
_PLACE_SHIFT = np.uint64(64) - _PLACE_BITS
_ENOUGH = 16 * _PLACES  # hashes that leave hardly a place empty
_BLOCK_CHARS = 1 << 15  # looked at together, so that the arrays stay in the processor's cache
_NONE = np.uint64(0xFFFFFFFFFFFFFFFF)
_FIRST, _SECOND, _LAST = (
    np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0xD6E8FEB86659FD93)
)
_HALF = np.uint64(32)
_ASCII_LOWER = bytes.maketrans(string.ascii_uppercase.encode(), string.ascii_lowercase.encode())
_ASCII_DROPPED = bytes(n for n in range(128) if not chr(n).isalnum())
_LIGATURES = (("\ufb00", "ff"), ("\ufb01", "fi"), ("\ufb02", "fl"), ("\ufb03", "ffi"),
              ("\ufb04", "ffl"))  # fmt: skip


def sketch(text: str) -> bytes:
    """The sketch of a text; empty for one of fewer than `LEAST_LETTERS` letters and digits."""
    least = np.full(_PLACES, _NONE)
    kept = b""
    total = 0
    for start in range(0, len(text), _BLOCK_CHARS):
        found = _letters(text[start : start + _BLOCK_CHARS])
        total += len(found)
        kept += found
        if len(kept) >= RUN:
            np.minimum(least, _least_by_place(_run_hashes(kept)), out=least)
            kept = kept[len(kept) - RUN + 1 :]
    return np.packbits(_bits(least)).tobytes() if total >= LEAST_LETTERS else b""


def likeness(sketch: bytes, others: Bytes) -> NDArray[np.float32]:
    """Estimates (n,) of the Jaccard similarity of one text with each of `others` (n, bytes).

    The standard error is sqrt((1 - J²) / bits): 0.053 at J = 0.8.
    """
    own, theirs = np.frombuffer(sketch, dtype=np.uint64), others.view(np.uint64)
    differing = np.bitwise_count(theirs[:, 0] ^ own[0])
    for at in range(1, len(own)):
        differing += np.bitwise_count(theirs[:, at] ^ own[at])
    found: NDArray[np.float32] = 1 - differing * np.float32(2 / _PLACES)
    return found


def _letters(text: str) -> bytes:
    """A byte for each letter and digit of a text: its lower case, or for other scripts a class."""
    if text.isascii():
        return text.encode("ascii").translate(_ASCII_LOWER, _ASCII_DROPPED)
    text = unicodedata.normalize("NFC", text)
    for ligature, letters in _LIGATURES:
        if ligature in text:
            text = text.replace(ligature, letters)
    units = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), dtype="<u2")
    return np.take(_classes(), units).tobytes().translate(None, b"\0")


@cache
def _classes() -> Bytes:
    """For each UTF-16 unit the byte of its letter or digit, 0 for all other characters."""
    table = np.zeros(1 << 16, dtype=np.uint8)
    for code in range(1 << 16):
        if chr(code).isalnum():
            letter = ord(chr(code).lower()[0])
            table[code] = letter if letter < 128 else 128 + letter * 37 % 128
    return table


def _run_hashes(letters: bytes) -> Hashes:
    """A hash of each run; `letters` are at least one run."""
    # Eight letters from each place on, whatever its alignment.
    eight: Hashes = np.ndarray((len(letters) - 7,), dtype="<u8", buffer=letters, strides=(1,))
    hashes: Hashes = eight[:-8] * _FIRST
    hashes += eight[8:] * _SECOND
    hashes ^= hashes >> _HALF
    hashes *= _LAST
    return hashes


def _least_by_place(hashes: Hashes) -> Hashes:
    """The least hash in each of the places, which their first bits name."""
    if len(hashes) > _ENOUGH:
        low = hashes[hashes << _PLACE_BITS < _NONE // np.uint64(len(hashes) // _ENOUGH + 1)]
        least = _least_of(low)
        if least.max() < _NONE:
            return least
    return _least_of(hashes)


def _least_of(hashes: Hashes) -> Hashes:
    least = np.full(_PLACES, _NONE)
    np.minimum.at(least, (hashes >> _PLACE_SHIFT).astype(np.int64), hashes)
    return least


def _bits(least: Hashes) -> Bytes:
    """One bit of each place; an empty place borrows another bit of a place that is not."""
    lenders = _lenders()
    attempt = (least != _NONE)[lenders].argmax(axis=1)  # 0, the place itself, where nobody lends
    chosen = least[lenders[np.arange(_PLACES), attempt]]
    chosen ^= chosen >> _HALF
    chosen *= _FIRST
    bits: Bytes = (chosen >> (63 - attempt).astype(np.uint64) & np.uint64(1)).astype(np.uint8)
    return bits


@cache
def _lenders() -> NDArray[np.int64]:
    """For each place, itself and then places drawn at random, the same ones for every text."""
    drawn = np.arange(_PLACES * 24, dtype=np.uint64) * _FIRST
    drawn = (drawn ^ drawn >> _HALF) * _LAST >> _PLACE_SHIFT
    lenders = drawn.astype(np.int64).reshape(_PLACES, 24)
    lenders[:, 0] = np.arange(_PLACES)
    return lenders
