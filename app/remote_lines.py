"""What the commands print of the remote engine, and where an answer was made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from core.messages import Made, RemotePreview


def made_line(made: Made) -> str:
    """Where an answer was made, and why there if that was told."""
    model = made.model or "its own model"
    where = f"{model} at {made.server}" if made.server else f"{made.model} on this computer"
    return f"Answered by {where}." + (f" {made.why}" if made.why else "")


def preview_lines(preview: RemotePreview) -> Iterator[str]:
    """What would be sent, readably."""
    yield f"This would be sent to {preview.url}:"
    yield ""
    for message in preview.messages:
        yield f"--- {message.role}"
        yield message.text
    yield "---"
    rest = {k: v for k, v in json.loads(preview.body).items() if k != "messages"}
    yield f"with {json.dumps(rest)[1:-1]}" + (" and your key." if preview.with_key else ".")
    if not preview.encrypted and not preview.here:
        yield "The way there is not encrypted: others on your network can read it."


def preview_body(preview: RemotePreview) -> dict[str, object]:
    """What would be sent, for scripts."""
    return {
        "sent": False,
        "url": preview.url,
        "body": json.loads(preview.body),
        "with_key": preview.with_key,
        "encrypted": preview.encrypted,
    }


def remote_lines(body: Mapping[str, Any]) -> Iterator[str]:
    """How it stands with the remote engine."""
    if not body["address"]:
        yield "No remote engine is set up: every answer is made on this computer."
        return
    model = body["model"] or "the server's own choice"
    yield f"{body['address']}, model: {model}, key: {'kept' if body['has_key'] else 'none'}"
    yield "It answers only where you say so: `satchel ask --remote`, or the switch in the window."
    if body["models"] is not None:
        yield f"Reached; its models: {', '.join(body['models']) or 'none'}"
