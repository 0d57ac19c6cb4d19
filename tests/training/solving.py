"""An expert at work on the real page."""

from __future__ import annotations

from actions.space import Action
from agent.computers.miniwob import MiniWob
from training.experts.page import READ_PAGE_JS, Page
from training.experts.registry import get_expert

MAX_STEPS = 25


def solve(miniwob: MiniWob, task: str, seed: int, *before: Action) -> float | None:
    """The reward of the expert, after `before` has been done to the page; `None` when it came to no end."""
    expert, history = get_expert(task), list[str]()
    instruction = miniwob.open(task, seed)
    for action in before:
        miniwob.perform(action)
        miniwob.painted()
    while miniwob.reward() is None and len(history) < MAX_STEPS:
        decision = expert.decide(instruction, Page.from_json(miniwob.evaluate(READ_PAGE_JS)), history)
        history.append(decision.thought)
        miniwob.perform(decision.action)
        miniwob.painted()
    return miniwob.reward()
