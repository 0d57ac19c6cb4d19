"""Experts for drawn figures: find one by size, colour and kind; say what one is; find a point of a grid."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from actions.space import Click
from training.experts.base import Decision, Expert, Question
from training.experts.page import Element, Page
from training.experts.steps import click_button
from training.experts.wording import Wording

SIZES = ("small", "large")
KINDS = {"circle": "shape", "rectangle": "shape", "triangle": "shape"}
TAGS = {"rect": "rectangle", "circle": "circle", "polygon": "triangle"}
SMALLEST_LARGE_CSS_PX = 15  # figures are 10 or 20 CSS px wide; letters go by the size of their type
OTHER_FIGURES = 10  # instructions made up for each page


class Figure(NamedTuple):
    """A drawn letter, digit or shape, and where it is."""

    size: str
    color: str
    name: str
    element: Element

    @property
    def kind(self) -> str:
        return KINDS.get(self.name) or ("digit" if self.name.isdigit() else "letter")

    def fits(self, words: Sequence[str]) -> bool:
        """Whether a description such as `large red item` is true of it."""
        *properties, noun = words
        return noun in ("item", self.name, self.kind) and all(word in (self.size, self.color) for word in properties)


def figures(page: Page) -> list[Figure]:
    """The figures, those that are easier to hit first, then from left to right."""
    found = [_figure(e) for e in page.elements if (e.tag in TAGS or e.tag == "text") and e.hit]
    return sorted(found, key=lambda figure: (figure.size != "large", figure.element.box.x, figure.element.box.y))


def _figure(element: Element) -> Figure:
    width = float(element.attributes["font-size"].removesuffix("px")) if element.tag == "text" else element.box.width
    return Figure(SIZES[width > SMALLEST_LARGE_CSS_PX], element.color, TAGS.get(element.tag) or element.text, element)


class ClickShape:
    """Several figures may fit a description: a large one is taken before a small one, then the leftmost, then the topmost."""

    task = "click-shape"
    wording = Wording("Click on a {}")

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        (described,) = self.wording.read(instruction)
        for figure in figures(page):
            if figure.fits(described.split()):
                return Decision(f'click "{described}"', Click(point=figure.element.point))
        raise LookupError(f"the page shows no {described!r}")

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        found = figures(page)
        described = [self._describe(rng.choice(found), rng) for _ in range(OTHER_FIGURES if found else 0)]
        for words in dict.fromkeys(described):
            yield Question(self.wording.fill(words))

    def _describe(self, figure: Figure, rng: random.Random) -> str:
        """Leaves out as much as the page does."""
        words = [word for word in (figure.size, figure.color) if rng.random() < 0.5]
        exact = not words or rng.random() < 0.5
        return " ".join([*words, rng.choice((figure.name, figure.kind)) if exact else "item"])


class IdentifyShape:
    """One figure, and a button for each kind."""

    task = "identify-shape"
    wording = "Click the button that best describes the figure below."

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        (figure,) = figures(page)
        kind = figure.name if figure.kind == "shape" else figure.kind
        return click_button(page, next(page.where(lambda e: e.attributes.get("data-type") == kind)).text)

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        yield Question(self.wording)


class GridCoordinate:
    """25 points of a grid, which the page names by their coordinates."""

    task = "grid-coordinate"
    wording = Wording("Click on the grid coordinate {}.")

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        (wanted,) = self.wording.read(instruction)
        return Decision(f'click "{wanted}"', Click(point=page.first("circle", id=wanted).point))

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        for point in page.all("circle"):
            yield Question(self.wording.fill(point.id))


EXPERTS: list[Expert] = [ClickShape(), IdentifyShape(), GridCoordinate()]
