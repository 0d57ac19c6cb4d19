"""How far an evaluation is: a bar with the rate and the time that is left, on stderr, so that stdout stays a result."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

if TYPE_CHECKING:
    from evaluation.runner import Watcher
    from evaluation.steps import EvalStep
    from inference.engines.base import Reply


class _Rate(ProgressColumn):
    """Steps a second, over what was lately done."""

    def render(self, task: Task) -> Text:
        speed = task.speed or task.finished_speed
        return Text(f"{speed:6.1f} steps/s" if speed else "")


@contextmanager
def shown_progress(total: int, done: int) -> Iterator[Watcher]:
    """A bar over `total` steps, `done` of which have their answer from an earlier run; what it yields is told of every answer."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("asking", total=total, completed=done)

        def watch(step: EvalStep, reply: Reply | None) -> None:
            progress.advance(bar)

        yield watch
