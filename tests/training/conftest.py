"""A tiny model's folder, a short family for it, episodes that the agent itself recorded, and the data set made of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from agent.agent import Agent
from agent.computers.miniwob import MiniWob
from agent.computers.replay import ReplayComputer
from agent.episode import Episode
from agent.policy import ModelPolicy
from agent.screenshot import Screenshot
from agent.step import Step
from inference.engines.scripted import ScriptedEngine
from inference.families import Family, History, ImageSpec, Prompt, load_family
from tests.inference.tiny import MAX_PIXELS, MIN_PIXELS, build_tiny
from training.data.prepare import Order, prepare

ANSWERS = ("Thought: the button\nAction: click(point='<point>{} {}</point>')", "Thought: all done\nAction: finished(content='ok')")
Record = Callable[..., tuple[Episode, ScriptedEngine]]


@pytest.fixture(scope="module")
def miniwob() -> Iterator[MiniWob]:
    """MiniWoB++ in a browser of this file's own; actions are not waited for."""
    for program in ("Xvfb", "openbox", "chromium"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: apt-get install {program.lower()}")
    if find_spec("miniwob") is None or find_spec("playwright") is None:
        pytest.skip("MiniWoB++ is not installed: pip install 'deftly[eval]'")
    with MiniWob(settle=False) as computer:
        yield computer


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny(tmp_path_factory.mktemp("models") / "tiny-vlm")


@pytest.fixture(scope="session")
def tiny_family() -> Family:
    """UI-TARS 1.5 in few words, so that a step has tens of tokens, with a window of 3 screens."""
    return replace(
        load_family("uitars-1.5"),
        image=ImageSpec(factor=32, min_pixels=MIN_PIXELS, max_pixels=MAX_PIXELS),
        prompt=Prompt(system="You act.", user="Task: {task}"),
        history=History(images=3, text="responses"),
    )


def screen(seed: int, width: int = 128, height: int = 96) -> Screenshot:
    """A picture that no other seed has."""
    rng = np.random.default_rng(seed)
    rgb = np.full((height, width, 3), 230, np.uint8)
    for _ in range(4):
        y, x = rng.integers(0, height - 20), rng.integers(0, width - 20)
        rgb[y : y + 15, x : x + 20] = rng.integers(0, 255, 3)
    return Screenshot.from_rgb(rgb)


def answers(count: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [ANSWERS[0].format(*rng.integers(10, 90, 2)) for _ in range(count - 1)] + [ANSWERS[1]]


@pytest.fixture(scope="session")
def record() -> Record:
    return record_episode


def record_episode(
    root: Path, family: Family, said: Sequence[str], task: str = "press the button", seed: int = 0
) -> tuple[Episode, ScriptedEngine]:
    """What the agent's own loop makes of a model that says `said`, and the engine with every request that it was sent."""
    engine = ScriptedEngine(list(said))
    seen = [Step(index=n, seen=screen(100 * seed + n), prediction=None) for n in range(len(said))]  # type: ignore[arg-type]
    agent = Agent(ReplayComputer(seen), ModelPolicy(engine, family), episodes_dir=root)
    return agent.run(task), engine


@pytest.fixture(scope="session")
def episodes(tmp_path_factory: pytest.TempPathFactory, tiny_family: Family) -> Path:
    """Ten episodes of 2 to 6 steps."""
    root = tmp_path_factory.mktemp("episodes")
    for number in range(10):
        record_episode(root, tiny_family, answers(2 + number % 5, seed=number), f"press the {number}. button", seed=number)
    return root


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path, tiny_family: Family, episodes: Path) -> Path:
    out = tmp_path_factory.mktemp("data") / "set"
    prepare(Order(sources=(episodes,), model=tiny_folder, out=out), tiny_family)
    return out
