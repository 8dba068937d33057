"""Fixtures of the tests of a model's memory."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def starter(models: Path) -> Path:
    """The file of the language model that set-up brings."""
    return models / "llm" / "smollm2-135m-instruct.gguf"
