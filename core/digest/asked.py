"""Questions that want a whole file read, not a passage found: told by their words. Pure."""

from __future__ import annotations

import re

from core.messages import DigestTask

_WORD = re.compile(r"[^\W_]+")
# What such a request says beside what it wants. Any other word makes it a question like others.
_BESIDE = frozenset(
    "a all an and are between both by can could do does document documents every file files find "
    "for from give has have i in is it its kindly letter list make me mentioned my named of one "
    "ones out please s say says show so some tell text that the their them there these this those "
    "to two up us version versions want was were what which whole will would write you".split()
)
_WANTED: dict[str, DigestTask] = {
    **dict.fromkeys(("summarize", "summarise", "summary", "sum", "tldr"), "summarize"),
    **dict.fromkeys(("dates",), "dates"),
    **dict.fromkeys(
        ("changed", "change", "changes", "differ", "differs", "difference", "differences",
         "different", "compare", "comparison"),
        "changes",
    ),
}  # fmt: skip
FILES = {"summarize": 1, "dates": 1, "changes": 2}
MOST_WORDS = 16


def task_asked(question: str, files: int) -> DigestTask | None:
    """What a question wants of `files` whole files that it is put to; None for an answer.

    Every word has to be one of a request: "what changed between these" is one, "what changed in
    the rent" is not.
    """
    said = _WORD.findall(question.casefold().replace("tl;dr", "tldr"))
    if len(said) > MOST_WORDS:
        return None
    wanted = {_WANTED[word] for word in said if word in _WANTED}
    if len(wanted) != 1 or any(word not in _BESIDE and word not in _WANTED for word in said):
        return None
    task = wanted.pop()
    return task if FILES[task] == files else None
