"""From the tables of usage and plan to parts that can be drawn and sentences that can be read."""

from __future__ import annotations

from collections.abc import Sequence

from ui.tables import Row, number_of, row_of, text_of, whole_of
from ui.text import number_text, size_text, tr
from ui.usage import Part

FREE = "free"
# A process and what the plan calls what is in it: only the whole of a process can be measured.
PROCESSES = {
    "service": ("service", "embedding_cache"),
    "extractors": ("extractors",),
    "model_worker": ("model_weights", "kv", "model_overhead"),
}
PROCESS_COLOURS = (0, 2, 4)


def disk_parts(used: Row, plan: Row) -> list[Part]:
    """What the home takes by part; `used` may hold a total."""
    planned = row_of(plan, "disk")
    names = _disk_names()
    unknown = [key for key in (*used, *planned) if key not in names and key not in (FREE, "total")]
    keys = [*names, *dict.fromkeys(unknown)]
    return [
        Part(
            names.get(key, key.replace("_", " ")),
            colour,
            whole_of(used, key) if key in used else None,
            whole_of(planned, key) if planned else None,
        )
        for colour, key in enumerate(keys)
    ]


def memory_parts(used: Row, plan: Row) -> list[Part]:
    """What the processes take; what the plan gives to each, with what is in it."""
    planned = row_of(plan, "memory")
    names = {
        "service": tr("Search and index"),
        "extractors": tr("Readers of files"),
        "model_worker": tr("Language model"),
    }
    return [
        Part(
            names[process],
            colour,
            whole_of(used, process) if process in used else None,
            sum(whole_of(planned, key) for key in inside) if planned else None,
            _inside(planned, inside) if len(inside) > 1 else "",
        )
        for colour, (process, inside) in zip(PROCESS_COLOURS, PROCESSES.items(), strict=True)
    ]


def _inside(planned: Row, keys: Sequence[str]) -> str:
    """What a process is planned to hold beside its first share."""
    names = {
        "embedding_cache": tr("%1 for passages looked at lately"),
        "kv": tr("%1 for the text it looks at"),
    }
    said = [
        names[key].replace("%1", size_text(size))
        for key in keys
        if key in names and (size := whole_of(planned, key))
    ]
    return tr("of it %1").replace("%1", ", ".join(said)) if said else ""


def _disk_names() -> dict[str, str]:
    return {
        "lexical": tr("Word index"),
        "text_cache": tr("Texts of slow files"),
        "saved_kv": tr("Kept for conversations"),
        "codes": tr("Meaning codes"),
        "graph": tr("Graph of passages"),
        "spans": tr("Places in files"),
        "embeddings": tr("Embeddings"),
        "catalogue": tr("Catalogue of files"),
        "history": tr("Conversations"),
        "other": tr("Other"),
    }


def promises(plan: Row) -> list[str]:
    """What a plan is predicted to give; what it does not say is left out."""
    said = []
    if (query_s := number_of(plan, "query_s")) > 0:
        said.append(tr("A search takes about %1.").replace("%1", seconds_text(query_s)))
    if plan.get("can_answer") is False:
        said.append(tr("There is search, but no answers."))
    if (first_s := number_of(plan, "first_token_s")) > 0:
        begins = tr("An answer begins after about %1").replace("%1", seconds_text(first_s))
        rate = number_of(plan, "tokens_per_s")
        comes = tr(" and comes at %1.").replace("%1", speed_text(rate)) if rate > 0 else "."
        said.append(begins + comes)
    if (fits := whole_of(plan, "text_bytes_that_fit")) > 0:
        said.append(tr("There is room for about %1 of text.").replace("%1", size_text(fits)))
    return said


def seconds_text(seconds: float) -> str:
    """A short time in words: 40 ms, 0.4 s, 12 s."""
    if seconds < 0.1:
        return f"{number_text(1000 * seconds)} ms"
    return f"{number_text(seconds, 1 if seconds < 9.95 else 0)} s"


def speed_text(tokens_per_s: float) -> str:
    """A model's speed in words."""
    rate = number_text(tokens_per_s, 1 if tokens_per_s < 9.95 else 0)
    return tr("%1 tokens a second").replace("%1", rate)


def level_names(levels: Sequence[Row]) -> dict[str, str]:
    """Each level of the index with what it costs and finds, for a list to choose from."""
    return {
        text_of(level, "name"): tr("%1: %2 bytes, finds %3 %")
        .replace("%1", text_of(level, "name"))
        .replace("%2", number_text(number_of(level, "bytes_a_chunk")))
        .replace("%3", _percent(level))
        for level in levels
    }


def level_in_words(level: Row) -> str:
    """What one level costs and buys; empty without one."""
    if not level:
        return ""
    keeps = tr(
        "It keeps %1 bytes of each passage beside the words and finds %2 % of the ten best; "
    )
    anew = number_of(level, "recomputes")
    reads = (
        tr("a search reads about %1 passages anew.").replace("%1", number_text(anew))
        if anew >= 1
        else tr("a search reads no passage anew.")
    )
    size = number_text(number_of(level, "bytes_a_chunk"))
    return keeps.replace("%1", size).replace("%2", _percent(level)) + reads


def _percent(level: Row) -> str:
    """What a level finds of the ten best; not all of them is not 100."""
    found = number_of(level, "recall_at_10")
    return str(min(round(100 * found), 99 if found < 1 else 100))
