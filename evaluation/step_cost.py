"""What a step costs without the model: the fixed part, the wait for real programs, and what peers need for the same steps.

The truth of a wait is the screen some seconds later. A screenshot is *complete* when nothing but carets and the like changed after it,
*caught* when something did and the answer to it is dropped: by the watcher, which stops the model once no answer can fit, after which
the bench looks again as a run does; or by the check before acting, for an answer that aims at the change. It is *missed* otherwise.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from actions.geometry import Size

VERDICTS = ("complete", "caught", "missed")  # the worst last
FIXED_TARGET, SETTLE_TARGET, BEST_TARGET, MEDIAN_TARGET = 0.025, 0.35, 3.0, 7.0


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
