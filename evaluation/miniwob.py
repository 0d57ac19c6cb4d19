"""One MiniWoB++ task worked on by a policy, for demos and benchmarks; whole suites are `evaluation.live`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agent.agent import Agent, Observer
from agent.computers.miniwob import MiniWob
from agent.episode import Episode
from agent.limits import Limits
from agent.policy import Policy

MAX_STEPS = 15


def run_trial(
    computer: MiniWob,
    policy: Policy,
    task: str,
    seed: int,
    episodes_dir: Path,
    *,
    max_steps: int = MAX_STEPS,
    observers: Sequence[Observer] = (),
) -> Episode:
    """One episode of `task` on `seed`, with its reward.

    Raises:
        ValueError: there is no such task.
    """
    instruction = computer.open(task, seed)
    agent = Agent(
        computer,
        policy,
        limits=Limits(steps=max_steps),
        episodes_dir=episodes_dir,
        observers=observers,
        meta={"suite": "miniwob", "miniwob_task": task, "seed": seed},
    )
    episode = agent.run(instruction)
    episode.set_reward(computer.reward())
    return episode
