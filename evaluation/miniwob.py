"""Live evaluation on MiniWoB++: tasks and seeds in, success with standard errors out, judged by each task's own reward."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.agent import Agent, Observer
from agent.computers.miniwob import MiniWob
from agent.episode import Episode
from agent.limits import Limits
from agent.policy import Policy

EVALUATION_SEEDS = range(1000)  # demonstrations are recorded on seeds from 1,000,000 on
MAX_STEPS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One episode: its seed, the task's reward (`None` when it never ended), and what it took."""

    seed: int
    reward: float | None
    num_steps: int
    seconds: float
    status: str
    episode: str

    @property
    def solved(self) -> bool:
        return self.reward is not None and self.reward > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """All trials of one task."""

    task: str
    trials: tuple[Trial, ...]

    @property
    def success(self) -> float:
        """Share of trials with a positive reward."""
        return sum(trial.solved for trial in self.trials) / len(self.trials)

    @property
    def standard_error(self) -> float:
        """Of `success`, binomial; for none or all solved, that of one more trial of each kind (so that it is never 0)."""
        count = len(self.trials)
        solved = sum(trial.solved for trial in self.trials)
        share = solved / count if 0 < solved < count else (solved + 1) / (count + 2)
        return math.sqrt(share * (1 - share) / count)

    @property
    def mean_steps(self) -> float:
        return sum(trial.num_steps for trial in self.trials) / len(self.trials)

    @property
    def seconds_per_step(self) -> float:
        return sum(trial.seconds for trial in self.trials) / max(1, sum(trial.num_steps for trial in self.trials))

    def as_json(self) -> dict[str, Any]:
        return {
            "task": self.task,
            "success": self.success,
            "standard_error": self.standard_error,
            "num_trials": len(self.trials),
            "mean_steps": self.mean_steps,
            "seconds_per_step": self.seconds_per_step,
            "trials": [
                {"seed": t.seed, "reward": t.reward, "steps": t.num_steps, "seconds": t.seconds, "status": t.status, "episode": t.episode}
                for t in self.trials
            ],
        }


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


def run_suite(
    computer: MiniWob, policy: Policy, tasks: Sequence[str], seeds: Sequence[int], episodes_dir: Path, *, observers: Sequence[Observer] = ()
) -> Iterator[TaskResult]:
    """Every task on every seed, one task after the other."""
    for task in tasks:
        trials = []
        for seed in seeds:
            episode = run_trial(computer, policy, task, seed, episodes_dir, observers=observers)
            trials.append(trial_of(episode, seed))
        yield TaskResult(task=task, trials=tuple(trials))


def trial_of(episode: Episode, seed: int) -> Trial:
    """What an ended episode came to."""
    assert episode.ended is not None
    return Trial(
        seed=seed,
        reward=episode.reward,
        num_steps=len(episode.steps),
        seconds=episode.seconds,
        status=episode.ended.status,
        episode=episode.id,
    )
