"""What was used how often, kept from one session to the next: numbers only, no text."""

from __future__ import annotations

from pathlib import Path

from core.llm.experts.layout import Layout


class Traces:
    """How often each unit of one model was used."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    @classmethod
    def load(cls, path: Path, layout: Layout) -> Traces:
        """Those kept in a file; empty ones where it is not there, damaged, or of another model."""
        return cls(layout)

    def save(self, path: Path) -> None:
        """Keep them. Raises OSError."""
