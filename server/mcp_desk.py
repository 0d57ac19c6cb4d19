"""A computer at the disposal of MCP clients: look, act, run a task, one thing at a time, all of it under one policy and on record."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from actions.space import Action, Prediction
from agent.agent import Agent, Observer
from agent.computers.base import Computer
from agent.endings import ActionRefused, RunEnded, Stopped
from agent.episode import Episode
from agent.limits import Limits
from agent.policy import Interrupted, Policy
from agent.safety.safeguards import Safeguards
from agent.screenshot import Screenshot
from agent.step import Step, StepDraft

SESSION = "a session of MCP"  # what the episode of the acts is called


class Busy(Exception):
    """Something else is being done on this computer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acted:
    """What became of one action: as it was done, or `None`; and what there is to say."""

    action: Action | None
    words: str


class Desk:
    """`computer` with its safeguards. `open_policy` opens who decides in `run_task`, the first time that is asked for.

    What `act` does is kept in one episode, and each task in one of its own, under `episodes_dir`.
    """

    def __init__(
        self,
        computer: Computer,
        open_policy: Callable[[], Policy],
        *,
        safeguards: Callable[[], Safeguards],
        limits: Limits,
        episodes_dir: Path,
        stop: threading.Event,
    ) -> None:
        self._computer = computer
        self._open_policy = open_policy
        self._policy: Policy | None = None
        self._new_safeguards = safeguards
        self._safeguards = safeguards()
        self._limits = limits
        self._episodes_dir = episodes_dir
        self._stop = stop
        self._session: Episode | None = None
        self._hand = threading.Lock()

    def look(self) -> Screenshot:
        """The screen once it has settled, as a model may see it.

        Raises:
            Busy: something else is being done.
            RunEnded: the display is gone.
        """
        with self._alone():
            return self._safeguards.views_of(self._computer.screenshot()).model

    def act(self, action: Action, thought: str) -> Acted:
        """Do `action`, if the policy lets it happen.

        Raises:
            Busy: something else is being done.
            RunEnded: the display is gone, it was stopped, or only the user can say whether this may happen.
        """
        with self._alone():
            episode = self._open_session()
            seen = self._computer.screenshot()
            draft = StepDraft(len(episode.steps))
            draft.seen = self._safeguards.views_of(seen).recording
            draft.prediction = Prediction(thought=thought, actions=(action,))
            try:
                return self._judged(draft, action, seen)
            finally:
                step = draft.finished()
                assert step is not None
                episode.append(step)

    def _judged(self, draft: StepDraft, action: Action, seen: Screenshot) -> Acted:
        approval, thought = self._safeguards.approval, draft.prediction.thought
        verdict = approval.judge((action,), seen, thought)
        draft.heed(verdict)
        for allowed in verdict.actions:
            admitted = approval.admit(allowed, seen, thought)
            draft.heed(admitted)
            for last in admitted.actions:
                try:
                    outcome = self._computer.perform(last)
                except ActionRefused as refused:
                    draft.feedback.append(str(refused))
                    break
                draft.outcomes.append(outcome)
                approval.did(last)
                return Acted(action=outcome.action, words="; ".join(filter(None, [outcome.note, *draft.feedback])))
        return Acted(action=None, words="; ".join([*draft.feedback, *draft.notes]) or "nothing was performed")

    def run_task(self, task: str, max_steps: int | None, tell: Callable[[Step], None], stop: threading.Event) -> Episode:
        """Work on `task` until it ends; `stop` ends it. `tell` hears of each step as it happens.

        Raises:
            Busy: something else is being done.
            RunEnded: it could not begin: no model, no room to write.
        """
        with self._alone():
            self._policy = self._policy or self._open_policy()
            limits = self._limits if max_steps is None else _shorter(self._limits, max_steps)
            agent = Agent(
                self._computer,
                _Stoppable(self._policy, stop),
                safeguards=self._new_safeguards(),
                limits=limits,
                episodes_dir=self._episodes_dir,
                observers=[_Teller(tell, stop)],
                meta={"asked_by": "mcp"},
                stop=self._stop,
            )
            return agent.run(task)

    def stop_thinking(self) -> None:
        """Whoever decides is told to stop."""
        if self._policy is not None:
            self._policy.interrupt()

    def close(self) -> None:
        """End the episode of the acts."""
        if self._session:
            self._session.end("done", 0, "the client went away")
            self._safeguards.end(self._session)
            self._session = None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._hand.acquire(blocking=False):
            raise Busy("this computer is in use: wait until what is being done has ended, or cancel it")
        try:
            if self._stop.is_set():
                raise Stopped("stopped by the kill switch")
            yield
        finally:
            self._hand.release()

    def _open_session(self) -> Episode:
        if self._session is None:
            meta = {"asked_by": "mcp", "computer": type(self._computer).__name__, **self._safeguards.about()}
            self._session = Episode.create(self._episodes_dir, SESSION, meta, clean=self._safeguards.clean)
            self._safeguards.begin(self._session)
        return self._session


class _Teller(Observer):
    """Passes steps on, and ends a run whose caller has gone away."""

    def __init__(self, tell: Callable[[Step], None], stop: threading.Event) -> None:
        self._tell = tell
        self._stop = stop

    def on_stage(self, episode: Episode, stage: str) -> None:
        if self._stop.is_set():
            raise _Cancelled("cancelled by the client")

    def on_step(self, episode: Episode, step: Step) -> None:
        self._tell(step)


class _Cancelled(Stopped):
    """The client does not want it any more."""


class _Stoppable:
    """`policy`, which decides nothing once `stop` is set."""

    def __init__(self, policy: Policy, stop: threading.Event) -> None:
        self._policy = policy
        self._stop = stop
        self.interrupt, self.about, self.trace = policy.interrupt, policy.about, policy.trace

    def decide(self, task: str, history: Sequence[Step], seen: Screenshot) -> Prediction:
        try:
            return self._policy.decide(task, history, seen)
        except Interrupted:
            if self._stop.is_set():
                raise _Cancelled("cancelled by the client") from None
            raise


def _shorter(limits: Limits, max_steps: int) -> Limits:
    return replace(limits, steps=min(max_steps, limits.steps or max_steps))


def words_of(end: RunEnded) -> str:
    """How it ended, for a client that reads text."""
    return f"{end.status}: {end.message}"
