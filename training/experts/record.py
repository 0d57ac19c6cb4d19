"""Demonstrations: experts work on MiniWoB++ through the agent's own loop, screen and hands; the page behind each screen is kept too."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actions.geometry import Point
from actions.space import Click, Prediction
from agent.agent import Agent, Observer
from agent.episode import Episode
from agent.limits import Limits
from agent.screenshot import Screenshot
from agent.step import Step
from training.experts.base import Expert
from training.experts.page import PAGES_FILE, READ_PAGE_JS, Page

if TYPE_CHECKING:
    from agent.computers.miniwob import MiniWob

FIRST_TRAINING_SEED = 1_000_000  # evaluation uses seeds below
NO_ANIMATIONS_JS = "() => { if (window.jQuery) jQuery.fx.off = true; }"
# A slip is a click that goes astray: what follows shows how to go on. Where the page does not show what was done, it would mislead.
NO_SLIPS = frozenset({"click-button-sequence"})


class ExpertPolicy:
    """Decides by reading the page; now and then its hand slips, so that the demonstrations show how to go on from a mistake."""

    def __init__(self, expert: Expert, computer: MiniWob, rng: random.Random, *, slip_rate: float) -> None:
        self.expert = expert
        self.computer = computer
        self.rng = rng
        self.slip_rate = 0.0 if expert.task in NO_SLIPS else slip_rate
        self.page: dict[str, Any] = {}
        self.slipped = False

    def decide(self, task: str, history: Sequence[Step], seen: Screenshot) -> Prediction:
        self.page = self.computer.evaluate(READ_PAGE_JS)
        thoughts = [step.prediction.thought for step in history]
        decision = self.expert.decide(task, Page.from_json(self.page), thoughts)
        action = decision.action
        self.slipped = isinstance(action, Click) and self.rng.random() < self.slip_rate
        if self.slipped and isinstance(action, Click):
            action = replace(action, point=Point(self.rng.uniform(0.02, 0.98), self.rng.uniform(0.02, 0.98)))
        return Prediction(thought=decision.thought, actions=(action,))

    def interrupt(self) -> None:
        """It decides at once."""

    def about(self) -> Mapping[str, Any]:
        return {"model": f"expert for {self.expert.task}", "family": None}

    def trace(self) -> Mapping[str, Any]:
        return {"slip": True} if self.slipped else {}


class _KeepPages(Observer):
    """Writes the page behind each step beside the episode, and waits until the page has been drawn."""

    def __init__(self, policy: ExpertPolicy, computer: MiniWob) -> None:
        self.policy = policy
        self.computer = computer

    def on_step(self, episode: Episode, step: Step) -> None:
        with (episode.path / PAGES_FILE).open("a") as file:
            file.write(json.dumps({"index": step.index, "page": self.policy.page}) + "\n")
        self.computer.painted()


def record(expert: Expert, computer: MiniWob, seeds: Sequence[int], root: Path, *, slip_rate: float = 0.1) -> Iterator[Episode]:
    """Demonstrations of `expert` on `seeds`, each an episode under `root` with its reward; failures too, the caller chooses."""
    for seed in seeds:
        rng = random.Random(f"{expert.task}/{seed}")
        instruction = computer.open(expert.task, seed)
        computer.evaluate(NO_ANIMATIONS_JS)
        policy = ExpertPolicy(expert, computer, rng, slip_rate=slip_rate)
        agent = Agent(
            computer,
            policy,
            limits=Limits(steps=25, repeats=None, stale=0),
            episodes_dir=root,
            observers=[_KeepPages(policy, computer)],
            meta={"suite": "miniwob", "miniwob_task": expert.task, "seed": seed},
        )
        try:
            episode = agent.run(instruction)
        except LookupError:  # a slip led where the expert knows no way on; the episode says so
            continue
        episode.set_reward(computer.reward())
        yield episode
