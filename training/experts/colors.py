"""Experts for colours: all shades of one, and one entered by its code."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from actions.space import Click, Hotkey, TypeText
from training.experts.base import Decision, Expert, Question
from training.experts.page import Element, Page
from training.experts.steps import SELECT_ALL, SUBMIT, click_button
from training.experts.wording import Wording

TO_BUTTON, PRESS_ENTER = "go to the button", "press enter"
CODES = {
    "aqua": "00ffff",
    "black": "000000",
    "blue": "0000ff",
    "gold": "ffd700",
    "gray": "808080",
    "green": "008000",
    "lime": "00ff00",
    "magenta": "ff00ff",
    "maroon": "800000",
    "navy": "000080",
    "olive": "808000",
    "orange": "ffa500",
    "pink": "ffc0cb",
    "purple": "800080",
    "red": "ff0000",
    "silver": "c0c0c0",
    "teal": "008080",
    "white": "ffffff",
    "yellow": "ffff00",
}


class ClickShades:
    """Twelve small squares; those of one colour, light or dark, get a black border by a click."""

    task = "click-shades"
    wording = Wording("Select all the shades of {} and press Submit.")
    colors = ("red", "green", "blue")

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        (wanted,) = self.wording.read(instruction)
        for square in self._squares(page):
            color, selected = square.attributes["data-color"], square.classes == "selected"
            if selected and color != wanted:
                return Decision(f"take back a shade of {color}", Click(point=square.point))
        for square in self._squares(page):
            if square.attributes["data-color"] == wanted and square.classes != "selected":
                return Decision(self._thought(wanted), Click(point=square.point))
        return click_button(page, SUBMIT)

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        """Every colour, as long as nothing is selected; else the colour of what is."""
        selected = [square.attributes["data-color"] for square in self._squares(page) if square.classes == "selected"]
        for color in self.colors:
            if not selected or color in selected:
                yield Question(self.wording.fill(color), tuple(map(self._thought, selected)))

    def _squares(self, page: Page) -> list[Element]:
        return [square for square in page.all("span") if "data-color" in square.attributes]

    def _thought(self, color: str) -> str:
        return f"click a shade of {color}"


class UseColorWheel:
    """A colour's code, typed into a field; the colour wheel that opens with it covers the button, which the keyboard reaches."""

    task = "use-colorwheel"
    wording = Wording("Select {} with the color picker and hit Submit.")
    focus = "focus the color field"

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        (name,), field = self.wording.read(instruction), page.first("input", id="col")
        if field.value.lower() == CODES[name]:
            if page.all("button", hit=True):
                return click_button(page, SUBMIT)
            if page.all("button", focused=True):
                return Decision(PRESS_ENTER, Hotkey(keys=("enter",)))
            if field.focused:
                return Decision(TO_BUTTON, Hotkey(keys=("tab",)))
        if not field.focused:
            return Decision(self.focus, Click(point=field.point))
        if field.value != field.selection:
            return Decision(SELECT_ALL, Hotkey(keys=("ctrl", "a")))
        return Decision(f'{name} is "{CODES[name]}"', TypeText(text=CODES[name]))

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        field = page.first("input", id="col")
        done = (self.focus,) if field.focused else ()
        held = [name for name, code in CODES.items() if code == field.value.lower()]
        for name in held or rng.sample(sorted(CODES), 12):
            if not held:
                yield Question(self.wording.fill(name), (*done, SELECT_ALL) if field.selection else done)
            elif field.focused or page.all("button", focused=True):
                typed = (self.focus, SELECT_ALL, f'{name} is "{CODES[name]}"')
                yield Question(self.wording.fill(name), typed if field.focused else (*typed, TO_BUTTON))


EXPERTS: list[Expert] = [ClickShades(), UseColorWheel()]
