"""Reading the tables of a Report: a value of the wrong kind counts as missing, never as a crash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Row = Mapping[str, object]


def rows_of(body: object, *keys: str) -> Sequence[Row]:
    """The list of tables under these keys; empty when there is none."""
    found = inside(body, *keys)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def row_of(body: object, *keys: str) -> Row:
    """The table under these keys; empty when there is none."""
    found = inside(body, *keys)
    return found if isinstance(found, Mapping) else {}


def inside(body: object, *keys: str) -> object:
    """What lies under these keys, None when nothing does."""
    for key in keys:
        body = body.get(key) if isinstance(body, Mapping) else None
    return body


def text_of(body: object, *keys: str) -> str:
    """A text, empty when there is none."""
    found = inside(body, *keys)
    return found if isinstance(found, str) else ""


def number_of(body: object, *keys: str) -> float:
    """A number, 0 when there is none."""
    found = inside(body, *keys)
    return found if isinstance(found, (int, float)) and not isinstance(found, bool) else 0


def whole_of(body: object, *keys: str) -> int:
    """A whole number, 0 when there is none."""
    return int(number_of(body, *keys))


def texts_of(body: object, *keys: str) -> list[str]:
    """A list of texts; what is not a text in it is left out."""
    found = inside(body, *keys)
    return [item for item in found if isinstance(item, str)] if isinstance(found, list) else []
