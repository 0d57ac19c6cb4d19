"""How long a run waits for a real program after an action, and what became of the screenshot that it took then."""

from __future__ import annotations

import threading
import time

from actions.geometry import Point, Size
from actions.space import Click
from agent.change import Rect, around, share
from agent.computers.desktop import DesktopComputer
from agent.screenshot import Screenshot
from evaluation.scenes.base import Event
from evaluation.step_cost import VERDICTS, Wait

LOOKS_AGAIN = 2  # as many as a run by its limits


def wait_for(event: Event, computer: DesktopComputer, truth_seconds: float) -> Wait:
    """Act, wait as a run does, think for as long as a model might, look again when the watcher says so, and see what has changed."""
    computer.perform(event.action)
    acted = time.monotonic()
    looks: list[float] = []
    verdicts: list[str] = []
    changes: list[tuple[Rect, ...]] = []
    stopped = True
    while stopped:
        seen = computer.screenshot()
        looks.append(time.monotonic() - acted)
        stopped = _think(computer, acted + truth_seconds, may_stop=len(looks) <= LOOKS_AGAIN)
        changes.append(computer.news_since(seen))
        verdicts.append(_judge(computer, seen, changes[-1], stopped))
    event.undo()
    time.sleep(0.7)
    computer.screenshot()
    return Wait(
        event=event.name,
        action=event.action.type,
        seconds=looks[0],
        verdict=max(verdicts, key=VERDICTS.index),
        late=str(around(changes[0])) if changes[0] else "",
        late_share=share(changes[0], seen.size),
        again=looks[-1] if len(looks) > 1 else None,
    )


def _think(computer: DesktopComputer, until: float, *, may_stop: bool) -> bool:
    """Let the time pass; whether the watcher cut it short, as it does with a model."""
    stop = threading.Event()
    computer.alert(stop.set if may_stop else None)
    return stop.wait(max(0.0, until - time.monotonic()))


def _judge(computer: DesktopComputer, seen: Screenshot, late: tuple[Rect, ...], stopped: bool) -> str:
    """What became of an answer to `seen` that aims at what changed late, or that was stopped."""
    if not late:
        return "complete"
    return "caught" if computer.stale(seen, () if stopped else (_aimed_at(late[0], seen.size),)) else "missed"


def _aimed_at(rect: Rect, size: Size) -> Click:
    return Click(point=Point.from_pixel((rect.left + rect.right) / 2, (rect.top + rect.bottom) / 2, size))
