"""Experts for things that are moved by dragging."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from actions.space import Drag
from training.experts.base import Decision, Expert, Question
from training.experts.page import Box, Page
from training.experts.steps import click_button

DRAG_SMALL = "drag the small box into the large box"
MARGIN_CSS_PX = 2  # a box that lies inside by less than this is dragged again


def _inside(small: Box, large: Box, margin: float) -> bool:
    return (
        large.x + margin < small.x
        and small.x + small.width < large.x + large.width - margin
        and large.y + margin < small.y
        and small.y + small.height < large.y + large.height - margin
    )


class DragBox:
    """Drag the small box to the middle of the large one, which leaves 14 CSS px of room on every side."""

    task = "drag-box"
    wording = "Drag the smaller box so that it is completely inside the larger box."

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        small, large = page.first(id="draggableSmall"), page.first(id="draggableLarge")
        if _inside(small.box, large.box, MARGIN_CSS_PX):
            return click_button(page, "Submit")
        return Decision(DRAG_SMALL, Drag(path=(small.point, large.box.center)))

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        for drags in range(3):
            yield Question(self.wording, (DRAG_SMALL,) * drags)


EXPERTS: list[Expert] = [DragBox()]
