"""Fixtures of the tests of core."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from survey_desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A catalogue over one empty folder, `files`."""
    found = Desk(tmp_path)
    yield found
    found.catalogue.close()
