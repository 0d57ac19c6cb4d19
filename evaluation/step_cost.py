"""What a step costs without the model: the fixed part, the wait for real programs, and both beside the way peers take a step.

The truth of a wait is the screen some seconds later. A screenshot is *complete* when nothing but carets and the like changed after it,
*caught* when something did and the answer to it is dropped: by the watcher, which stops the model once no answer can fit, after which
the bench looks again as a run does; or by the check before acting, for an answer that aims at the change. It is *missed* otherwise.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from actions.backends import open_backend
from actions.dialects import get_dialect
from actions.executor import Executor
from actions.geometry import Frame, Point, Size
from actions.space import Click, Prediction
from agent.capture import Capture
from agent.change import Rect, around, changed_rects, share
from agent.computers.base import Outcome
from agent.computers.desktop import DesktopComputer
from agent.computers.virtual import VirtualDesktop
from agent.episode import Episode, Step
from agent.screenshot import Screenshot
from evaluation.scenes.base import Event, SceneError
from evaluation.scenes.browser_scene import BrowserScene
from evaluation.scenes.tk_scene import TkScene
from evaluation.step_peers import PEERS, Peer, step

SCREEN = Size(1920, 1080)
ANSWER = "Thought: The button that I need is in the middle of the screen, so I click it.\nAction: click(point='<point>{x} {y}</point>')"
THINK_SECONDS = 0.1  # the pause in the place of the model; deftly-tiny, the quickest there is, takes three times as long
BACKGROUND = "background"
VERDICTS = ("complete", "caught", "missed")  # the worst last
LOOKS_AGAIN = 2  # as many as a run by its limits
FIXED_TARGET, SETTLE_TARGET, BEST_TARGET, MEDIAN_TARGET = 0.025, 0.35, 3.0, 7.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much to measure."""

    fixed_rounds: int = 40
    repeats: int = 2
    truth_seconds: float = 2.8
    browser: bool = True
    peers: Sequence[Peer] = PEERS


QUICK = Plan(fixed_rounds=5, repeats=1, truth_seconds=1.2, browser=False, peers=PEERS[3:4])


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """One wait for one event to show."""

    event: str
    action: str
    seconds: float
    verdict: str  # one of VERDICTS
    late: str = ""  # where it changed afterwards
    late_share: float = 0.0  # how much of the screen that was
    again: float | None = None  # seconds until the last look, where the watcher asked for more than one


@dataclass(slots=True, kw_only=True)
class StepCost:
    """All that was measured, in seconds."""

    screen: Size
    stages: dict[str, list[float]] = field(default_factory=dict)
    background: list[float] = field(default_factory=list)  # keeping the picture, while the model thinks
    waits: list[Wait] = field(default_factory=list)
    peers: dict[str, dict[str, float]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def fixed(self) -> float:
        """The median of the fixed part: grab, encode, check, parse, act, record."""
        return statistics.median(map(sum, zip(*self.stages.values(), strict=True)))

    @property
    def settle(self) -> float:
        """The mean wait, each event counting once."""
        return self._mean_wait(lambda wait: wait.seconds)

    @property
    def events(self) -> list[str]:
        return list(dict.fromkeys(wait.event for wait in self.waits))

    @property
    def step(self) -> float:
        return self.fixed + self.settle

    @property
    def settle_again(self) -> float:
        """The mean time until the last look: the wait, and where an answer was stopped, all that came before the next look."""
        return self._mean_wait(lambda wait: wait.again or wait.seconds)

    def peer_step(self, name: str) -> float:
        """What the same events cost a peer: its steps, by the type of each event's action."""
        kinds = {wait.event: wait.action for wait in self.waits}
        return statistics.mean(self.peers[name][kind] for kind in kinds.values())

    def _mean_wait(self, seconds: Callable[[Wait], float]) -> float:
        return statistics.mean(statistics.mean(seconds(wait) for wait in self.waits if wait.event == event) for event in self.events)

    @property
    def ratio_best(self) -> float:
        return min(map(self.peer_step, self.peers)) / self.step

    @property
    def ratio_median(self) -> float:
        return statistics.median(map(self.peer_step, self.peers)) / self.step

    @property
    def targets(self) -> dict[str, bool]:
        """What was to be reached, and whether it was."""
        return {
            f"fixed part, median <= {FIXED_TARGET * 1e3:g} ms": self.fixed <= FIXED_TARGET,
            f"settle, mean <= {SETTLE_TARGET} s": self.settle <= SETTLE_TARGET,
            "every screen complete or caught": all(wait.verdict != "missed" for wait in self.waits),
            f"{BEST_TARGET:g}x less than the best peer": self.ratio_best >= BEST_TARGET,
            f"{MEDIAN_TARGET:g}x less than the median peer": self.ratio_median >= MEDIAN_TARGET,
        }

    def as_json(self) -> dict[str, Any]:
        return {
            "screen": str(self.screen),
            "step_seconds": self.step,
            "fixed_seconds": self.fixed,
            "stages_seconds": {stage: statistics.median(times) for stage, times in self.stages.items()},
            "background_seconds": statistics.median(self.background),
            "settle_seconds": self.settle,
            "settle_again_seconds": self.settle_again,
            "waits": [asdict(wait) for wait in self.waits],
            "peers_seconds": {name: self.peer_step(name) for name in self.peers},
            "ratio_best": self.ratio_best,
            "ratio_median": self.ratio_median,
            "targets": self.targets,
            "notes": self.notes,
        }


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
        cost.waits.append(_wait_for(event, computer, plan.truth_seconds))
    _measure_peers(cost, plan, events, hands, capture, tell)
    tell("the fixed part")
    cost.stages, cost.background = _fixed_part(capture, hands, plan.fixed_rounds)


@contextmanager
def _eyes_and_hands(desktop: VirtualDesktop) -> Iterator[tuple[Capture, Executor]]:
    capture, hands = Capture(desktop.display), Executor(open_backend(desktop.display))
    try:
        yield capture, hands
    finally:
        hands.close()
        capture.close()


def _wait_for(event: Event, computer: DesktopComputer, truth_seconds: float) -> Wait:
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


def _fixed_part(capture: Capture, hands: Executor, rounds: int) -> tuple[dict[str, list[float]], list[float]]:
    """Grab, encode, parse, check, act and record, `rounds` times: seconds by stage, and those of what goes on while the model thinks."""
    stages: dict[str, list[float]] = {}
    background: list[float] = []
    with tempfile.TemporaryDirectory(prefix="deftly-bench-", ignore_cleanup_errors=True) as folder:
        for number in range(rounds + 1):
            episode = Episode.create(folder, "bench")  # a new one each time: an episode stores an unchanged screen only once
            times = _fixed_round(capture, hands, episode, number)
            episode.end("done", 0, "")
            if number == 0:  # it loads libraries
                continue
            background.append(times.pop(BACKGROUND))
            for stage, seconds in times.items():
                stages.setdefault(stage, []).append(seconds)
    return stages, background


def _fixed_round(capture: Capture, hands: Executor, episode: Episode, number: int) -> dict[str, float]:
    """What a run does in a step, in the same order, with a short pause in the place of the model."""
    clock = _Clock()
    with clock("grab"):
        raw = capture.grab_raw()
        seen = raw.develop()
    begun = time.perf_counter()
    with clock("encode"):
        episode.expect(seen)
        _ = seen.png
    episode.ensure_expected()
    clock.seconds[BACKGROUND] = time.perf_counter() - begun
    time.sleep(max(0.0, begun + THINK_SECONDS - time.perf_counter()))
    with clock("parse"):
        text = ANSWER.format(x=400 + 30 * (number % 2), y=300)
        prediction: Prediction = get_dialect("uitars-1.5").parse(text, Frame(seen.size))
    with clock("check"):
        changed_rects(raw, capture.grab_raw())
    with clock("act"):
        outcomes = tuple(Outcome(action=hands.perform(action, capture.geometry).action, seconds=0.0) for action in prediction.actions)
    with clock("record"):
        episode.append(Step(index=0, seen=seen, prediction=prediction, outcomes=outcomes))
    return clock.seconds


class _Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - started
