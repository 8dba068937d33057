"""What a search found, as JSON for scripts and as lines for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from core.messages import Hit, PhraseCount, SearchResults

COPIES_NAMED = 3
_STATES = {
    "offline": "offline: connect its drive to read it",
    "changed": "changed since it was indexed; run: satchel index",
    "unreadable": "cannot be read now",
}


def results_body(results: SearchResults) -> dict[str, Any]:
    """The JSON of a search."""
    body: dict[str, Any] = {
        "results": [_result_body(hit) for hit in results.hits],
        "recomputed": results.recomputed,
        "from_cache": results.from_cache,
        "timings_ms": {"total": 0.0, **results.timings_ms},
    }
    if results.phrases is not None:
        body["phrases"] = msgspec.to_builtins(results.phrases)
    if results.note is not None:
        body["note"] = results.note
    return body


def _result_body(hit: Hit) -> dict[str, Any]:
    """The JSON of a hit: what its document says of itself stands beside the rest."""
    body: dict[str, Any] = msgspec.to_builtins(hit)
    del body["about"], body["mtime_s"]
    return {**body, **about_body(hit), "written": _iso_date(hit.mtime_s)}


def about_body(hit: Hit) -> dict[str, str | None]:
    """The JSON of what a hit's document says of itself, dates as 2024-03-14T09:26:00+00:00."""
    about = hit.about
    return {
        "title": about.title,
        "author": about.author,
        "created": _iso_date(about.created_s),
        "modified": _iso_date(about.modified_s),
    }


def _iso_date(seconds: int | None) -> str | None:
    """Seconds since 1970 as 2024-03-14T09:26:00+00:00; None beyond the years 1 to 9999."""
    if seconds is None:
        return None
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).isoformat()
    except OverflowError:
        return None


def place(hit: Hit) -> str:
    """Path and place of a hit, as `related` takes it."""
    locator = hit.locator
    if locator.page is not None:
        return f"{hit.path}#page={locator.page}"
    if locator.line is not None:
        return f"{hit.path}#line={locator.line}"
    return hit.path


def results_lines(results: SearchResults, marked: bool) -> Iterator[str]:
    """The hits for people, with `marked` the words that match stand out."""
    if results.phrases is not None:
        yield _phrases(results.phrases)
    elif not results.hits:
        yield "Nothing found."
    for hit in results.hits:
        heading = f"  {hit.locator.heading}" if hit.locator.heading else ""
        state = "" if hit.state == "ok" else f"  [{_STATES.get(hit.state, hit.state)}]"
        yield f"{hit.rank:>2}. {place(hit)}{heading}{state}"
        if about := _about(hit):
            yield f"    {about}"
        if hit.tags:
            yield f"    {' '.join(f'#{tag}' for tag in hit.tags)}"
        if hit.snippet:
            yield f"    {_marked(hit) if marked else hit.snippet}"
        if hit.copies:
            yield f"    also in {_copies(hit)}"


def _about(hit: Hit) -> str:
    """Title, author and day of a document that names them, on one line."""
    about = hit.about
    day = (_iso_date(about.modified_s or about.created_s) or "").partition("T")[0]
    return ", ".join(" ".join(part.split()) for part in (about.title, about.author, day) if part)


def _phrases(count: PhraseCount) -> str:
    times = "once" if count.occurrences == 1 else f"{count.occurrences} times"
    said = f"Found {times} in {count.documents} documents" if count.occurrences else "Nothing found"
    unread = f"; {count.unread} that may hold it cannot be read now" if count.unread else ""
    return said + unread + "."


def _marked(hit: Hit) -> str:
    """The snippet with its matching words between marks."""
    out, at = [], 0
    for start, end in hit.marks:
        out += [hit.snippet[at:start], "\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}"]
        out += [hit.snippet[start:end], "\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}"]
        at = end
    return "".join([*out, hit.snippet[at:]])


def _copies(hit: Hit) -> str:
    """The first few files that show the same, and how many more there are."""
    named = ", ".join(copy.path for copy in hit.copies[:COPIES_NAMED])
    more = len(hit.copies) - COPIES_NAMED
    return f"{named} and {more} more" if more > 0 else named
