from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from helpers import ROOT

ANSWER = """
import sys
from pathlib import Path
from core.llm.chat_message import ChatMessage
from core.llm.native import StopFlag
from core.llm.runtime import Runtime

path, held = Path(sys.argv[1]), int(sys.argv[2])
runtime = Runtime(
    path, context_tokens=512, threads=2, held_bytes=held or None, best_step="plain"
)
prompt = runtime.tokenize_chat([ChatMessage("user", "Name three rivers of Europe and their seas.")])
text = []
runtime.generate(prompt, max_tokens=24, on_text=text.append, stop=StopFlag())
pages = runtime._residency._pages
print(repr("".join(text)))
print(0 if pages is None else pages.largest_bytes)
"""


def answer(model: Path, held_bytes: int) -> tuple[str, int]:
    """What the model says, and the most that was found held of its file."""
    done = subprocess.run(
        [sys.executable, "-c", ANSWER, str(model), str(held_bytes)],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=500,
    )  # fmt: skip
    said, largest = done.stdout.strip().splitlines()
    return said, int(largest)


@pytest.mark.skipif(sys.platform != "linux", reason="pages are let go on Linux only")
def test_a_model_with_little_memory_says_the_same(models: Path) -> None:
    model = models / "llm" / "smollm2-135m-instruct.gguf"
    whole, _ = answer(model, 0)
    bounded, largest = answer(model, 40_000_000)
    assert bounded == whole
    # One step may touch the table of all words, 28 MB, before it is looked again.
    assert 0 < largest < 75_000_000 < model.stat().st_size
