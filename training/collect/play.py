"""The current model plays MiniWoB++ tasks; an expert, where there is one, looks at each page and says what it would have done."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from actions.space import Prediction
from actions.wire import action_from_json, action_to_json
from agent.agent import Agent
from agent.durable import append_line
from agent.episode import Episode
from agent.limits import Limits
from agent.policy import Policy
from agent.screenshot import Screenshot
from agent.step import Step
from training.errors import BadData
from training.experts.base import Expert
from training.experts.page import READ_PAGE_JS, Page
from training.experts.record import FIRST_TRAINING_SEED, NO_ANIMATIONS_JS
from training.experts.registry import EXPERTS

if TYPE_CHECKING:
    from agent.computers.miniwob import MiniWob

MAX_STEPS = 15
ADVICE_FILE = "advice.jsonl"  # beside an episode: what the expert would have done at each step


class Round(NamedTuple):
    """A task and the seed of one of its variants."""

    task: str
    seed: int


class Advised:
    """`policy` decides; before it does, the expert says what it would do. The page is never shown to `policy`."""

    def __init__(self, policy: Policy, expert: Expert, computer: MiniWob) -> None:
        self.policy, self.expert, self.computer = policy, expert, computer
        self.advice: list[Prediction | None] = []

    def decide(self, task: str, history: Sequence[Step], seen: Screenshot) -> Prediction:
        del self.advice[len(history) :]
        self.advice += [None] * (len(history) - len(self.advice))  # steps that were cut short
        self.advice.append(self._advice(task, history))
        return self.policy.decide(task, history, seen)

    def _advice(self, task: str, history: Sequence[Step]) -> Prediction | None:
        """`None` where the expert knows no way on, such as from where a mistake has led."""
        page = Page.from_json(self.computer.evaluate(READ_PAGE_JS))
        try:
            decision = self.expert.decide(task, page, [step.prediction.thought for step in history])
        except LookupError:
            return None
        return Prediction(thought=decision.thought, actions=(decision.action,))

    def interrupt(self) -> None:
        self.policy.interrupt()

    def about(self) -> Mapping[str, Any]:
        return self.policy.about()

    def trace(self) -> Mapping[str, Any]:
        return self.policy.trace()


def play(computer: MiniWob, policy: Policy, rounds: Sequence[Round], root: Path, *, max_steps: int = MAX_STEPS) -> Iterator[Episode]:
    """An episode of each of `rounds` under `root`, with its reward, and the expert's advice beside it.

    Raises:
        ValueError: a seed is one of those that evaluation uses, or there is no such task.
    """
    for task, seed in rounds:
        if seed < FIRST_TRAINING_SEED:
            raise ValueError(f"seed {seed} is kept for evaluation: what is learnt from has seeds from {FIRST_TRAINING_SEED} on")
        instruction = computer.open(task, seed)
        computer.evaluate(NO_ANIMATIONS_JS)
        advised = Advised(policy, EXPERTS[task], computer) if task in EXPERTS else None
        agent = Agent(
            computer,
            advised or policy,
            limits=Limits(steps=max_steps),
            episodes_dir=root,
            meta={"suite": "miniwob", "miniwob_task": task, "seed": seed},
        )
        episode = agent.run(instruction)
        episode.set_reward(computer.reward())
        _write_advice(episode, [] if advised is None else advised.advice)
        yield episode


def _write_advice(episode: Episode, advice: Sequence[Prediction | None]) -> None:
    for step, better in zip(episode.steps, advice, strict=False):
        if better is not None:
            row = {"step": step.index + 1, "thought": better.thought, "actions": [action_to_json(action) for action in better.actions]}
            append_line(episode.path / ADVICE_FILE, (json.dumps(row) + "\n").encode())


def read_advice(episode: Episode) -> dict[int, Prediction]:
    """What the expert would have done, by the step's number from 1; empty where nobody gave advice.

    Raises:
        BadData: the file is damaged.
    """
    file = episode.path / ADVICE_FILE
    if not file.exists():
        return {}
    try:
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        return {int(row["step"]): Prediction(thought=row["thought"], actions=tuple(map(action_from_json, row["actions"]))) for row in rows}
    except (KeyError, TypeError, ValueError) as error:
        raise BadData(f"{file} is damaged: {error}") from error
