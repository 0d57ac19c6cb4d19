"""Measures what a step costs, ours and the peers', on a virtual desktop of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TypeVar

from actions.backends import open_backend
from actions.executor import Executor
from actions.geometry import Size
from agent.capture import Capture
from agent.computers.desktop import DesktopComputer
from agent.computers.virtual import VirtualDesktop
from evaluation.scenes.base import Event, SceneError
from evaluation.scenes.browser_scene import BrowserScene
from evaluation.scenes.tk_scene import TkScene
from evaluation.step_cost import StepCost
from evaluation.step_fixed import fixed_part
from evaluation.step_peers import PEERS, Peer, step
from evaluation.step_waits import wait_for

SCREEN = Size(1920, 1080)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much to measure."""

    fixed_rounds: int = 40
    repeats: int = 2
    truth_seconds: float = 2.8
    browser: bool = True
    peers: Sequence[Peer] = PEERS


QUICK = Plan(fixed_rounds=5, repeats=1, truth_seconds=1.2, browser=False, peers=PEERS[3:4])


def measure_step(plan: Plan = Plan(), tell: Callable[[str], None] = lambda _: None) -> StepCost:
    """Measure on a virtual desktop of its own.

    Raises:
        VirtualDesktopError: Xvfb or openbox is missing.
        SceneError: there is no program here to measure with.
    """
    cost = StepCost(screen=SCREEN)
    with ExitStack() as stack:
        desktop = stack.enter_context(VirtualDesktop(SCREEN))
        computer = stack.enter_context(DesktopComputer(desktop.display))
        capture, hands = stack.enter_context(_eyes_and_hands(desktop))
        browser = _open(cost, stack, lambda: BrowserScene(desktop, capture, hands)) if plan.browser else None
        with ExitStack() as upper:  # in front of the browser, as on anyone's desktop
            tk = _open(cost, upper, lambda: TkScene(desktop, capture))
            _measure(cost, plan, tk, computer, hands, capture, tell)
        _measure(cost, plan, browser, computer, hands, capture, tell)
    if not cost.waits:
        raise SceneError("; ".join(cost.notes))
    return cost


S = TypeVar("S", BrowserScene, TkScene)


def _open(cost: StepCost, stack: ExitStack, scene: Callable[[], S]) -> S | None:
    try:
        return stack.enter_context(scene())
    except SceneError as error:
        cost.notes.append(str(error))
        return None


def _measure(
    cost: StepCost,
    plan: Plan,
    scene: BrowserScene | TkScene | None,
    computer: DesktopComputer,
    hands: Executor,
    capture: Capture,
    tell: Callable[[str], None],
) -> None:
    if scene is None:
        return
    events = scene.events()
    computer.screenshot()
    for event in events * plan.repeats:
        tell(f"waiting for: {event.name}")
        cost.waits.append(wait_for(event, computer, plan.truth_seconds))
    _measure_peers(cost, plan, events, hands, capture, tell)
    tell("the fixed part")
    cost.stages, cost.background = fixed_part(capture, hands, plan.fixed_rounds)


@contextmanager
def _eyes_and_hands(desktop: VirtualDesktop) -> Iterator[tuple[Capture, Executor]]:
    capture, hands = Capture(desktop.display), Executor(open_backend(desktop.display))
    try:
        yield capture, hands
    finally:
        hands.close()
        capture.close()


def _measure_peers(
    cost: StepCost, plan: Plan, events: Sequence[Event], hands: Executor, capture: Capture, tell: Callable[[str], None]
) -> None:
    """Each peer takes one step of each type; its waits do not depend on what the screen does."""
    for kind, event in {event.action.type: event for event in events}.items():
        for peer in plan.peers:
            if kind in cost.peers.setdefault(peer.name, {}):
                continue
            tell(f"as {peer.name} does: {kind}")
            cost.peers[peer.name][kind] = step(peer, event.action, hands, capture.display, capture.geometry)
            event.undo()
