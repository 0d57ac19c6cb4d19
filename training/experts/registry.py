"""Which expert knows which task."""

from __future__ import annotations

from training.experts import choosing, clicking, dragging, filling, forms, lists, menus, sections, sequences, shapes, sums, values
from training.experts.base import Expert

_LISTS: list[list[Expert]] = [
    choosing.EXPERTS,
    clicking.EXPERTS,
    dragging.EXPERTS,
    filling.EXPERTS,
    forms.EXPERTS,
    lists.EXPERTS,
    menus.EXPERTS,
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
