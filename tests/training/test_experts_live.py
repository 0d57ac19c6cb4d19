"""The later experts solve the real pages, and every question of theirs has an answer there."""

from __future__ import annotations

import random

import pytest

from actions.geometry import Point
from actions.space import Action, Click
from agent.computers.miniwob import MiniWob
from training.experts import colors, copying, dates, digits, drawing, mail, mixed, moving, numbers, searches
from training.experts.page import READ_PAGE_JS, Page
from training.experts.record import FIRST_TRAINING_SEED, NO_ANIMATIONS_JS
from training.experts.registry import get_expert

MODULES = (colors, copying, dates, digits, drawing, mail, mixed, moving, numbers, searches)
OTHERS = ["click-checkboxes-soft", "click-collapsible-nodelay", "click-tab-2-medium", "simple-algebra"]
SLIPS = ["bisect-angle", "choose-date-easy", "copy-paste", "email-inbox-reply", "enter-time", "find-greatest", "highlight-text"]
TASKS = sorted({*OTHERS, *(expert.task for module in MODULES for expert in module.EXPERTS)} - {*SLIPS})
AFTER_STEPS = 2  # a slip comes so late that something is done already


@pytest.mark.browser
@pytest.mark.display
@pytest.mark.parametrize("task", TASKS)
def test_an_expert_solves_its_task_and_answers_every_question_on_the_way(miniwob: MiniWob, task: str) -> None:
    assert solve(miniwob, task, slip_after=None) > 0.8


@pytest.mark.browser
@pytest.mark.display
@pytest.mark.parametrize("task", SLIPS)
def test_an_expert_goes_on_from_a_click_that_went_astray(miniwob: MiniWob, task: str) -> None:
    assert solve(miniwob, task, slip_after=AFTER_STEPS) > 0.8


def solve(miniwob: MiniWob, task: str, slip_after: int | None) -> float:
    """The reward of the expert, 0 when it came to no end; after `slip_after` steps, its next click goes to the lower right corner."""
    expert, history = get_expert(task), list[str]()
    instruction = miniwob.open(task, FIRST_TRAINING_SEED)
    miniwob.evaluate(NO_ANIMATIONS_JS)
    while miniwob.reward() is None and len(history) < 25:
        page = Page.from_json(miniwob.evaluate(READ_PAGE_JS))
        questions = list(expert.questions(page, random.Random(len(history))))
        assert len(set(questions)) == len(questions)
        for question in questions:
            assert expert.decide(question.instruction, page, question.history).thought
        decision = expert.decide(instruction, page, history)
        action: Action = decision.action
        if slip_after is not None and len(history) >= slip_after - 1 and isinstance(action, Click):
            action, slip_after = Click(point=Point(0.98, 0.98)), None
        history.append(decision.thought)
        miniwob.perform(action)
        miniwob.painted()
    return miniwob.reward() or 0.0
