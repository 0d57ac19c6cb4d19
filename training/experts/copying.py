"""Experts for text that is copied and pasted, or marked."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

from actions.geometry import Point
from actions.space import Click, Drag, Hotkey
from training.experts.base import Decision, Expert, Question
from training.experts.page import AREA_CSS_PX, Element, Page
from training.experts.steps import SELECT_ALL, SUBMIT, click_button
from training.experts.wording import Wording

COPY, PASTE = "copy the text", "paste the text"
FOCUS_FIELD = "focus the text field"
NUMBERS = ("1st", "2nd", "3rd")
BESIDE_CSS_PX = 6  # a paragraph is marked from so far left of its first letter to so far right of its last


class CopyPaste:
    """A text area, whose text goes into a text field by way of the clipboard, which only the history tells of."""

    task = "copy-paste"
    wording = Wording("Copy the text in the textarea below, paste it into the textbox and press Submit.")

    def name(self, number: int) -> str:
        """What thoughts call the text area with this number."""
        return "text area"

    def instruction(self, number: int) -> str:
        return self.wording.template

    def number(self, instruction: str) -> int:
        """Which text area the instruction means, from 0."""
        return 0

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        number = self.number(instruction)
        area, field = page.all("textarea")[number], self._field(page)
        if field.value == area.value:
            return click_button(page, SUBMIT)
        if COPY in history:
            return self._prepare(field, FOCUS_FIELD) or Decision(PASTE, Hotkey(keys=("ctrl", "v")))
        return self._prepare(area, f"focus the {self.name(number)}") or Decision(COPY, Hotkey(keys=("ctrl", "c")))

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        """All that fits what shows: a copied text looks like one that is only marked."""
        field = self._field(page)
        for number, area in enumerate(page.all("textarea")):
            marked = (f"focus the {self.name(number)}", SELECT_ALL)
            if field.value == area.value:
                yield Question(self.instruction(number), (*marked, COPY, FOCUS_FIELD, PASTE))
            elif field.focused and not field.value:
                yield Question(self.instruction(number), (*marked, COPY, FOCUS_FIELD))
            elif area.focused and area.selection:
                yield Question(self.instruction(number), marked)
                yield Question(self.instruction(number), (*marked, COPY))
            elif area.focused or not any(other.focused for other in page.all("textarea")):
                yield Question(self.instruction(number), marked[:1] if area.focused else ())

    def _field(self, page: Page) -> Element:
        return page.first("input", id="answer-input")

    def _prepare(self, element: Element, focus: str) -> Decision | None:
        """Focus `element` and mark what it holds; `None` when that is done."""
        if not element.focused:
            return Decision(focus, Click(point=element.box.at(0.3, 0.4)))
        return Decision(SELECT_ALL, Hotkey(keys=("ctrl", "a"))) if element.value != element.selection else None


class CopyPasteOfThree(CopyPaste):
    """One of three text areas."""

    task = "copy-paste-2"
    wording = Wording("Copy the text from the {} text area below and paste it into the text input, then press Submit.")

    def name(self, number: int) -> str:
        return f"{NUMBERS[number]} text area"

    def instruction(self, number: int) -> str:
        return self.wording.fill(NUMBERS[number])

    def number(self, instruction: str) -> int:
        return NUMBERS.index(self.wording.read(instruction)[0])


def _letters(text: str) -> str:
    return re.sub(r"\s", "", text)


class HighlightText:
    """A paragraph, marked by a drag from before its first letter to behind its last."""

    task = "highlight-text"
    wording = Wording("Highlight the text in the paragraph below and click submit.")
    thought = "mark the paragraph"

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        (paragraph,) = page.all(id="randomText")
        return self._mark(page, paragraph, self.thought)

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        (paragraph,) = page.all(id="randomText")
        yield Question(self.wording.template, (self.thought,) if self._is_marked(paragraph) else ())

    def _mark(self, page: Page, paragraph: Element, thought: str) -> Decision:
        if self._is_marked(paragraph):
            return click_button(page, SUBMIT)
        box = paragraph.box
        letters = [
            letter.box
            for letter in page.characters
            if box.y - 1 <= letter.box.y and letter.box.y + letter.box.height <= box.y + box.height + 1
        ]
        first, last = letters[0], letters[-1]
        start = Point((first.x - BESIDE_CSS_PX) / AREA_CSS_PX, (first.y + first.height / 2) / AREA_CSS_PX)
        end = Point(min(0.99, (last.x + last.width + BESIDE_CSS_PX) / AREA_CSS_PX), min(0.99, (last.y + last.height / 2) / AREA_CSS_PX))
        return Decision(thought, Drag(path=(start, end)))

    def _is_marked(self, paragraph: Element) -> bool:
        return _letters(paragraph.selection) == _letters(paragraph.text)


class HighlightOneOfThree(HighlightText):
    """One of three paragraphs."""

    task = "highlight-text-2"
    wording = Wording("Highlight the text in the {} paragraph and click submit.")

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        (which,) = self.wording.read(instruction)
        return self._mark(page, page.all("p")[NUMBERS.index(which)], self._thought(which))

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        marked = [which for which, paragraph in zip(NUMBERS, page.all("p"), strict=True) if self._is_marked(paragraph)]
        for which in NUMBERS:
            yield Question(self.wording.fill(which), tuple(map(self._thought, marked)))

    def _thought(self, which: str) -> str:
        return f"mark the {which} paragraph"


EXPERTS: list[Expert] = [CopyPaste(), CopyPasteOfThree(), HighlightText(), HighlightOneOfThree()]
