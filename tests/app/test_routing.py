"""Two real models: a question goes to the one that suits it, unless the person says otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from service_desk import last, serving

from core.messages import AnswerDone, Ask, Made, SettingsSet

STARTER = "smollm2-135m-instruct"
EASY = "When does the ferry to the island leave the harbour?"
HARD = "Why does the ferry to the island leave the harbour?"

# The starter's weights in more bits: the same model, but a token of it reads much more.
LARGER = """
import ctypes, sys
from llama_cpp import llama_cpp as lib
lib.llama_backend_init()
params = lib.llama_model_quantize_default_params()
params.ftype, params.allow_requantize, params.nthread = 1, True, 2
sys.exit(lib.llama_model_quantize(sys.argv[1].encode(), sys.argv[2].encode(), ctypes.byref(params)))
"""


@pytest.fixture(scope="module")
def two_models(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Path:
    store = tmp_path_factory.mktemp("two-models")
    (store / "llm").mkdir()
    (store / "embedding").symlink_to(models / "embedding")
    starter = models / "llm" / f"{STARTER}.gguf"
    (store / "llm" / starter.name).symlink_to(starter)
    made = subprocess.run(
        [sys.executable, "-c", LARGER, str(starter), str(store / "llm" / "larger.gguf")],
        capture_output=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr[-500:]
    return store


def test_questions_go_to_the_model_that_suits_them(home: Path, two_models: Path) -> None:
    with serving(home, {**os.environ, "SATCHEL_MODELS": str(two_models)}) as caller:

        def made(question: str, model: str | None = None) -> Made:
            done = last(caller, Ask(caller.next_id(), question, model, fresh=True))
            assert isinstance(done, AnswerDone), done
            assert done.model == done.made.model
            return done.made

        easy, hard = made(EASY), made(HARD)
        assert (easy.model, "smaller" in easy.why) == (STARTER, True)
        assert (hard.model, "more than a fact" in hard.why) == ("larger", True)
        assert made(HARD, STARTER) == Made(STARTER)
        last(caller, SettingsSet(caller.next_id(), "assistant.routing", "off"))
        assert made(HARD) == Made(STARTER)
        # A model that there is no room for is no choice.
        last(caller, SettingsSet(caller.next_id(), "assistant.routing", "auto"))
        last(caller, SettingsSet(caller.next_id(), "budget.ram_mb", 560.0))
        assert made(HARD).model == STARTER
