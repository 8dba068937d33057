"""SIGKILL at random points of everything that Satchel does: nothing is lost, nobody has to mend."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from kill_truth import Truth, learn_truth
from killing import Killer

pytestmark = pytest.mark.timeout(1800)  # beside much else a kill takes ten seconds
TEXTS = 24
INDEXING = ("service", "all", "extractor", "window")
WRITING: Mapping[str, tuple[str, ...]] = {
    "index": INDEXING, "merge": INDEXING, "level": INDEXING, "budget": INDEXING,
}  # fmt: skip
MOVING: Mapping[str, tuple[str, ...]] = {**WRITING, "model": INDEXING}
ANSWERING = ("service", "all", "worker", "window")
TALKING: Mapping[str, tuple[str, ...]] = {"answer": ANSWERING}
KEEPING: Mapping[str, tuple[str, ...]] = {**TALKING, "keep": ANSWERING}


@pytest.fixture(scope="module")
def searching(tmp_path_factory: pytest.TempPathFactory, models: Path) -> dict[str, str]:
    """An environment without a language model, so that the doctor has little to look at."""
    store = tmp_path_factory.mktemp("models")
    shutil.copytree(models / "embedding" / "all-minilm-l6-v2",
                    store / "embedding" / "all-minilm-l6-v2", copy_function=os.link)  # fmt: skip
    return {"SATCHEL_MODELS": str(store)}


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory, searching: dict[str, str]) -> Truth:
    return learn_truth(tmp_path_factory.mktemp("truth"), TEXTS, searching)


def survive(
    root: Path, truth: Truth, kills: int, doings: Mapping[str, tuple[str, ...]],
    environment: Mapping[str, str], doctor_every: int = 4,
) -> None:  # fmt: skip
    seed = int(os.environ.get("SATCHEL_KILL_SEED", random.randrange(10**6)))
    print(f"seed {seed} (SATCHEL_KILL_SEED={seed} plays it again)")
    killer = Killer(root, truth, seed, doings, environment, TEXTS, doctor_every)
    tally = killer.run(kills)
    print(f"{tally.total} kills, {tally.in_the_midst} in the midst, {tally.compared} searches "
          f"compared; {dict(tally.kills)}")  # fmt: skip
    assert tally.total >= kills


def test_killed_while_it_writes(tmp_path: Path, truth: Truth, searching: dict[str, str]) -> None:
    survive(tmp_path, truth, 9, WRITING, searching, doctor_every=10)


def test_killed_while_it_answers(tmp_path: Path, truth: Truth, models: Path) -> None:
    survive(tmp_path, truth, 3, TALKING, {"SATCHEL_MODELS": str(models)}, doctor_every=4)


# --- two hundred --------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("_round", range(4))
def test_killed_forty_times_on_the_way_to_another_model(
    tmp_path: Path, truth: Truth, two_models: Path, _round: int
) -> None:
    survive(tmp_path, truth, 40, MOVING, {"SATCHEL_MODELS": str(two_models)})


@pytest.mark.slow
@pytest.mark.parametrize("_round", range(2))
def test_killed_twenty_times_while_it_answers(
    tmp_path: Path, truth: Truth, models: Path, _round: int
) -> None:
    survive(tmp_path, truth, 20, KEEPING, {"SATCHEL_MODELS": str(models)})
