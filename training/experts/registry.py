"""Which expert knows which task."""

from __future__ import annotations

from training.experts import (
    choosing,
    clicking,
    colors,
    copying,
    dates,
    digits,
    dragging,
    drawing,
    filling,
    forms,
    lists,
    mail,
    menus,
    mixed,
    moving,
    numbers,
    searches,
    sections,
    sequences,
    shapes,
    sums,
    values,
)
from training.experts.base import Expert

_LISTS: list[list[Expert]] = [
    choosing.EXPERTS,
    clicking.EXPERTS,
    colors.EXPERTS,
    copying.EXPERTS,
    dates.EXPERTS,
    digits.EXPERTS,
    dragging.EXPERTS,
    drawing.EXPERTS,
    filling.EXPERTS,
    forms.EXPERTS,
    lists.EXPERTS,
    mail.EXPERTS,
    menus.EXPERTS,
    mixed.EXPERTS,
    moving.EXPERTS,
    numbers.EXPERTS,
    searches.EXPERTS,
    sections.EXPERTS,
    sequences.EXPERTS,
    shapes.EXPERTS,
    sums.EXPERTS,
    values.EXPERTS,
]
EXPERTS: dict[str, Expert] = {expert.task: expert for experts in _LISTS for expert in experts}


def get_expert(task: str) -> Expert:
    """The expert for `task`.

    Raises:
        ValueError: there is none.
    """
    if task not in EXPERTS:
        raise ValueError(f"no expert for the task {task!r}: there is one for {', '.join(sorted(EXPERTS))}")
    return EXPERTS[task]
