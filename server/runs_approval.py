"""A person far away is asked: the run's thread waits here until somebody answers over HTTP, or nobody does for too long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from actions.space import Action
from agent.approval import Answer, Ask, Stop
from agent.screenshot import Screenshot


class Question(NamedTuple):
    """An action that waits for a yes or a no, its number within the run, and the rules of the policy because of which somebody is asked."""

    number: int
    action: Action
    why: str


class NotAsked(Exception):
    """That question is not being asked (any more): it was answered, or another came."""


class RemoteAsk:
    """Asks one question at a time; `on_question` is told of each, and with `None` when it is answered."""

    def __init__(self, on_question: Callable[[Question | None], None], patience_seconds: float) -> None:
        self._on_question = on_question
        self._patience = patience_seconds
        self._changed = threading.Condition()
        self._number = 0
        self._question: Question | None = None
        self._answer: Answer | None = None
        self._stopped: Stop | None = None

    def because(self, why: str) -> Ask:
        """Asks, with a word on why; blocks until there is an answer, and nobody's is `Stop`."""
        return lambda action, seen: self._put(action, why)

    def __call__(self, action: Action, seen: Screenshot) -> Answer:
        return self._put(action, "")

    def _put(self, action: Action, why: str) -> Answer:
        with self._changed:
            self._number += 1
            self._question, self._answer = Question(self._number, action, why), self._stopped
        self._on_question(self._question)
        try:
            return self._wait()
        finally:
            self._on_question(None)

    def _wait(self) -> Answer:
        deadline = time.monotonic() + self._patience
        with self._changed:
            while self._answer is None:
                if not self._changed.wait(deadline - time.monotonic()) and time.monotonic() >= deadline:
                    self._answer = Stop(f"nobody answered for {self._patience:g} s whether an action may happen")
            self._question = None
            return self._answer

    def answer(self, number: int, answer: Answer) -> None:
        """Answer question `number`, from any thread.

        Raises:
            NotAsked: it is not the one being asked, or was answered: a second click must not approve the next action.
        """
        with self._changed:
            if self._question is None or self._question.number != number or self._answer is not None:
                raise NotAsked
            self._answer = answer
            self._changed.notify_all()

    def stop(self, reason: str) -> None:
        """Whatever is asked, now or later, is answered with `Stop`."""
        with self._changed:
            self._stopped = Stop(reason)
            if self._question is not None and self._answer is None:
                self._answer = self._stopped
                self._changed.notify_all()
