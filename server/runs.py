"""The runs of a server: how many at a time, and which are remembered."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from agent.approval import Answer
from agent.policy import ModelPolicy
from inference.families import Family
from server.backends.base import Backend
from server.errors import ApiError, engine_unavailable
from server.live_run import Run
from server.runs_approval import NotAsked
from server.runs_orders import DesktopBody, RunBody, RunRules, check_order

RUNS_KEPT = 64  # that have ended, with their events; their episodes stay on disk
END_SECONDS = 30.0  # for a run to let go of its screen when the server stops


class Runs:
    """The runs of a server, `at_once` of them at a time."""

    def __init__(self, backend: Backend, family: Family, rules: RunRules, at_once: int) -> None:
        self._backend = backend
        self._family = family
        self._rules = rules
        self._at_once = at_once
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._lock = threading.Lock()
        self._closing = False

    def start(self, order: RunBody) -> Run:
        """A run of `order`, under way.

        Raises:
            ApiError: it is not allowed, there are too many, or there is no engine.
        """
        check_order(order, self._rules)
        status = self._backend.status()
        if status.condition != "ok":
            raise engine_unavailable(f"is {status.condition}")
        with self._lock:
            self._check_room(order)
            run = Run(order, self._rules, ModelPolicy(self._backend.engine(), self._family))
            self._runs[run.id] = run
            self._forget()
        run.start()
        return run

    def get(self, run_id: str) -> Run:
        """The run called `run_id`.

        Raises:
            ApiError: there is none.
        """
        with self._lock:
            run = self._runs.get(run_id)
        if run is None:
            raise ApiError(
                404, "there is no such run: it never was, or it was long ago; its episode may still be there", code="run_unknown"
            )
        return run

    def all(self) -> list[Run]:
        """The newest first."""
        with self._lock:
            return list(reversed(self._runs.values()))

    def answer(self, run_id: str, number: int, answer: Answer) -> Run:
        """Answer what a run asks.

        Raises:
            ApiError: there is no such run, or it does not ask that (any more).
        """
        run = self.get(run_id)
        try:
            run.answer(number, answer)
        except NotAsked:
            raise ApiError(409, f"the run does not ask question {number} (any more)", code="not_asked", param="ask") from None
        return run

    def leave(self) -> None:
        """Tell every run to end, since the server stops; returns at once."""
        self._closing = True
        for run in self.all():
            if run.live:
                run.stop("the server was stopped")

    def close(self) -> None:
        """End every run, and wait until their screens are closed."""
        self.leave()
        deadline = time.monotonic() + END_SECONDS
        for run in self.all():
            run.join(max(0.0, deadline - time.monotonic()))

    def _check_room(self, order: RunBody) -> None:
        live = [run for run in self._runs.values() if run.live]
        if self._closing:
            raise ApiError(503, "the server is stopping", code="stopping")
        if len(live) >= self._at_once:
            raise ApiError(
                429, f"{len(live)} of {self._at_once} runs are under way: stop one, or wait", code="too_many_runs", retry_after=5
            )
        if isinstance(order.computer, DesktopBody) and any(isinstance(run.order.computer, DesktopBody) for run in live):
            raise ApiError(409, "another run uses the desktop: stop it, or wait", code="computer_in_use")

    def _forget(self) -> None:
        ended = [name for name, run in self._runs.items() if not run.live]
        for name in ended[: max(0, len(ended) - RUNS_KEPT)]:
            del self._runs[name]
