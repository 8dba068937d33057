"""Asks the installed llama.cpp about a file, in a process of its own that a bad one may end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.children import Child, ChildGone, ChildSlow
from core.errors import UserError
from core.messages import CheckModel, Failed

CHECK_S = 120.0


def check_in_child(command: Sequence[str], model: Path, adapter: Path | None = None) -> None:
    """Raises UserError unless llama.cpp can use a model file, or an adapter beside its model."""
    name = (adapter or model).name
    child = None
    try:
        child = Child(command)
        child.send(CheckModel(1, str(model), None if adapter is None else str(adapter)))
        reply = child.receive(CHECK_S)
    except ChildGone as error:
        raise UserError(
            f"{name} cannot be used: llama.cpp stopped working on it ({error}).",
            "The file is damaged or made to do harm; do not use it.",
        ) from error
    except ChildSlow as error:
        raise UserError(
            f"{name} cannot be used: llama.cpp did not get done with it.", "Choose another file."
        ) from error
    finally:
        if child is not None:
            child.close()
    if isinstance(reply, Failed):
        raise UserError(reply.title, reply.advice)
