"""Experts for small sums, written or drawn, and for odd and even numbers."""

from __future__ import annotations

import operator
import random
from collections.abc import Iterator, Sequence

from actions.space import Click, TypeText
from training.experts.base import Decision, Expert, Question
from training.experts.page import Element, Page
from training.experts.steps import click_button, fill, fill_history

SIGNS = {"+": operator.add, "-": operator.sub, "x": operator.mul}
FIELD = "text field"


class Sum:
    """A sum and a text field for its result; the thought that types the result tells the sum."""

    task: str
    wording: str

    def sum(self, page: Page) -> tuple[int, str, int]:
        """Left side, sign and right side of the sum."""
        raise NotImplementedError

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        thought, result = self._solve(page)
        step = fill(page.first("input", id="math-answer"), FIELD, result)
        if step is None:
            return click_button(page, "Submit")
        return Decision(thought, step.action) if isinstance(step.action, TypeText) else step

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        field = page.first("input", id="math-answer")
        thought, result = self._solve(page)
        done = fill_history(field, FIELD)
        yield Question(self.wording, (*done[:1], thought) if field.value == result else done)

    def _solve(self, page: Page) -> tuple[str, str]:
        """The sum with its result, as a thought, and the result."""
        left, sign, right = self.sum(page)
        result = str(SIGNS[sign](left, right))
        return f'{left} {sign} {right} = "{result}"', result


class SimpleArithmetic(Sum):
    """Two digits and a sign."""

    task = "simple-arithmetic"
    wording = "Solve the math problem and type your answer into the textbox. Press submit when done."

    def sum(self, page: Page) -> tuple[int, str, int]:
        left, sign, right, _ = page.first(id="math-problem").text.split()
        return int(left), sign, int(right)


class SimpleAlgebra(Sum):
    """A sum of a digit and `x`; the thought tells the sum that gives `x`."""

    task = "simple-algebra"
    wording = "Solve for x and type your answer into the textbox. Press Submit when done."

    def sum(self, page: Page) -> tuple[int, str, int]:
        left, sign, right, _, result = page.first(id="math-problem").text.split()
        if left == "x":
            return int(result), "+" if sign == "-" else "-", int(right)
        return (int(result), "-", int(left)) if sign == "+" else (int(left), "-", int(result))


class VisualAddition(Sum):
    """Two heaps of blocks to be counted."""

    task = "visual-addition"
    wording = "Type the total number of blocks into the textbox and press Submit."

    def sum(self, page: Page) -> tuple[int, str, int]:
        heaps = [page.first(id=name).index for name in ("visual-1", "visual-2")]
        left, right = (len(page.all(classes="addition-block", parent=heap)) for heap in heaps)
        return left, "+", right


class OddOrEven:
    """Three numbers, each between an Odd and an Even button; the chosen one is blue. From top to bottom, then submit."""

    task = "odd-or-even"
    wording = "Mark the numbers below as odd or even and press submit when done."

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        for number, buttons in self._rows(page):
            kind = "odd" if int(number) % 2 else "even"
            button = buttons[kind]
            if "selected" not in button.classes:
                return Decision(f'"{number}" is {kind}', Click(point=button.point))
        return click_button(page, "Submit")

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        marked = [number for number, buttons in self._rows(page) if any("selected" in button.classes for button in buttons.values())]
        yield Question(self.wording, tuple(f'"{number}" is {"odd" if int(number) % 2 else "even"}' for number in marked))

    def _rows(self, page: Page) -> list[tuple[str, dict[str, Element]]]:
        numbers = page.all(classes="display-number")
        odd, even = page.all("button", text="Odd"), page.all("button", text="Even")
        return [(n.text, {"odd": o, "even": e}) for n, o, e in zip(numbers, odd, even, strict=True)]


EXPERTS: list[Expert] = [SimpleArithmetic(), SimpleAlgebra(), VisualAddition(), OddOrEven()]
