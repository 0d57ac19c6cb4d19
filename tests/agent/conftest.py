"""Screens, steps and a scripted agent to work with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actions.geometry import Point
from actions.space import Action, Click, Prediction
from agent.agent import Agent
from agent.computers.base import Computer, Outcome
from agent.computers.replay import ReplayComputer
from agent.policy import ModelPolicy
from agent.screenshot import Screenshot
from agent.step import Step
from inference.engines.scripted import ScriptedEngine
from inference.families import load_family


def screen(colour: int = 0, width: int = 64, height: int = 48) -> Screenshot:
    """A screen of one colour with a mark that no other colour has."""
    rgb = np.full((height, width, 3), colour % 256, np.uint8)
    rgb[0, 0] = (colour // 256, 255 - colour % 256, 7)
    return Screenshot.from_rgb(rgb, taken_at=1_700_000_000.0 + colour)


def step(index: int = 0, *actions: Action, thought: str = "", colour: int | None = None, **fields: Any) -> Step:
    """A step that did `actions`, a click when there are none."""
    did = actions or (Click(point=Point(0.5, 0.25)),)
    return Step(
        index=index,
        seen=screen(index if colour is None else colour),
        prediction=Prediction(thought=thought or f"thought {index}", actions=did, text=fields.pop("text", "")),
        outcomes=tuple(Outcome(action=action, seconds=0.001) for action in did),
        **fields,
    )


@pytest.fixture
def make_screen() -> Callable[..., Screenshot]:
    return screen


@pytest.fixture
def make_step() -> Callable[..., Step]:
    return step


@pytest.fixture
def make_agent(tmp_path: Path) -> Callable[..., Agent]:
    """An agent on recorded screens, driven by a script of model texts."""

    def make(replies: Any, computer: Computer | None = None, *, screens: int = 10, family: str = "uitars-1.5", **options: Any) -> Agent:
        engine = ScriptedEngine(replies, dies_at=options.pop("dies_at", None))
        return Agent(
            computer or ReplayComputer([step(index) for index in range(screens)]),
            ModelPolicy(engine, load_family(family)),
            episodes_dir=tmp_path / "episodes",
            **options,
        )

    return make


def texts(messages: Sequence[Any]) -> list[str]:
    """Messages as lines such as `user: <screen 3> words`, for reading and comparing."""
    return [f"{m.role}: " + " ".join(part if isinstance(part, str) else f"<{part.rgb[1, 1, 0]}>" for part in m.content) for m in messages]


@pytest.fixture
def as_lines() -> Callable[..., list[str]]:
    return texts
