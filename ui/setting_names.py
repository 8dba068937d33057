"""What settings and their groups are called, in words."""

from __future__ import annotations

from ui.text import shown, tr

UNITS = ("mb", "s", "minutes", "tokens", "percent")


def group_name(group: str) -> str:
    """The heading over the settings of one group."""
    return {
        "files": tr("Files"),
        "extract": tr("Reading files"),
        "index": tr("Index"),
        "search": tr("Search"),
        "assistant": tr("Assistant"),
        "models": tr("Models"),
        "remote": tr("A server of yours"),
        "window": tr("Appearance and start"),
    }.get(group, shown(group).replace("_", " ").capitalize())


def name_and_unit(key: str) -> tuple[str, str]:
    """A setting's name in words and its unit, both from its key."""
    words = key.partition(".")[2].split("_")
    unit = ""
    if len(words) > 1 and words[-1] in UNITS:
        unit = {
            "mb": "MB",
            "percent": "%",
            "minutes": tr("minutes"),
            "tokens": tr("tokens"),
        }.get(words[-1], words[-1])
        words = words[:-1]
    known = {
        "files.max_mb": tr("Largest file"),
        "search.max_recomputes": tr("Effort of a search"),
        "extract.timeout_s": tr("Time for one file"),
        "extract.memory_mb": tr("Memory for one file"),
        "index.level": tr("Level of the index"),
        "index.words": tr("Word index"),
        "index.text_cache_mb": tr("Text cache"),
        "index.embedding_model": tr("Search model"),
        "index.pause_on_battery": tr("Wait on battery"),
        "index.pause_under_load": tr("Wait under load"),
        "index.pause_in_full_screen": tr("Wait in full screen"),
        "index.pause_when_metered": tr("Wait on a metered connection"),
        "assistant.routing": tr("With several models"),
        "assistant.cell_type": tr("Cells of the context"),
        "assistant.saved_kv_mb": tr("Kept for conversations"),
        "assistant.idle_minutes": tr("Model stays in memory for"),
        "assistant.context_tokens": tr("Context"),
        "assistant.answer_tokens": tr("Longest answer"),
        "assistant.passage_tokens": tr("Passages for a question"),
        "assistant.instructions": tr("Your instructions"),
        "window.autostart": tr("Start with the session"),
        "assistant.memories": tr("Remember what you say of yourself"),
        "assistant.kept_answers_mb": tr("Answers given again"),
        "remote.address": tr("Address"),
        "remote.model": tr("Its model"),
        "remote.connect_s": tr("Wait to reach it"),
        "remote.first_word_s": tr("Wait for the first word"),
        "remote.silence_s": tr("Longest silence"),
        "files.exclude": tr("Left out everywhere"),
        "window.on_close": tr("Closing the window"),
        "window.theme": tr("Colours"),
        "window.text_percent": tr("Size of text"),
        "window.language": tr("Language"),
        "window.global_shortcut": tr("A key that works everywhere"),
        "files.use_gitignore": tr("Mind .gitignore files"),
        "files.hidden": tr("Hidden files"),
        "files.offline_days": tr("Days out of reach"),
        "search.idle_minutes": tr("Search model stays in memory for"),
        "search.fold_copies": tr("Fold copies"),
        "search.keep_recent": tr("Keep recent searches"),
        "assistant.model": tr("Language model"),
        "assistant.active_experts": tr("Active experts"),
        "models.mirror": tr("Mirror"),
    }
    return known.get(key, " ".join(words).capitalize()), unit
