"""A real model that keeps a running state: nothing of a prompt may be missing after the first."""

from pathlib import Path

import numpy as np
from tiny_models import write_tiny

from core.llm.experts.manager import Residency
from core.llm.kv.memory import KvMemory
from core.llm.kv.native_cells import RUNNING_STATE
from core.llm.kv.prompts import PromptMemory, PromptPart, part_name, system_part
from core.llm.native import ContextShape, NativeContext, NativeModel, StopFlag

SYSTEM = system_part(range(10, 40))
TURN_TOKENS = tuple(range(50, 70))
TURN = PromptPart(part_name("turn", TURN_TOKENS), 1, TURN_TOKENS)


def test_a_second_prompt_is_read_whole(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "hybrid.gguf", "lfm2moe")
    model = NativeModel(path, StopFlag())

    def logits_after(*ends: list[int]) -> np.ndarray:
        shape = ContextShape(256, 1, 64, "f16", key_size=64)
        context = NativeContext(model, shape, Residency(path, None, None, "plain", None))
        assert context.cells.ability.why == RUNNING_STATE
        prompts = PromptMemory(KvMemory(context.cells, 1, 64), 0)
        for end in ends:
            prompts.bring([SYSTEM, TURN], end, 16)
        found = np.array(context.logits())
        context.close()
        return found

    alone = logits_after([71, 72])
    assert (logits_after([73], [71, 72]) == alone).all()
    assert (logits_after([73], [74, 75, 76], [71, 72]) == alone).all()
    model.close()
