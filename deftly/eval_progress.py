"""How far an evaluation is: a bar with the rate and the time that is left, on stderr, so that stdout stays a result."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

if TYPE_CHECKING:
    from evaluation.live.runner import Watcher as TrialWatcher
    from evaluation.live.trial import Trial


class Advance(Protocol):
    """Moves a bar on."""

    def __call__(self, count: int, description: str = ...) -> None: ...


class _Rate(ProgressColumn):
    """Steps or trials a second, over what was lately done."""

    def render(self, task: Task) -> Text:
        speed = task.speed or task.finished_speed
        return Text(f"{speed:6.1f}/s" if speed else "")


@contextmanager
def shown_progress(total: int, done: int) -> Iterator[Advance]:
    """A bar over `total` steps, `done` of which have their answer from an earlier run; what it yields is told how many more there are."""
    with _bar("asking", total, done) as advance:
        yield advance


@contextmanager
def shown_trials(total: int, done: int) -> Iterator[TrialWatcher]:
    """The same over trials, with how many of those that were tried now are solved."""
    counts = [0, 0]
    with _bar("trying", total, done) as advance:

        def watch(trial: Trial) -> None:
            counts[0] += trial.solved
            counts[1] += 1
            advance(1, f"solved {counts[0]}/{counts[1]}")

        yield watch


@contextmanager
def _bar(words: str, total: int, done: int) -> Iterator[Advance]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task(words, total=total, completed=done)

        def advance(count: int, description: str = words) -> None:
            progress.update(bar, advance=count, description=description)

        yield advance
