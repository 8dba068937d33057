"""Texts with gaps, found again in whole sentences, and said in another language.

The service says everything in English. A catalogue has each of its texts with gaps, as the
program holds them: "About %1 of %2 files wait." A sentence that comes is compared with these,
what stands in the gaps is taken out and put into the translation. Names and words of files
stand in gaps only, and go over untouched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

LONGEST_CHARS = 1000  # of a text that is looked up; a longer one is no sentence of ours
DEEPEST = 6  # texts inside texts
_GAP = re.compile(r"%([LT]?)([1-9])")
_NUMBER = re.compile(r"(\d[\d.,]*)(%?)")


@dataclass(frozen=True, slots=True)
class _Template:
    """`parts` are the words between the gaps: one more than there are gaps."""

    parts: tuple[str, ...]
    gaps: tuple[str, ...]
    translation: str

    @property
    def letters(self) -> int:
        return sum(map(len, self.parts))

    def fills(self, text: str) -> Iterator[dict[str, str]]:
        """What may stand in the gaps of this text; nothing when it is another text.

        Each part is looked for from the left. Of two gaps, such as a path and a reason, every
        way to part them is told, for a path may hold what stands between them.
        """
        first, *between, last = self.parts
        end = len(text) - len(last)
        if not (text.startswith(first) and text.endswith(last) and end >= len(first)):
            return
        starts = [len(first)]
        if len(between) == 1:
            cut = text.find(between[0], len(first), end)
            while cut >= 0:
                after = text[cut + len(between[0]) : end]
                yield dict(zip(self.gaps, (text[len(first) : cut], after), strict=True))
                cut = text.find(between[0], cut + 1, end)
            return
        found = []
        for part in between:
            cut = text.find(part, starts[-1], end)
            if cut < 0:
                return
            found.append(text[starts[-1] : cut])
            starts.append(cut + len(part))
        yield dict(zip(self.gaps, [*found, text[starts[-1] : end]], strict=True))


def gaps_of(text: str) -> tuple[str, ...]:
    """The gaps of a text, each as its digit, in the order in which they stand."""
    return tuple(digit for _, digit in _GAP.findall(text))


class Phrases:
    """The texts of a catalogue, whole ones and such with gaps.

    In a translation %1 is put in as it came, %L1 is a number or size and gets the separators of
    the language, and %T1 is a text of the catalogue itself; a text whose %T part is not found is
    not found either. Texts may be joined by `joints`: English words between them, with their
    translation.
    """

    def __init__(
        self,
        texts: Mapping[str, str],
        joints: Mapping[str, str],
        point: str,
        group: str,
        percent: str = "%",
    ) -> None:
        self._whole = {text: said for text, said in texts.items() if not _GAP.search(text)}
        with_gaps = (
            _Template(tuple(_GAP.split(text)[::3]), gaps_of(text), said)
            for text, said in texts.items()
            if _GAP.search(text)
        )
        # Those that say most about a text are tried first.
        self._templates: Sequence[_Template] = sorted(with_gaps, key=lambda t: -t.letters)
        self._joints = joints
        self._percent = percent
        self._separators = str.maketrans({".": point, ",": group})

    def say(self, text: str) -> str | None:
        """The text in the language of the catalogue; None when it is none of its texts."""
        if not 0 < len(text) <= LONGEST_CHARS:
            return None
        whole = self._say(text, DEEPEST)
        return whole if whole is not None else self._joined(text, DEEPEST)

    def _say(self, text: str, depth: int) -> str | None:
        if (said := self._whole.get(text)) is not None or not depth:
            return said
        for template in self._templates:
            for found in template.fills(text):
                if (said := self._put(template, found, depth)) is not None:
                    return said
        return None

    def _put(self, template: _Template, found: Mapping[str, str], depth: int) -> str | None:
        values = {"%" + digit: text for digit, text in found.items()}
        for kind, digit in _GAP.findall(template.translation):
            if kind == "L":
                values["%L" + digit] = _NUMBER.sub(self._number, found[digit])
            elif kind == "T":
                said = self._joined(found[digit], depth - 1)
                if said is None:
                    return None
                values["%T" + digit] = said
        return _GAP.sub(lambda gap: values[gap[0]], template.translation)

    def _number(self, found: re.Match[str]) -> str:
        return found[1].translate(self._separators) + (self._percent if found[2] else "")

    def _joined(self, text: str, depth: int) -> str | None:
        """A text, or several with a joint between them; what is not there is said by nothing."""
        if not text:
            return ""
        for before, joint, after in self._cuts(text):
            first = self._say(before, depth)
            rest = None if first is None else self._joined(after, depth)
            if rest is not None:
                return f"{first}{self._joints[joint]}{rest}"
        return self._say(text, depth)

    def _cuts(self, text: str) -> Iterator[tuple[str, str, str]]:
        for joint in self._joints:
            at = text.find(joint)
            while at > 0:
                yield text[:at], joint, text[at + len(joint) :]
                at = text.find(joint, at + 1)
