"""MiniWoB++ as a live suite: all 130 tasks, as pixels and by real events, each stage with a display and a Chromium of its own."""

from __future__ import annotations

from collections.abc import Sequence

from agent.computers.miniwob import MiniWob, check_task, task_names
from agent.episode import End
from evaluation.live.base import CannotBegin, Suite

NAME = "miniwob"
ALL = "all"


class MiniWobStage:
    """One MiniWoB++ page at a time."""

    def __init__(self) -> None:
        self.computer = MiniWob()

    def begin(self, task: str, seed: int) -> str:
        from playwright.sync_api import TimeoutError as TookTooLong

        try:
            return self.computer.open(task, seed)
        except TookTooLong as error:
            raise CannotBegin(f"the page of {task} did not load: {str(error).splitlines()[0]}") from error

    def reward(self, end: End) -> float | None:
        return self.computer.reward()

    def close(self) -> None:
        self.computer.close()


def miniwob_suite(tasks: Sequence[str]) -> Suite:
    """The tasks of these names; `all` stands for every one.

    Raises:
        MiniWobError: there is no such task, or MiniWoB++ is not installed.
    """
    names = task_names() if ALL in tasks else list(dict.fromkeys(tasks))
    for name in names:
        check_task(name)
    return Suite(name=NAME, tasks=tuple(names), open_stage=MiniWobStage, max_steps=15)
