"""Which expert knows which task."""

from __future__ import annotations

from training.experts import clicking, dragging, forms, sequences
from training.experts.base import Expert

EXPERTS: dict[str, Expert] = {
    expert.task: expert
    for expert in (
        *clicking.EXPERTS,
        *dragging.EXPERTS,
        *forms.EXPERTS,
        *sequences.EXPERTS,
    )
}


def get_expert(task: str) -> Expert:
    """The expert for `task`.

    Raises:
        ValueError: there is none.
    """
    if task not in EXPERTS:
        raise ValueError(f"no expert for the task {task!r}: there is one for {', '.join(sorted(EXPERTS))}")
    return EXPERTS[task]
