"""Experts for buttons that are to be clicked in the order that the instruction names."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from itertools import permutations

from training.experts.base import Decision, Expert, Question
from training.experts.page import Page
from training.experts.steps import click
from training.experts.wording import Wording


class ClickButtonSequence:
    """Two buttons, which may overlap; the page does not show which was clicked, so the history tells."""

    task = "click-button-sequence"
    wording = Wording("Click button {}, then click button {}.")

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        left = [name for name in re.findall(r"button (\w+)", instruction) if f'click "{name}"' not in history]
        if not left:
            raise LookupError("every button that the instruction names was clicked")
        return click(left[0], page.first("button", text=left[0], hit=True))

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        for first, second in permutations([button.text for button in page.all("button", hit=True)], 2):
            instruction = self.wording.fill(first, second)
            yield Question(instruction)
            yield Question(instruction, (f'click "{first}"',))


class ClickTestTransfer(ClickButtonSequence):
    """One of two buttons."""

    task = "click-test-transfer"
    wording = Wording("Click button {}.")

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        for button in page.all("button", hit=True):
            yield Question(self.wording.fill(button.text))


EXPERTS: list[Expert] = [ClickButtonSequence(), ClickTestTransfer()]
