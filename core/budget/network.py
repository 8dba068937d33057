"""Whether what comes over the network is counted or costs money. None is unknown."""

from __future__ import annotations

import sys

from core.budget.said import said

_CONNECTED = "100"


def metered() -> bool | None:
    """Whether any connection in use is metered, by NetworkManager; None on other systems."""
    if not sys.platform.startswith("linux"):
        return None
    return parse_devices(
        said("nmcli", "-t", "-f", "GENERAL.STATE,GENERAL.METERED", "device", "show")
    )


def parse_devices(text: str | None) -> bool | None:
    """Of nmcli's terse list, a state and an answer for each device; guesses count."""
    found: set[str] = set()
    connected = False
    for line in (text or "").splitlines():
        name, _, value = line.partition(":")
        if name == "GENERAL.STATE":
            connected = value.startswith(_CONNECTED)
        elif name == "GENERAL.METERED" and connected:
            found.add(value.split(" ")[0])
    if "yes" in found:
        return True
    return False if "no" in found else None
