"""What the window relies on in its library."""

from __future__ import annotations

import sys

import pytest
from PySide6.QtCore import QObject


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None lasts for ever there")
def test_calls_do_not_use_up_none() -> None:
    """A release of PySide dropped one reference a call; after some thousands Python aborts."""
    thing = QObject()
    before = sys.getrefcount(None)
    for _ in range(200):
        thing.setObjectName("name")
    assert sys.getrefcount(None) > before - 100
