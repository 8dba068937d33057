"""The budgets that Satchel proposes for a device, before the person has said anything. Pure."""

from __future__ import annotations

from core.budget.facts import MB, Limits

USUAL = Limits(500 * MB, 2000 * MB)  # an index of some 100,000 documents, and a model of 1 GB
FREE_DISK_SHARE = 10  # at most a tenth of what is free
MEMORY_SHARE = 4  # at most a quarter of what there is
STEP_BYTES = 10 * MB


def propose(memory_bytes: int, disk_free_bytes: int | None, smallest: Limits) -> Limits:
    """Budgets that leave the device usable for everything else, in bytes, rounded to 10 MB.

    Never below `smallest`. A free disk that nobody knows counts as enough.
    """
    disk = USUAL.disk_bytes
    if disk_free_bytes is not None:
        disk = min(disk, disk_free_bytes // FREE_DISK_SHARE)
    memory = min(USUAL.ram_bytes, memory_bytes // MEMORY_SHARE)
    return Limits(
        max(_rounded(disk), smallest.disk_bytes), max(_rounded(memory), smallest.ram_bytes)
    )


def _rounded(size_bytes: int) -> int:
    return size_bytes // STEP_BYTES * STEP_BYTES
