"""Experts for widgets that show a number which is to become another one."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from actions.space import Click, Hotkey
from training.experts.base import Decision, Expert, Question
from training.experts.page import Element, Page
from training.experts.steps import click_button
from training.experts.wording import Wording

# A page key moves a slider by a fifth of its range, which is 20 at most: from 11 away that comes nearer, from 10 it might only cross over.
LEAST_FOR_PAGE_KEY = 11
KEY_NAMES = {"up": "up", "down": "down", "page_up": "page up", "page_down": "page down"}


def _others(wanted_from: Sequence[int], shown: int, rng: random.Random) -> list[int]:
    """Numbers to ask for: the one that is shown, its neighbours, and some more."""
    near = [number for number in (shown, shown - 1, shown + 1) if number in wanted_from]
    return list(dict.fromkeys([*near, *(rng.choice(wanted_from) for _ in range(6))]))


def slider_key(distance: int) -> str:
    """The key that brings a slider nearer to what is `distance` away."""
    return ("page_" if abs(distance) >= LEAST_FOR_PAGE_KEY else "") + ("up" if distance > 0 else "down")


class UseSlider:
    """A slider whose range the page does not show: focus its handle, then page keys while far off and arrow keys when near.

    The thought tells both numbers, so that which key comes next follows from the thought alone.
    """

    task = "use-slider"
    wording = Wording("Select {} with the slider and hit Submit.")

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        (wanted,), shown = self.wording.read(instruction), page.first(id="val").text
        distance = int(wanted) - int(shown)
        if not distance:
            return click_button(page, "Submit")
        handle = self._handle(page)
        if not handle.focused:
            return Decision("focus the slider", Click(point=handle.point))
        key = slider_key(distance)
        return Decision(f'from "{shown}" to "{wanted}": {KEY_NAMES[key]}', Hotkey(keys=(key,)))

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        shown, focused = int(page.first(id="val").text), self._handle(page).focused
        for wanted in _others(range(shown - 60, shown + 61), shown, rng):
            done = ("focus the slider", *self._steps(shown, wanted, rng)) if focused else ()
            yield Question(self.wording.fill(str(wanted)), done)

    def _steps(self, shown: int, wanted: int, rng: random.Random) -> Iterator[str]:
        """Some presses of an arrow key that may have led to what is shown."""
        step = 1 if wanted > shown else -1 if wanted < shown else rng.choice((1, -1))
        for before in range(shown - step * rng.randint(0, 6), shown, step):
            if abs(wanted - before) < LEAST_FOR_PAGE_KEY:
                yield f'from "{before}" to "{wanted}": {KEY_NAMES[slider_key(wanted - before)]}'

    def _handle(self, page: Page) -> Element:
        return next(page.where(lambda e: "ui-slider-handle" in e.classes))


class UseSpinner:
    """A number with arrows that change it by one; the keyboard is switched off."""

    task = "use-spinner"
    wording = Wording("Select {} with the spinner and hit Submit.")

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        (wanted,), shown = self.wording.read(instruction), page.first(id="spinner").value
        if int(wanted) == int(shown):
            return click_button(page, "Submit")
        way = "up" if int(wanted) > int(shown) else "down"
        arrow = next(page.where(lambda e: f"ui-spinner-{way}" in e.classes))
        return Decision(f'from "{shown}" to "{wanted}": click the {way} arrow', Click(point=arrow.point))

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        shown = int(page.first(id="spinner").value)
        for wanted in _others(range(-10, 10), shown, rng):
            yield Question(self.wording.fill(str(wanted)), self._done(shown, wanted))

    def _done(self, shown: int, wanted: int) -> tuple[str, ...]:
        """The clicks that came from 0 to the number that is shown; none are told when they would have gone too far."""
        way, step = ("up", 1) if shown > 0 else ("down", -1)
        if (wanted - shown) * step < 0:
            return ()
        return tuple(f'from "{number}" to "{wanted}": click the {way} arrow' for number in range(0, shown, step))


EXPERTS: list[Expert] = [UseSlider(), UseSpinner()]
