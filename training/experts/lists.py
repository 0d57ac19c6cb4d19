"""Experts for lists to choose from."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from actions.space import Hotkey, TypeText
from training.experts.base import Decision, Expert, Question
from training.experts.page import Page
from training.experts.steps import click_button
from training.experts.wording import Wording

FOCUS_LIST = "focus the list"
BACK_TO_LIST = "go back to the list"


class ChooseList:
    """A drop-down list. It is never opened, because its popup may reach out of the task area: typed text chooses from it as it is."""

    task = "choose-list"
    wording = Wording("Select {} from the list and click Submit.")

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        (wanted,) = self.wording.read(instruction)
        options = page.first("select", id="options")
        if options.value == wanted:
            return click_button(page, "Submit")
        if page.all("button", focused=True):
            return Decision(BACK_TO_LIST, Hotkey(keys=("shift", "tab")))
        if not options.focused:
            return Decision(FOCUS_LIST, Hotkey(keys=("tab",)))
        return Decision(f'choose "{wanted}"', TypeText(text=wanted))

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        return iter(())


EXPERTS: list[Expert] = [ChooseList()]
