"""Experts for lists to choose from."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from actions.space import Hotkey, TypeText
from training.experts.base import Decision, Expert, Question
from training.experts.page import Element, Page
from training.experts.steps import click_button
from training.experts.wording import Wording
from training.experts.words import word_list

FOCUS_LIST = "focus the list"
BACK_TO_LIST = "go back to the list"
NEXT_IN_LIST = "next in the list"
OTHER_CHOICES = 8  # instructions made up for each page


class ChooseList:
    """A drop-down list. It is never opened, because its popup may reach out of the task area: typed text chooses from it as it is."""

    task = "choose-list"
    wording = Wording("Select {} from the list and click Submit.")

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        (wanted,), options = self.wording.read(instruction), self._options(page)
        if options.value == wanted:
            return click_button(page, "Submit")
        if page.all("button", focused=True):
            return Decision(BACK_TO_LIST, Hotkey(keys=("shift", "tab")))
        if not options.focused:
            return Decision(FOCUS_LIST, Hotkey(keys=("tab",)))
        if options.value.startswith(wanted):
            return Decision(NEXT_IN_LIST, Hotkey(keys=("down",)))
        return Decision(f'choose "{wanted}"', TypeText(text=wanted))

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        """What is chosen, and names that the list need not hold: it is closed, so the screen does not tell."""
        options = self._options(page)
        focused = (FOCUS_LIST,) if options.focused else ()
        yield Question(self.wording.fill(options.value), (FOCUS_LIST, f'choose "{options.value}"') if options.focused else ())
        for _ in range(OTHER_CHOICES):
            yield Question(self.wording.fill(rng.choice(word_list(rng.choice(("PEOPLE_NAMES", "COUNTRIES"))))), focused)

    def _options(self, page: Page) -> Element:
        return page.first("select", id="options")


EXPERTS: list[Expert] = [ChooseList()]
