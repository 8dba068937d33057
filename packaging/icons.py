"""Puts drawings of one icon together as Windows and macOS want them. Pure.

Both formats are lists of pictures, which may be whole PNG files: ICO since Windows Vista, ICNS
for the kinds below.
"""

import struct
from collections.abc import Mapping

ICO_SIZES_PX = (16, 24, 32, 48, 64, 128, 256)
# Sizes in pixels by kind; those with an @2x twin in the format are named for screens of any kind.
ICNS_KINDS = {b"ic11": 32, b"ic12": 64, b"ic07": 128, b"ic08": 256, b"ic09": 512, b"ic10": 1024}


def ico(pictures: Mapping[int, bytes]) -> bytes:
    """An icon for Windows of PNG files by size in pixels, 256 at most."""
    sizes = sorted(pictures)
    head = struct.pack("<HHH", 0, 1, len(sizes))
    at = len(head) + 16 * len(sizes)
    entries = b""
    for size_px in sizes:
        length = len(pictures[size_px])
        # 0 stands for 256, and the picture itself says how many colours it has.
        entries += struct.pack("<BBBBHHII", size_px % 256, size_px % 256, 0, 0, 1, 32, length, at)
        at += length
    return head + entries + b"".join(pictures[size_px] for size_px in sizes)


def icns(pictures: Mapping[int, bytes]) -> bytes:
    """An icon for macOS of PNG files by size in pixels, those of ICNS_KINDS."""
    body = b"".join(
        kind + struct.pack(">I", 8 + len(pictures[size_px])) + pictures[size_px]
        for kind, size_px in ICNS_KINDS.items()
    )
    return b"icns" + struct.pack(">I", 8 + len(body)) + body
