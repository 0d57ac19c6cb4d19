"""Experts for figures made of parts: a digit drawn with check boxes, the sides of a polygon."""

from __future__ import annotations

import cmath
import math
import random
from collections.abc import Iterator, Sequence

from actions.space import Click
from training.experts.base import Decision, Expert, Question
from training.experts.page import Element, Page
from training.experts.steps import click_button
from training.experts.wording import Wording

ACROSS = 4
DIGITS = (  # seven rows of four boxes, as the page wants them
    "0110 1001 1001 1001 1001 1001 0110",
    "0010 0110 0010 0010 0010 0010 0010",
    "0110 1001 1001 0010 0100 1000 1111",
    "0110 1001 0001 0110 0001 1001 0110",
    "1000 1010 1010 1111 0010 0010 0010",
    "1111 1000 1000 1110 0001 1001 0110",
    "0110 1001 1000 1110 1001 1001 0110",
    "1111 1001 0001 0010 0010 0100 0100",
    "0110 1001 1001 0110 1001 1001 0110",
    "0110 1001 1001 0111 0001 1001 0110",
)


class NumberCheckboxes:
    """A digit drawn by checking boxes, row by row; wrong checks are taken away first."""

    task = "number-checkboxes"
    wording = Wording('Draw the number "{}" in the checkboxes using the example on the right and press Submit when finished.')

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        (digit,) = self.wording.read(instruction)
        boxes, wanted = self._boxes(page), self._wanted(digit)
        for place, box in enumerate(boxes):
            if box.checked and not wanted[place]:
                return Decision(f"uncheck {self._name(place)}", Click(point=box.point))
        for place, box in enumerate(boxes):
            if wanted[place] and not box.checked:
                return Decision(self._thought(digit, place), Click(point=box.point))
        return click_button(page, "Submit")

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        """Every digit of which the boxes show a beginning."""
        checked = [place for place, box in enumerate(self._boxes(page)) if box.checked]
        for digit in map(str, range(10)):
            places = [place for place, on in enumerate(self._wanted(digit)) if on]
            if places[: len(checked)] == checked:
                yield Question(self.wording.fill(digit), tuple(self._thought(digit, place) for place in checked))

    def _boxes(self, page: Page) -> list[Element]:
        return page.all("input", type="checkbox")

    def _wanted(self, digit: str) -> list[bool]:
        return [mark == "1" for mark in DIGITS[int(digit)] if mark != " "]

    def _name(self, place: int) -> str:
        return f"row {place // ACROSS + 1} box {place % ACROSS + 1}"

    def _thought(self, digit: str, place: int) -> str:
        return f"draw {digit}: {self._name(place)}"


class CountSides:
    """A regular polygon of three to seven sides on a canvas, and a button for each number."""

    task = "count-sides"
    wording = "Press the button that correctly denotes how many sides the shape has."
    counts = range(3, 8)

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        sides = str(count_corners([float(radius) for radius in page.first("canvas").attributes["outline"].split()], self.counts))
        return Decision(f'{sides} sides: click "{sides}"', Click(point=page.first("button", text=sides).point))

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        yield Question(self.wording)


def count_corners(radii: Sequence[float], counts: Sequence[int]) -> int:
    """Which of `counts` is the strongest frequency of an outline's distance from its middle, told in even turns."""

    def strength(count: int) -> float:
        return abs(sum(radius * cmath.exp(2j * math.pi * count * k / len(radii)) for k, radius in enumerate(radii)))

    return max(counts, key=strength)


EXPERTS: list[Expert] = [NumberCheckboxes(), CountSides()]
