"""The part of a step that costs the same whatever the screen does: grab, encode, parse, check, act and record, as a run does them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from actions.dialects import get_dialect
from actions.executor import Executor
from actions.geometry import Frame
from actions.space import Prediction
from agent.capture import Capture
from agent.change import changed_rects
from agent.computers.base import Outcome
from agent.episode import Episode, Step

ANSWER = "Thought: The button that I need is in the middle of the screen, so I click it.\nAction: click(point='<point>{x} {y}</point>')"
THINK_SECONDS = 0.1  # the pause in the place of the model; deftly-tiny, the quickest there is, takes three times as long
BACKGROUND = "background"


def fixed_part(capture: Capture, hands: Executor, rounds: int) -> tuple[dict[str, list[float]], list[float]]:
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
