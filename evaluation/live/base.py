"""The contract of a live suite: tasks by name, and stages on which they are set up, worked on and judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from agent.computers.base import Computer
from agent.episode import End


class SuiteError(ValueError):
    """A suite or a task of it cannot be had here; the message says which one and what to do."""


class CannotBegin(Exception):
    """A task could not be set up, for reasons of its own: its page did not load, a file is not there. The trial counts as failed."""


class Stage(Protocol):
    """A computer on which one task after another is set up and judged. Opened, used and closed by one thread."""

    @property
    def computer(self) -> Computer: ...

    def begin(self, task: str, seed: int) -> str:
        """Set `task` up in its variant `seed`; returns the instruction.

        Raises:
            CannotBegin: it could not be set up.
        """
        ...

    def reward(self, end: End) -> float | None:
        """The task's own raw reward, once the episode has ended so; `None` where the task was not over.

        Raises:
            DisplayLost: the screen is gone.
        """
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """`tasks` in their order, and how a stage is opened.

    A trial is solved when its raw reward is above `solved_above`. `max_steps` is the suite's usual limit. `most_stages` is how many there
    can be at once, `None` for as many as the machine bears.
    """

    name: str
    tasks: tuple[str, ...]
    open_stage: Callable[[], Stage]
    solved_above: float = 0.0
    max_steps: int = 15
    most_stages: int | None = None
