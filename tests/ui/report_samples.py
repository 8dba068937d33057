"""Made-up usage, budgets and models, as the service would report them."""

from __future__ import annotations

import dataclasses

from core.index.levels import LEVELS


def status(**in_force: object) -> dict[str, object]:
    """A status as the service reports it; `disk_bytes`, `ram_bytes` or `level` may be given."""
    store = {
        "catalogue": 4_100_000, "codes": 12_400_000, "graph": 2_300_000, "spans": 1_900_000,
        "embeddings": 0, "lexical": 61_000_000, "text_cache": 23_700_000, "history": 410_000,
        "other": 12_000, "total": 105_822_000,
    }  # fmt: skip
    return {
        "device": {
            "processors": 4, "memory_bytes": 8_200_000_000,
            "memory_available_bytes": 4_900_000_000, "disk_bytes": 512_110_190_592,
            "disk_free_bytes": 121_000_000_000, "on_battery": True, "battery_share": 0.82,
        },
        "budgets": {
            "disk_bytes": in_force.get("disk_bytes", 500_000_000),
            "ram_bytes": in_force.get("ram_bytes", 2_000_000_000),
        },
        "usage": {
            "disk_bytes": 105_822_000,
            "store_bytes": store,
            "models_bytes": 176_000_000,
            "memory_bytes": {
                "service": 402_000_000, "extractors": 88_000_000, "model_worker": 231_000_000,
            },
        },
        "index": {
            "files": {"indexed": 1558},
            "text_bytes": 310_000_000,
            "levels": [dataclasses.asdict(level) for level in LEVELS],
        },
        "settings": choices(str(in_force.get("level", "codes-16"))),
    }  # fmt: skip


def choices(level: str = "codes-16") -> list[dict[str, object]]:
    """The settings that are previewed together with the budgets, and one that is not."""
    numbers = {"low": None, "high": None, "choices": [], "help": ""}
    return [
        {"key": "files.hidden", "value": False, "default": False, **numbers},
        {
            "key": "index.level", "value": level, "default": "codes-16", **numbers,
            "choices": [level.name for level in LEVELS],
        },
        {"key": "index.text_cache_mb", "value": 25.0, "default": 25.0, **numbers, "low": 0},
        {
            "key": "assistant.model", "value": "smollm2-135m-instruct",
            "default": "smollm2-135m-instruct", **numbers,
        },
        {
            "key": "assistant.context_tokens", "value": 2048, "default": 2048, **numbers,
            "low": 512, "high": 131_072,
        },
        {
            "key": "assistant.cell_type", "value": "auto", "default": "auto", **numbers,
            "choices": ["auto", "f16", "q8_0"],
        },
    ]  # fmt: skip


def plan(disk_bytes: int, ram_bytes: int) -> dict[str, object]:
    """A plan for these budgets."""
    small = disk_bytes < 100_000_000
    disk = {
        "catalogue": 4_200_000, "codes": 6_900_000 if small else 12_600_000, "graph": 2_300_000,
        "spans": 2_000_000, "embeddings": 0, "lexical": 52_000_000 if small else 62_000_000,
        "text_cache": 0 if small else 25_000_000, "history": 410_000, "other": 100_000,
    }  # fmt: skip
    memory = {
        "service": 420_000_000, "extractors": 180_000_000, "embedding_cache": 64_000_000,
        "model_weights": 98_000_000, "kv": 25_000_000, "model_overhead": 100_000_000,
    }  # fmt: skip
    return {
        "disk": {**disk, "free": max(0, disk_bytes - sum(disk.values()))},
        "memory": {**memory, "free": max(0, ram_bytes - sum(memory.values()))},
        "level": "codes-8" if small else "codes-16",
        "words": "words",
        "cell_type": "q8_0",
        "context_tokens": 2048,
        "model": "smollm2-135m-instruct",
        "can_answer": True,
        "query_s": 0.42 if small else 0.21,
        "first_token_s": 2.4,
        "tokens_per_s": 21.0,
        "index_bytes": 67_000_000 if small else 80_000_000,
        "text_bytes_that_fit": disk_bytes * 4,
    }


def budget(disk_bytes: int = 500_000_000, ram_bytes: int = 2_000_000_000) -> dict[str, object]:
    """A budget report: these budgets asked for, 500 MB and 2 GB in force."""
    changed = (disk_bytes, ram_bytes) != (500_000_000, 2_000_000_000)
    return {
        "preview": True,
        "budgets": {"disk_bytes": disk_bytes, "ram_bytes": ram_bytes},
        "smallest": {"disk_bytes": 4_000_000, "ram_bytes": 412_300_000},
        "proposed": {"disk_bytes": 500_000_000, "ram_bytes": 1_600_000_000},
        "largest": {"disk_bytes": 512_110_190_592, "ram_bytes": 16_654_000_128},
        "used": {"disk_bytes": 105_822_000, "ram_bytes": 721_000_000},
        "now": plan(500_000_000, 2_000_000_000),
        "plan": plan(disk_bytes, ram_bytes),
        "changes": [
            "A search takes about 0.4 s instead of 0.2 s.",
            "The index goes from the level codes-16 to codes-8: a search finds 80% instead of 88% "
            "of the ten best passages.",
            "Frees 39 MB on disk.",
        ] if changed else [],
        "reasons": [
            "The index is at the level codes-16: it keeps 16 bytes of code a passage, 23 bytes a "
            "passage in all, and a search finds 88% of the ten best passages with about 23 "
            "passages embedded anew.",
            f"The budget holds the index of about {disk_bytes * 4 // 1_000_000} MB of text; "
            "310 MB are in it.",
            "The language model smollm2-135m-instruct takes 223 MB while it answers and leaves "
            "memory when idle; it looks back on 2048 tokens.",
        ],
    }  # fmt: skip


def models() -> list[dict[str, object]]:
    """The table of models as the service reports it."""
    chat = {"kind": "chat", "installed": False, "chosen": False, "measured": False}
    return [
        {
            **chat, "name": "smollm2-135m-instruct", "title": "SmolLM2 135M Instruct, Q4_1",
            "licence": "Apache-2.0", "parameters": 134_515_008, "size_bytes": 98_362_432,
            "memory_bytes": 223_000_000,
            "download_bytes": 92_871_040, "from": "files.example.org", "installed": True,
            "chosen": True, "fits": "yes", "tokens_per_s": 21.3, "measured": True, "good_for":
            "A starter that runs anywhere. Often wrong, so check its sources; English only.",
        },
        {
            **chat, "name": "qwen2.5-1.5b-instruct", "title": "Qwen2.5 1.5B Instruct, Q4_K_M",
            "licence": "Apache-2.0", "parameters": 1_777_088_000, "size_bytes": 1_117_320_736,
            "download_bytes": 1_117_320_736, "from": "models.example.org", "fits": "yes",
            "tokens_per_s": 6.2,
            "good_for": "Short answers in about 29 languages.",
        },
        {
            **chat, "name": "olmoe-1b-7b-instruct", "title": "OLMoE 1B-7B 0924 Instruct, Q4_K_M",
            "licence": "Apache-2.0", "parameters": 6_919_161_856,
            "active_parameters": 1_280_000_000, "size_bytes": 4_213_512_672,
            "download_bytes": 4_213_512_672, "from": "models.example.org",
            "fits": "with experts on disk", "tokens_per_s": 3.4,
            "good_for":
            "A mixture of experts that is open in all its parts: fast for its size; English only.",
        },
        {
            **chat, "name": "large-70b", "title": "A large one, 70B", "licence": "MIT",
            "parameters": 70_000_000_000, "size_bytes": 42_000_000_000,
            "download_bytes": 42_000_000_000, "from": "models.example.org", "fits": "no",
            "tokens_per_s": None, "good_for": "",
        },
        {**chat, "name": "my-own-file", "size_bytes": 812_000_000, "installed": True,
         "adapters": [{"name": "my-letters", "size_bytes": 12_400_000}]},
        {
            "kind": "embedding", "name": "all-minilm-l6-v2", "installed": True, "chosen": True,
            "size_bytes": 24_000_000, "download_bytes": 90_000_000, "licence": "Apache-2.0",
            "good_for": "English. Small and fast; other languages are found by their words only.",
        },
        {
            "kind": "embedding", "name": "multilingual-e5-small", "installed": True,
            "chosen": False, "size_bytes": 120_000_000, "download_bytes": 470_000_000,
            "licence": "MIT", "good_for":
            "About 100 languages; best where question and text share one. Half as fast.",
        },
    ]  # fmt: skip


CRASH = "Satchel 0.1.0, window\nPython 3.11.2, Linux\n\nKeyError at\n  ui/sidebar.py:12 select\n"


def kept() -> dict[str, object]:
    """What is kept of the person, as the service reports it."""
    history = "/home/ana/.local/share/satchel/home/data/history.db"
    return {
        "kept": [
            {"kind": "conversations", "count": 12, "turns": 41, "path": history,
             "bytes": 2_400_000},
            {"kind": "answers", "count": 9, "path": history, "bytes": 61_000},
            {"kind": "memories", "count": 0, "path": history, "bytes": None},
            {"kind": "searches", "count": 7, "path": "/home/ana/searches.json", "bytes": 900},
            {"kind": "index", "count": 4000, "path": "/home/ana/data", "bytes": 105_000_000},
            {"kind": "models", "path": "/home/ana/models", "bytes": 176_000_000},
        ],
        "about": {
            "version": "0.1.0", "python": "3.11.2", "system": "Linux", "settings": "/home/ana/c",
            "data": "/home/ana/data", "cache": "/home/ana/cache", "models": "/home/ana/models",
            "crash_reports": [{"path": "/home/ana/crashes/1.txt", "text": CRASH}],
        },
    }  # fmt: skip
