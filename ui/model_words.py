"""What a row of the table of models says, in words."""

from __future__ import annotations

from ui.budget_parts import speed_text
from ui.tables import Row, number_of, text_of, whole_of
from ui.text import number_text, shown, size_text, tame, tr

FITS = "yes"
FITS_WITH_DISK = "with experts on disk"
FITS_NOT = "no"


def title_of(model: Row) -> str:
    """What a model is called: its title, or its name where it has none."""
    return tame(text_of(model, "title")) or shown(text_of(model, "name"))


def facts_of(model: Row) -> list[str]:
    """Name, licence, size and speed, as far as they are known."""
    said = []
    if text_of(model, "title"):
        said.append(shown(text_of(model, "name")))
    if size := whole_of(model, "size_bytes"):
        said.append(tr("%1 on disk").replace("%1", size_text(size)))
    if weights := whole_of(model, "parameters"):
        said.append(weights_text(weights, whole_of(model, "active_parameters")))
    if memory := whole_of(model, "memory_bytes"):
        said.append(tr("%1 of memory").replace("%1", size_text(memory)))
    if licence := text_of(model, "licence"):
        said.append(tame(licence))
    if (rate := number_of(model, "tokens_per_s")) > 0:
        words = tr("%1, measured") if model.get("measured") is True else tr("about %1")
        said.append(words.replace("%1", speed_text(rate)))
    return said


def weights_text(weights: int, active: int) -> str:
    """How large a model is, and how much of it works on each word where that is less."""
    text = tr("%1 weights").replace("%1", _many(weights))
    if 0 < active < weights / 2:  # else it is not what matters of it
        text += tr(", %1 at work for each word").replace("%1", _many(active))
    return text


def _many(number: int) -> str:
    if number < 999_500_000:
        return tr("%1 million").replace("%1", number_text(number / 1e6))
    billions = round(number / 1e9, 1)
    return tr("%1 billion").replace("%1", number_text(billions, 0 if billions % 1 == 0 else 1))


def fits_text(fits: str) -> str:
    """Whether a model fits the memory that it may have; empty when nobody knows."""
    return {
        FITS: tr("fits"),
        FITS_WITH_DISK: tr("fits with experts on disk"),
        FITS_NOT: tr("over the memory budget"),
    }.get(fits, "")


def left_bytes(model: Row) -> int:
    """What fetching still has to bring."""
    return max(0, whole_of(model, "download_bytes") - whole_of(model, "fetched_bytes"))


def remove_question(model: Row) -> tuple[str, str]:
    """What removing a model, or what has come of one, means."""
    if model.get("installed") is not True:
        title = tr("Remove what has come of %1?")
        text = tr("It frees %1.").replace("%1", size_text(whole_of(model, "fetched_bytes")))
    else:
        title = tr("Remove %1 from this device?")
        text = tr("It frees %1.").replace("%1", size_text(whole_of(model, "size_bytes")))
        if model.get("chosen") is True:
            text += " " + tr("Without it there are no answers until another one is used.")
    return title.replace("%1", title_of(model)), text


def fetch_question(model: Row) -> tuple[str, str]:
    """What fetching a model means, before it begins: how much is downloaded, and from where."""
    title = tr("Fetch %1?").replace("%1", title_of(model))
    size = size_text(left_bytes(model))
    where = shown(text_of(model, "from")) or tr("the internet")
    words = tr("%1 are downloaded from %2. Nothing of your files or questions is sent.")
    said = words.replace("%1", size).replace("%2", where)
    if text_of(model, "fits") == FITS_NOT:
        said += " " + tr("It needs more memory than the budget gives.")
    return title, said
