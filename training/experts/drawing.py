"""Experts for drawings to which a point or a line is to be added."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence

from actions.geometry import Point
from actions.space import Click, Drag
from training.experts.base import Decision, Expert, Question
from training.experts.page import AREA_CSS_PX, Element, Page
from training.experts.steps import SUBMIT, click_button
from training.experts.wording import Wording

Place = tuple[float, float]  # CSS px of the task area

TOLERANCE_CSS_PX = 10  # a point that was set farther off is set again
DRAWING = (8.0, 8.0, 144.0, 122.0)  # left, top, right, bottom of where a point can be set
ARM_CSS_PX = 40  # how far from the corner a right angle's third point is set
SHORTEST_BISECTOR_CSS_PX = 20
HALF_LINE_CSS_PX = 35  # a drawn line reaches so far to both sides of the dot
LARGEST_SLOPE_CSS_PX = 12  # how far a line's ends may be out of line, and the line beside the dot


def _middle(element: Element) -> Place:
    return element.box.x + element.box.width / 2, element.box.y + element.box.height / 2


def _point(place: Place) -> Point:
    return Point(place[0] / AREA_CSS_PX, place[1] / AREA_CSS_PX)


def _inside(place: Place) -> Place:
    """The nearest place where a point can be set."""
    left, top, right, bottom = DRAWING
    return min(right, max(left, place[0])), min(bottom, max(top, place[1]))


def _along(start: Place, direction: Place, length: float) -> Place:
    """The place `length` away from `start`, cut at the border of the drawing."""
    size = math.hypot(*direction) or 1.0
    step = direction[0] / size, direction[1] / size
    left, top, right, bottom = DRAWING
    room = [((right if step[0] > 0 else left) - start[0]) / step[0]] if abs(step[0]) > 1e-6 else []
    room += [((bottom if step[1] > 0 else top) - start[1]) / step[1]] if abs(step[1]) > 1e-6 else []
    reach = max(0.0, min([length, *room]))
    return start[0] + step[0] * reach, start[1] + step[1] * reach


class MarkPoint:
    """One click on a place that follows from the drawing; a blue point shows where it was. Then submit."""

    task: str
    wording: str
    thought: str

    def place(self, page: Page) -> Place:
        """Where the point belongs."""
        raise NotImplementedError

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        place = _inside(self.place(page))
        marks = page.all("circle", id="blue-circle")
        if marks and math.dist(_middle(marks[0]), place) <= TOLERANCE_CSS_PX:
            return click_button(page, SUBMIT)
        corner = page.first("svg").box  # the page draws its point as far beside the click
        return Decision(self.thought, Click(point=_point((place[0] - corner.x, place[1] - corner.y))))

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        marked = bool(page.all("circle", id="blue-circle"))
        yield Question(self.wording, (self.thought,) * marked)
        if marked:
            yield Question(self.wording, (self.thought,) * 2)


class CircleCenter(MarkPoint):
    """The middle of a circle."""

    task = "circle-center"
    wording = "Find and click on the center of the circle, then press submit."
    thought = "click the center of the circle"

    def place(self, page: Page) -> Place:
        return _middle(page.first("circle", classes="black-circle"))


class FindMidpoint(MarkPoint):
    """Half way between two points."""

    task = "find-midpoint"
    wording = "Find and click on the shortest mid-point between the two points, then press submit."
    thought = "click between the two points"

    def place(self, page: Page) -> Place:
        (ax, ay), (bx, by) = (_middle(circle) for circle in page.all("circle", classes="black-circle")[:2])
        return (ax + bx) / 2, (ay + by) / 2


class RightAngle(MarkPoint):
    """A third point at a right angle to the line, as seen from the blue one, on the side of the drawing's middle."""

    task = "right-angle"
    wording = "Add a third point to create a right angle, then press submit."
    thought = "click at a right angle"

    def place(self, page: Page) -> Place:
        black, corner = _middle(page.first("circle", id="init-black")), _middle(page.first("circle", id="init-blue"))
        across = corner[1] - black[1], black[0] - corner[0]
        left, top, right, bottom = DRAWING
        inwards = (left + right) / 2 - corner[0], (top + bottom) / 2 - corner[1]
        side = 1 if across[0] * inwards[0] + across[1] * inwards[1] >= 0 else -1
        return _along(corner, (side * across[0], side * across[1]), ARM_CSS_PX)


class BisectAngle(MarkPoint):
    """Where the line that halves the angle crosses the line between its ends."""

    task = "bisect-angle"
    wording = "Create a line that bisects the angle evenly in two, then press submit."
    thought = "click between the two lines"

    def place(self, page: Page) -> Place:
        corner = _middle(page.first("circle", classes="init-blue"))
        first, second = (_middle(circle) for circle in page.all("circle", classes="init-black")[:2])
        share = math.dist(corner, first) / (math.dist(corner, first) + math.dist(corner, second))
        crossing = first[0] + share * (second[0] - first[0]), first[1] + share * (second[1] - first[1])
        direction = crossing[0] - corner[0], crossing[1] - corner[1]
        return _along(corner, direction, max(math.hypot(*direction), SHORTEST_BISECTOR_CSS_PX))


class DrawLine:
    """A level or upright line through a dot, drawn by one drag; drawing again replaces it."""

    task = "draw-line"
    wording = Wording("Draw a {} line that runs through the dot, then press submit.")
    ways = ("horizontal", "vertical")

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        (way,) = self.wording.read(instruction)
        if self._drawn(page) == way:
            return click_button(page, SUBMIT)
        canvas, (x, y) = page.first("svg").box, _middle(page.first("circle"))
        across = way == "horizontal"
        start, size, middle = (canvas.x, canvas.width, x) if across else (canvas.y, canvas.height, y)
        ends = max(start + 4, middle - HALF_LINE_CSS_PX), min(start + size - 4, middle + HALF_LINE_CSS_PX)
        path = tuple(_point((end, y) if across else (x, end)) for end in ends)
        return Decision(self._thought(way), Drag(path=path))

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        drawn = self._drawn(page)
        for way in self.ways:
            yield Question(self.wording.fill(way), (self._thought(drawn),) if drawn else ())

    def _drawn(self, page: Page) -> str | None:
        """The way of the line through the dot, if there is one."""
        lines, dot = page.all("path"), _middle(page.first("circle"))
        if not lines:
            return None
        box, (x, y) = lines[0].box, _middle(lines[0])
        if box.height <= LARGEST_SLOPE_CSS_PX < box.width and abs(y - dot[1]) <= LARGEST_SLOPE_CSS_PX:
            return "horizontal"
        if box.width <= LARGEST_SLOPE_CSS_PX < box.height and abs(x - dot[0]) <= LARGEST_SLOPE_CSS_PX:
            return "vertical"
        return None

    def _thought(self, way: str) -> str:
        return f"draw a {way} line"


EXPERTS: list[Expert] = [CircleCenter(), FindMidpoint(), RightAngle(), BisectAngle(), DrawLine()]
