"""Where a run works: the computer that was asked for, opened for it and closed after it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from agent.computers.base import Computer
from agent.safety.rules import KillKey
from server.runs_orders import DesktopBody, MiniWobBody, RunBody, RunRules, VirtualBody


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A screen with hands; its own words for the task and its own judge, where it has them."""

    computer: Computer
    task: str | None = None
    judge: Callable[[], float | None] | None = None


@contextmanager
def open_place(order: RunBody, rules: RunRules, stop: threading.Event, kill_key: KillKey) -> Iterator[Place]:
    """The computer of `order`; once `stop` is set its hands do nothing more. To be used on one thread.

    Raises:
        DisplayLost: there is no such screen.
        VirtualDesktopError: it cannot be started.
    """
    match order.computer:
        case VirtualBody() as told:
            with _virtual(told, rules.programs, stop) as place:
                yield place
        case DesktopBody():
            with _desktop(stop, kill_key) as place:
                yield place
        case MiniWobBody(name=name, seed=seed):
            from agent.computers.miniwob import MiniWob

            with MiniWob(stop=stop) as page:
                yield Place(computer=page, task=page.open(name, seed), judge=page.reward)


@contextmanager
def _virtual(told: VirtualBody, programs: Mapping[str, tuple[str, ...]], stop: threading.Event) -> Iterator[Place]:
    from actions.geometry import Size
    from agent.computers.virtual_computer import VirtualComputer

    program = programs[told.program] if told.program else ()
    with VirtualComputer(Size(told.width, told.height), program, stop=stop) as computer:
        yield Place(computer=computer)


@contextmanager
def _desktop(stop: threading.Event, kill_key: KillKey) -> Iterator[Place]:
    """Whoever sits there can stop the run, and not the server, by holding the kill key."""
    from agent.computers.desktop import DesktopComputer
    from agent.kill_switch import KillSwitch

    switch = KillSwitch(stop, key=kill_key.key, held_seconds=kill_key.held_seconds, interrupts=False)
    with switch, DesktopComputer(stop=stop) as computer:
        yield Place(computer=computer)
