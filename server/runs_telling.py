"""A policy that says what it is shown and what it decides, to whoever watches the run live: an episode knows only at the step's end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from actions.space import Prediction
from agent.policy import Policy
from agent.screenshot import Screenshot
from agent.step import Step


class TellingPolicy:
    """Decides as `policy` does. `on_seen` is told what it looks at, before, and `on_said` what it decided, after; by step index."""

    def __init__(self, policy: Policy, on_seen: Callable[[int, Screenshot], None], on_said: Callable[[int, Prediction], None]) -> None:
        self._policy = policy
        self._on_seen = on_seen
        self._on_said = on_said

    def decide(self, task: str, history: Sequence[Step], seen: Screenshot) -> Prediction:
        self._on_seen(len(history), seen)
        said = self._policy.decide(task, history, seen)
        self._on_said(len(history), said)
        return said

    def interrupt(self) -> None:
        self._policy.interrupt()

    def about(self) -> Mapping[str, Any]:
        return self._policy.about()

    def trace(self) -> Mapping[str, Any]:
        return self._policy.trace()
