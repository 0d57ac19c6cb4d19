"""Experts for things that are dragged somewhere: figures, entries of a list, the corner of a text area."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from actions.geometry import Point
from actions.space import Drag
from training.experts.base import Decision, Expert, Question
from training.experts.page import AREA_CSS_PX, Element, Page
from training.experts.steps import SUBMIT, click_button
from training.experts.wording import Wording

DISTANCE_CSS_PX = 40
RESIZE_CSS_PX = 20
MOVED_CSS_PX = 6  # a figure that was moved by less is dragged again; picking it up moves it by 4 at most
DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
FIGURES = ("circle", "rect", "polygon")
PAST_CSS_PX = 8  # an entry changes places only once it is past the middle of the other
ROWS = ("1st", "2nd", "3rd", "4th", "5th")
OTHER_MOVES = 12  # instructions made up for each page


def _shifted(point: Point, across_css_px: float, down_css_px: float) -> Point:
    """`point` moved, but not out of the task area."""
    x, y = point.x + across_css_px / AREA_CSS_PX, point.y + down_css_px / AREA_CSS_PX
    return Point(min(0.98, max(0.02, x)), min(0.98, max(0.02, y)))


@dataclass(frozen=True, slots=True)
class DragTowards:
    """One figure, dragged some way in a direction; where it was at first does not show, so the history tells."""

    task: str
    noun: str

    @property
    def wording(self) -> Wording:
        return Wording(f"Drag the {self.noun} {{}} then press Submit.")

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        (way,) = self.wording.read(instruction)
        if way in self._moved(page):
            return click_button(page, SUBMIT)
        across, down = DIRECTIONS[way]
        start = self._figure(page).point
        return Decision(self._thought(way), Drag(path=(start, _shifted(start, across * DISTANCE_CSS_PX, down * DISTANCE_CSS_PX))))

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        moved = self._moved(page)
        for way in moved or DIRECTIONS:
            yield Question(self.wording.fill(way), (self._thought(way),) if moved else ())

    def _figure(self, page: Page) -> Element:
        return next(page.where(lambda e: e.tag in FIGURES))

    def _moved(self, page: Page) -> list[str]:
        """The directions in which the figure was moved."""
        numbers = re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", self._figure(page).attributes.get("transform", ""))
        if len(numbers) != 2:
            return []
        shift = float(numbers[0]), float(numbers[1])
        return [way for way, (across, down) in DIRECTIONS.items() if shift[0] * across + shift[1] * down > MOVED_CSS_PX]

    def _thought(self, way: str) -> str:
        return f"drag the {self.noun} {way}"


class DragShapes:
    """All figures of a kind into a black box, from left to right, one on top of the other."""

    task = "drag-shapes"
    wording = Wording("Drag all {} into the black box.")
    kinds: Mapping[str, str] = {"rectangles": "rect", "circles": "circle", "triangles": "polygon"}

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        (kind,) = self.wording.read(instruction)
        box = self._box(page)
        left = [figure for figure in self._figures(page, kind) if not self._holds(box, figure)]
        if not left:
            return click_button(page, SUBMIT)
        figure = min(left, key=lambda e: (e.box.x, e.box.y))
        return Decision(self._thought(kind), Drag(path=(figure.point, box.box.center)))

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        """Every kind, as long as nothing is in the box; else the kind of what is."""
        box = self._box(page)
        held = {kind: sum(self._holds(box, figure) for figure in self._figures(page, kind)) for kind in self.kinds}
        for kind, count in held.items():
            if count or not any(held.values()):
                yield Question(self.wording.fill(kind), (self._thought(kind),) * count)

    def _box(self, page: Page) -> Element:
        return page.first("rect", id="shape-container")

    def _figures(self, page: Page, kind: str) -> list[Element]:
        return [figure for figure in page.all(self.kinds[kind]) if figure.id != "shape-container"]

    def _holds(self, box: Element, figure: Element) -> bool:
        middle, (x, y, width, height) = figure.box.center, box.box
        return x < middle.x * AREA_CSS_PX < x + width and y < middle.y * AREA_CSS_PX < y + height

    def _thought(self, kind: str) -> str:
        return f"drag a {kind.removesuffix('s')} into the box"


class DragItems:
    """One of five entries of a list to another place; letting go ends the task."""

    task = "drag-items"
    place = Wording("to the {} position.")
    steps: Mapping[str, int] = {"down by one position.": 1, "up by one position.": -1}
    ends: Mapping[str, int] = {"to the top.": 0, "to the bottom.": len(ROWS) - 1}

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        entries = page.all("li")
        for start, entry in enumerate(entries):
            described = instruction.removeprefix(f"Drag {entry.text} ")
            if described in self._ways(start):
                end = self._end(start, described)
                past = PAST_CSS_PX if end > start else -PAST_CSS_PX
                path = entry.point, _shifted(entries[end].point, 0, past)
                return Decision(f'drag "{entry.text}" to the {ROWS[end]} position', Drag(path=path))
        raise LookupError(f"the list has nothing that could be moved as {instruction!r} says")

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        every = [f"Drag {entry.text} {way}" for start, entry in enumerate(page.all("li")) for way in self._ways(start)]
        yield from (Question(instruction) for instruction in rng.sample(every, OTHER_MOVES))

    def _end(self, start: int, described: str) -> int:
        if described in self.steps:
            return start + self.steps[described]
        return self.ends[described] if described in self.ends else ROWS.index(self.place.read(described)[0])

    def _ways(self, start: int) -> list[str]:
        """Every way in which the page may describe a place other than `start`."""
        ways = [way for way, step in self.steps.items() if 0 <= start + step < len(ROWS)]
        ways += [way for way, end in self.ends.items() if end != start]
        return ways + [self.place.fill(row) for number, row in enumerate(ROWS) if number != start]


class ResizeTextArea:
    """The corner of a text area, dragged in or out; how large it was at first does not show, so the history tells."""

    task = "resize-textarea"
    wording = Wording("Resize the textarea so that the {} is {} than its initial size then press Submit.")

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        side, way = self.wording.read(instruction)
        thought = f"make the {side} {way}"
        if thought in history:
            return click_button(page, SUBMIT)
        length = RESIZE_CSS_PX if way == "larger" else -RESIZE_CSS_PX
        corner = next(page.where(lambda e: "ui-resizable-se" in e.classes)).point
        return Decision(thought, Drag(path=(corner, _shifted(corner, *((length, 0) if side == "width" else (0, length))))))

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        for side in ("width", "height"):
            for way in ("smaller", "larger"):
                yield Question(self.wording.fill(side, way))
                yield Question(self.wording.fill(side, way), (f"make the {side} {way}",))


EXPERTS: list[Expert] = [
    DragTowards("drag-circle", "circle"),
    DragTowards("drag-single-shape", "item"),
    DragShapes(),
    DragItems(),
    ResizeTextArea(),
]
