"""What a change of a model costs in quality: how well it still foretells a person's own texts.

Both models read the same texts. Each says, token by token, how likely it held the one that
came: the mean of its surprise is the loss, and e to that power the perplexity. How often both
hold the same token most likely says how much of an answer would change. Of the texts nothing
is kept but these numbers.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from core.atomic import write_atomic

CONTEXT_TOKENS = 512
TEXTS = 8
TEXT_CHARS = 1200  # about 300 tokens
LEAST_TOKENS = 64  # fewer tell nothing
_VERSION = 1

Texts = Literal["your files", "a check text"]

# Where no files are indexed. Own sentences, for many kinds of text: prose, a list, code, numbers.
CHECK_TEXTS = (
    "The mill at the weir had stood empty since the new road was built. Every spring the river "
    "came up to the second step, and every spring somebody said that it would take the wheel "
    "this time. Anna kept the key. She went in once a month, opened the shutters, and wrote the "
    "height of the water on the beam beside the door, under her father's figures and those of "
    "his father. In dry years the marks stood close together; in the year of the flood there was "
    "one by itself, so high that she had to stand on a chair to read it.",
    "Minutes of the meeting of 14 March. Present: Ms Okafor (chair), Mr Lindqvist, Ms Duarte. "
    "1. The accounts for last year were approved; the surplus of 3,240 goes to the repair of the "
    "roof. 2. Two offers were received for the heating. The cheaper one leaves out the pump in "
    "the cellar, so the second was taken. 3. The garden group asks for a second tap. Mr Lindqvist "
    "finds out what it costs and reports in May. The next meeting is on 11 April at seven.",
    'def median(values):\n    """The middle one, or the mean of the two in the middle."""\n'
    "    ordered = sorted(values)\n    half = len(ordered) // 2\n    if not ordered:\n"
    "        raise ValueError('no values')\n    if len(ordered) % 2:\n"
    "        return ordered[half]\n"
    "    return (ordered[half - 1] + ordered[half]) / 2\n\n\n"
    "print(median([3, 1, 4, 1, 5, 9, 2]))\n",
    "Dear Mr Baptiste, thank you for your letter of last week. The second reading of your meter, "
    "of 30 November, was entered as that of 3 November, and so the bill was too high by 41.70. "
    "The amount will be set off against the next one; if you would rather have it paid out, write "
    "the number of your account on the form below and send it back within fourteen days. Please "
    "accept our apologies for the trouble. Yours sincerely, the customer office.",
    "To preserve lemons, wash them well and cut each into quarters, but not quite through. Press "
    "a spoonful of coarse salt into every fruit, close it again, and lay the lemons into a clean "
    "jar, so tightly that their juice rises above them. Keep the jar in a cool place for a month "
    "and turn it over every few days. Only the peel is used: rinse it, scrape off the pulp, and "
    "cut it into thin strips for stews, beans or a salad of fennel and olives.",
)


@dataclass(frozen=True, slots=True)
class Foretold:
    """For each token but the first of a text: the surprise at it (nats), and which was expected."""

    losses: tuple[float, ...]
    best: tuple[int, ...]


class Quality(msgspec.Struct, frozen=True):
    """How a changed model compares with the one it was made of, over the same tokens.

    `loss_before` and `loss` are mean surprises in nats, `agreement` the share of places at
    which both expect the same token.
    """

    loss_before: float
    loss: float
    agreement: float
    tokens: int
    texts: Texts

    @property
    def perplexity_before(self) -> float:
        """How many tokens the model as it was hesitated between, on average."""
        return math.exp(self.loss_before)

    @property
    def perplexity(self) -> float:
        """How many the changed one does."""
        return math.exp(self.loss)

    @property
    def cost(self) -> float:
        """By what share the perplexity rose; below 0 where it fell."""
        return math.expm1(self.loss - self.loss_before)


def next_token_loss(scores: npt.NDArray[np.float32], token: int) -> float:
    """The surprise at a token, in nats, after these scores of all tokens. Pure."""
    top = float(scores.max())
    rest = float(np.exp(scores - top, dtype=np.float64).sum())
    return top + math.log(rest) - float(scores[token])


def compare(before: Sequence[Foretold], after: Sequence[Foretold], texts: Texts) -> Quality | None:
    """The comparison over all texts; None when there was too little to tell. Pure."""
    losses_before = [loss for one in before for loss in one.losses]
    losses = [loss for one in after for loss in one.losses]
    pairs = [
        left == right
        for one, other in zip(before, after, strict=True)
        for left, right in zip(one.best, other.best, strict=True)
    ]
    if len(losses) < LEAST_TOKENS or len(losses) != len(losses_before):
        return None
    return Quality(
        loss_before=round(sum(losses_before) / len(losses), 5),
        loss=round(sum(losses) / len(losses), 5),
        agreement=round(sum(pairs) / len(pairs), 4),
        tokens=len(losses),
        texts=texts,
    )


# --- kept beside the model --------------------------------------------------------------------


class Slimmed(msgspec.Struct, frozen=True):
    """What a model was slimmed from, and what that cost; `quality` is None where not measured."""

    source: str
    experts: int
    experts_before: int
    quality: Quality | None


class Fewer(msgspec.Struct, frozen=True):
    """What it costs that a token uses `active` experts instead of as many as it should."""

    active: int
    quality: Quality


class Kept(msgspec.Struct, frozen=True):
    """What is known of a model file's quality: another size or date means another file."""

    file_bytes: int = 0
    mtime_ns: int = 0
    slimmed: Slimmed | None = None
    fewer: tuple[Fewer, ...] = ()
    version: int = _VERSION

    def fewer_with(self, new: Fewer) -> tuple[Fewer, ...]:
        """The measurements with one more, in place of that of the same number; fewest last."""
        rest = [one for one in self.fewer if one.active != new.active]
        return tuple(sorted((*rest, new), key=lambda one: -one.active))


def kept_path(model: Path) -> Path:
    """Where the quality of a model file is kept."""
    return model.with_suffix(".quality.json")


def load(model: Path) -> Kept:
    """What is known of a model file; nothing where none is kept, or of another file."""
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        kept = msgspec.json.decode(kept_path(model).read_bytes(), type=Kept)
        status = model.stat()
        here = (status.st_size, status.st_mtime_ns, _VERSION)
        if (kept.file_bytes, kept.mtime_ns, kept.version) == here:
            return kept
    return Kept()


def keep(
    model: Path, *, slimmed: Slimmed | None = None, fewer: Sequence[Fewer] | None = None
) -> None:
    """Keep something new of a model file beside what is known of it. Raises OSError."""
    status, known = model.stat(), load(model)
    new = Kept(
        file_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        slimmed=known.slimmed if slimmed is None else slimmed,
        fewer=known.fewer if fewer is None else tuple(fewer),
    )
    write_atomic(kept_path(model), msgspec.json.encode(new))
