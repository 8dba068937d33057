"""How reports are said in a terminal: status, budgets, folders, indexing, the doctor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from app.models_lines import gpu_line
from app.quantities import duration, size

_COUNTS = ("indexed", "skipped", "failed", "needs_ocr", "offline")


def folders_lines(body: Any) -> Iterator[str]:
    """The watched folders."""
    if not body:
        yield "No folder is watched. Add one with: satchel folders add PATH"
    for folder in body:
        counts = folder["files"]
        files = _counts(counts) if counts else "not indexed yet; run: satchel index"
        yield f"{folder['path']}  ({folder['state']})  {files}"
        for pattern in folder["excluded"]:
            yield f"    leaves out {pattern}"


def index_lines(body: Any) -> Iterator[str]:
    """The coverage summary."""
    yield f"{_counts(body['files'])}; {body['chunks']} passages"
    if body["level_chunks"] < body["chunks"]:
        yield (
            f"{body['level_chunks']} passages are at the level {body['level']}; the others "
            "come there while Satchel is open, or at once with "
            f"`satchel index --level {body['level']}`"
        )
    if not body["words"]:
        yield "no word index is kept: passages are found by their meaning only"
    yield f"took {duration(body['seconds'])}"
    yield from _store_lines(body["store_bytes"], body["text_bytes"])
    for failure in body["failures"]:
        yield f"  {failure['path']}: {failure['reason']}"
    for problem in body["problems"]:
        yield f"  {problem}"


def status_lines(body: Any) -> Iterator[str]:
    """Device, budgets, usage and index."""
    device, usage, index = body["device"], body["usage"], body["index"]
    free = device["disk_free_bytes"]
    yield (
        f"device   {device['system']}, {device['processors']} processors, "
        f"{size(device['memory_available_bytes'])} of {size(device['memory_bytes'])} memory "
        f"available, disk free: {size(free) if free is not None else 'unknown'}"
    )
    if device["measured"]:
        yield f"         {_speed(device['measured'])}"
    yield f"         {gpu_line(device['gpus'])}"
    yield (
        f"budgets  disk {size(body['budgets']['disk_bytes'])}, used "
        f"{size(usage['disk_bytes'])}; memory {size(body['budgets']['ram_bytes'])}, used "
        f"{size(sum(usage['memory_bytes'].values()))}"
    )
    yield f"index    {index['state']}: {_counts(index['files'])}; {_level(index)}"
    if index["reason"]:
        yield f"         {index['reason']}"
    if moving := index["moving"]:
        yield (
            f"         the index for {moving['model']} has {moving['done']} of about "
            f"{moving['total']} passages; {moving['serving']} searches until it is whole"
        )
    if index["damage"]:
        yield f"         {index['damage']}"
    for name in ("set_aside", "repaired"):
        for item in index[name]:
            yield f"         {name.replace('_', ' ')}: {item}"
    yield from _store_lines(usage["store_bytes"], index["text_bytes"])
    yield f"readers  {_readers(body['readers'])}"
    model = body["model"]
    here = "" if model["assistant_installed"] else " (not installed)"
    embedding = model["embedding"] or "not installed"
    yield (
        f"models   {size(usage['models_bytes'])} on disk; embedding {embedding}, "
        f"answers {model['assistant']}{here}"
    )
    if model["weights"]:
        yield f"         {_weights(model['weights'])}"
    if memory := model["memory"]:
        yield f"         looks back on {memory['context_tokens']} tokens in {memory['cell_type']}"
        if memory["switched_off"]:
            yield f"         {memory['switched_off']}"


def budget_lines(body: Any) -> Iterator[str]:
    """The plan for the budgets."""
    what = "would be" if body["preview"] else "are"
    yield (
        f"The budgets {what} {size(body['budgets']['disk_bytes'])} of disk "
        f"({size(body['used']['disk_bytes'])} used) and "
        f"{size(body['budgets']['ram_bytes'])} of memory "
        f"({size(body['used']['ram_bytes'])} used now)."
    )
    for name, title in (("disk", "disk  "), ("memory", "memory")):
        parts = [f"{k.replace('_', ' ')} {size(v)}" for k, v in body["plan"][name].items() if v]
        yield f"{title}  {', '.join(parts)}"
    for title, lines in (("What changes:", body["changes"]), ("Why:", body["reasons"])):
        if lines:
            yield title
        for line in lines:
            yield f"  {line}"


def forgotten_lines(body: Any) -> Iterator[str]:
    """What was removed."""
    files, answers = body["files"], body["answers"]
    yield (
        f"Forgot {body['path']}: {files} {'file' if files == 1 else 'files'} of the index, "
        f"{answers} {'answer' if answers == 1 else 'answers'}."
    )
    if body["excluded_by"]:
        yield f"It is left out from now on ({body['excluded_by']})."
    proof = body["proof"]
    if proof["sentences"] and not proof["found_by_search"] and not proof["found_on_disk"]:
        yield "Looked for its words in every file of Satchel's: nothing is left."
    for other in proof["also_in"]:
        yield f"The same words are in another file, which stays: {other}"


def doctor_lines(body: Any) -> Iterator[str]:
    """The findings of a check."""
    for finding in body["findings"]:
        state = "repaired" if finding["repaired"] else "found"
        yield f"{finding['part']}: {finding['problem']} ({state})"
    if not body["findings"]:
        yield f"All is well: {', '.join(body['checked'])}."
    for note in body["notes"]:
        yield f"{note}."
    for path in body["crash_reports"]:
        yield f"A crash report to copy, free of your files' content: {path}"
    if body["device"]:  # the home could be opened
        yield f"Readers of files: {_readers(body['readers'])}."
        yield f"This machine {_speed(body['device'])}; {gpu_line(body['device']['gpus'])}."
    if body["advice"]:
        yield body["advice"]


def _store_lines(parts: Mapping[str, int], text_bytes: int) -> Iterator[str]:
    """The size of the store by part, beside the text it stands for."""
    yield f"the store takes {size(parts['total'])} for {size(text_bytes)} of text:"
    for name, part in parts.items():
        if name != "total" and part:
            share = f"  {100 * part / text_bytes:5.1f} % of the text" if text_bytes else ""
            yield f"  {name.replace('_', ' '):<12} {size(part):>10}{share}"


def _speed(body: Mapping[str, Any]) -> str:
    """How fast the machine was found to be."""
    disk = body["disk_read_bytes_per_s"]
    read = "unknown" if disk is None else f"{size(disk)} a second"
    return f"computes {body['gflop_per_s']:.0f} GFLOP a second; reads from the disk: {read}"


def _weights(held: Any) -> str:
    """How the weights of the model that is loaded are kept in memory."""
    said = f"weights: {held['step']}, {held['why']}"
    if not held["room_bytes"]:
        return said
    rate = "" if held["hit_rate"] is None else f", {held['hit_rate']:.0%} of what was needed there"
    return (
        f"{said}; {size(held['resident_bytes'])} of {size(held['room_bytes'])}"
        f"{rate.replace('%', ' %')}"
    )


def _readers(body: Mapping[str, Any]) -> str:
    """What readers of files are kept from, as far as it is known, and which programs help them."""
    kept = {"network": "the network", "writing": "changing files", "memory": "too much memory"}
    said = []
    if body["protections"] is not None:
        held = [words for name, words in kept.items() if name in body["protections"]]
        free = [words for name, words in kept.items() if name not in body["protections"]]
        said += [f"kept from {', '.join(held)}"] if held else []
        said += [f"not kept from {', '.join(free)} on this system"] if free else []
    titles = {"tesseract": "scanned pages", "libreoffice": "old Office files"}
    helped = [f"{what} by {name}" for name, what in titles.items() if body["programs"][name]]
    said.append(", ".join(helped) or "no programs for scanned pages and old Office files")
    return "; ".join(said)


def _level(index: Mapping[str, Any]) -> str:
    """The level, and how far the index has come to it."""
    code = index["code_bytes_a_chunk"]
    text = f"level {index['level']}" + (f", {code} bytes of code a passage" if code else "")
    if index["levelling"]:
        text += f"; {index['level_chunks']} of {index['chunks']} passages are there"
    return text if index["words"] else f"{text}; no word index"


def _counts(counts: Mapping[str, int]) -> str:
    parts = [f"{counts.get('indexed', 0)} files indexed"]
    parts += [
        f"{counts[name]} {name.replace('_', ' ').replace('ocr', 'OCR')}"
        for name in (*_COUNTS[1:], "waiting")
        if counts.get(name)
    ]
    return ", ".join(parts)
