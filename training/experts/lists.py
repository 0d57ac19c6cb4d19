"""Experts for lists to choose from."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from actions.space import Click, Hotkey, Scroll, TypeText
from training.experts.base import Decision, Expert, Question
from training.experts.page import Element, Page
from training.experts.steps import click_button
from training.experts.wording import Wording
from training.experts.words import word_list

FOCUS_LIST = "focus the list"
BACK_TO_LIST = "go back to the list"
NEXT_IN_LIST = "next in the list"
TAKE = "take this one"
SCROLL_DOWN, SCROLL_UP = "scroll the list down", "scroll the list up"
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
        step = Decision(f'choose "{wanted}"', TypeText(text=wanted))
        if step.thought in history[-1:]:  # a click had opened the popup, which keeps what was typed to itself until Enter
            return Decision(TAKE, Hotkey(keys=("enter",)))
        return step

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        """What is chosen, and names that the list need not hold: it is closed, so the screen does not tell."""
        options = self._options(page)
        focused = (FOCUS_LIST,) if options.focused else ()
        yield Question(self.wording.fill(options.value), (FOCUS_LIST, f'choose "{options.value}"') if options.focused else ())
        names = [rng.choice(word_list(rng.choice(("PEOPLE_NAMES", "COUNTRIES")))) for _ in range(OTHER_CHOICES)]
        for name in dict.fromkeys(names):
            if name != options.value:
                yield Question(self.wording.fill(name), focused)

    def _options(self, page: Page) -> Element:
        return page.first("select", id="options")


class ClickScrollList:
    """One or two entries of a list that shows some of its entries at a time: click the first, add the second with Ctrl, submit.

    The history tells what was chosen where scrolling has hidden it.
    """

    task = "click-scroll-list"
    wording = Wording("Select {} from the scroll list and click Submit.")

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        wanted = self.wording.read(instruction)[0].split(", ")
        shown = {option.text: option for option in page.all("option", hit=True)}
        chosen = [name for name in wanted if (shown[name].selected if name in shown else _said(name, history))]
        wrong = [option for name, option in shown.items() if option.selected and name not in wanted]
        if len(chosen) == len(wanted) and not wrong:
            return click_button(page, "Submit")
        start = not chosen or bool(wrong)
        name = wanted[0] if start else next(name for name in wanted if name not in chosen)
        if name not in shown:
            return self._scroll(page, history)
        if start:
            return Decision(f'choose "{name}"', Click(point=shown[name].point))
        return Decision(f'add "{name}"', Click(point=shown[name].point, modifiers=("ctrl",)))

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        """What is chosen among what shows, with and without one more entry."""
        shown = page.all("option", hit=True)
        held = [option.text for option in shown if option.selected]
        done = tuple(f'{"add" if place else "choose"} "{name}"' for place, name in enumerate(held))
        if held:
            yield Question(self.wording.fill(", ".join(held)), done)
        others = [option.text for option in shown if not option.selected]
        for name in rng.sample(others, min(len(others), OTHER_CHOICES) if len(held) < 2 else 0):
            yield Question(self.wording.fill(", ".join([*held, name])), done)

    def _scroll(self, page: Page, history: Sequence[str]) -> Decision:
        """Down at first, then the other way each time."""
        scrolls = [thought for thought in history if thought in (SCROLL_DOWN, SCROLL_UP)]
        down = not scrolls or scrolls[-1] == SCROLL_UP
        point = page.first("select").point
        return Decision(SCROLL_DOWN if down else SCROLL_UP, Scroll(point=point, dy=-5 if down else 5))


def _said(name: str, history: Sequence[str]) -> bool:
    return f'choose "{name}"' in history or f'add "{name}"' in history


EXPERTS: list[Expert] = [ChooseList(), ClickScrollList()]
