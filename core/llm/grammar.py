"""Grammars that an answer has to follow, in llama.cpp's notation (GBNF), and what it then says.

https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md
"""

from __future__ import annotations

NONE = "none"


def numbers_grammar(count: int, most: int) -> str:
    """Answers are "none", or at most `most` of the numbers 1 to `count`, with commas."""
    numbers = " | ".join(f'"{number}"' for number in range(1, count + 1))
    more = f'(", " number){{0,{most - 1}}}' if most > 1 else ""
    return f'root ::= "{NONE}" | number {more}\nnumber ::= {numbers}\n'


def numbers_said(text: str, count: int) -> tuple[int, ...]:
    """The numbers from 1 to `count` in an answer, each once, in order; none where it says none."""
    said = (part.strip() for part in text.split(","))
    numbers = {int(part) for part in said if part.isascii() and part.isdigit() and len(part) < 6}
    return tuple(sorted(number for number in numbers if 1 <= number <= count))
