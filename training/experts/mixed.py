"""Experts for forms of different things: radio buttons with text fields, a drop-down list with buttons, an agreement to be signed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from actions.geometry import Point
from actions.space import Click, Drag, Hotkey
from training.experts.base import Decision, Expert, Question
from training.experts.page import AREA_CSS_PX, Element, Page
from training.experts.steps import click_button, fill, fill_history
from training.experts.wording import Wording
from training.experts.words import word_list

NUMBERS = ("1st", "2nd", "3rd")
OTHER_CASES = 8  # instructions made up for each page
SCROLLBAR_CSS_PX = 10  # how far from the right border of a text area its scroll bar is grabbed
OPEN_LIST = "open the list"
SCROLL_TEXT = "scroll to the bottom"


class RadioAndNumber:
    """One of three radio buttons, a number in one of three text fields, then submit."""

    task = "form-sequence-2"
    wording = Wording('Check the {} radio button and enter the number "{}" into the {} textbox.')

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        radio, number, field = self.wording.read(instruction)
        button = page.all("input", type="radio")[NUMBERS.index(radio)]
        if not button.checked:
            return Decision(self._choose(radio), Click(point=button.point))
        wanted = page.all("input", type="text")[NUMBERS.index(field)]
        return fill(wanted, f"{field} text field", number) or click_button(page, "Submit")

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        radios, fields = page.all("input", type="radio"), page.all("input", type="text")
        chosen = [which for which, radio in zip(NUMBERS, radios, strict=True) if radio.checked]
        begun = [(which, field) for which, field in zip(NUMBERS, fields, strict=True) if field.focused or field.value]
        done = tuple(map(self._choose, chosen))
        done += tuple(thought for which, field in begun for thought in fill_history(field, f"{which} text field"))
        held = [field.value for _, field in begun if field.value]
        asked = [
            (rng.choice(chosen or NUMBERS), held[0] if held else str(rng.randint(-10, 50)), begun[0][0] if begun else rng.choice(NUMBERS))
            for _ in range(OTHER_CASES)
        ]
        yield from (Question(self.wording.fill(*case), done) for case in dict.fromkeys(asked))

    def _choose(self, which: str) -> str:
        return f"choose the {which} radio button"


class DropDownAndButton:
    """An entry of a drop-down list, gone to with arrow keys because the list shows two and a half at a time; then a button."""

    task = "form-sequence-3"
    wording = Wording('Choose {} from the dropdown, then click the button labeled "{}".')
    entries = ("", "5ft 9in", "5ft 10in", "5ft 11in", "6 ft", "6ft 1in", "6ft 2in")
    buttons = ("Yes", "No", "Maybe")

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        wanted, button = self.wording.read(instruction)
        at = self._highlighted(page)
        if at is None:
            if self._chosen(page) == wanted:
                return click_button(page, button)
            return Decision(OPEN_LIST, Click(point=next(page.where(lambda e: e.classes == "selectric")).point))
        if at == wanted:
            return Decision(f'take "{wanted}"', Hotkey(keys=("enter",)))
        return self._towards(at, wanted)

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        at, chosen = self._highlighted(page), self._chosen(page)
        if at is None and chosen:
            done = (OPEN_LIST, f'take "{chosen}"')
            yield from (Question(self.wording.fill(chosen, button), done) for button in self.buttons)
            return
        for wanted in self.entries[1:-1]:
            passed = self.entries[: min(self.entries.index(at or ""), self.entries.index(wanted))]
            steps = (OPEN_LIST, *(self._towards(entry, wanted).thought for entry in passed))
            yield Question(self.wording.fill(wanted, rng.choice(self.buttons)), () if at is None else steps)

    def _towards(self, at: str, wanted: str) -> Decision:
        way = "down" if self.entries.index(wanted) > self.entries.index(at) else "up"
        return Decision(f'from "{at}" to "{wanted}": {way}', Hotkey(keys=(way,)))

    def _chosen(self, page: Page) -> str:
        return next(page.where(lambda e: e.classes == "label")).text

    def _highlighted(self, page: Page) -> str | None:
        """The entry of the open list that the keyboard is at."""
        if not any("selectric-open" in element.classes for element in page.elements):
            return None
        return next((entry.text for entry in page.all("li") if "highlighted" in entry.classes), "")


class SignAgreement:
    """Cancel at once, or scroll a long text to its end, which enables a text field; sign there, and agree or cancel."""

    task = "sign-agreement"
    cancel = "Click the cancel button."
    wording = Wording('Scroll to the bottom of the textarea, enter the name "{}" then press "{}"')

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        if instruction == self.cancel:
            return click_button(page, "Cancel")
        name, button = self.wording.read(instruction)
        field = page.first("input", id="name")
        if field.disabled:
            return Decision(SCROLL_TEXT, self._drag_down(page.first("textarea")))
        return fill(field, "name field", name) or click_button(page, button)

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        field = page.first("input", id="name")
        done = () if field.disabled else (SCROLL_TEXT, *fill_history(field, "name field"))
        if field.disabled:
            yield Question(self.cancel)
        names = [field.value] if field.value else [rng.choice(word_list("FIFTY_NAMES")) for _ in range(OTHER_CASES // 2)]
        for name in dict.fromkeys(names):
            yield from (Question(self.wording.fill(name, button), done) for button in ("Agree", "Cancel"))

    def _drag_down(self, area: Element) -> Drag:
        """The handle of the scroll bar, which is at its top, to its bottom."""
        x = (area.box.x + area.box.width - SCROLLBAR_CSS_PX) / AREA_CSS_PX
        return Drag(path=(Point(x, (area.box.y + 26) / AREA_CSS_PX), Point(x, (area.box.y + area.box.height) / AREA_CSS_PX)))


EXPERTS: list[Expert] = [RadioAndNumber(), DropDownAndButton(), SignAgreement()]
