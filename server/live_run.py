"""A run of the ordinary agent on a thread of its own: watched, answered and stopped from elsewhere.

starting ──► running ◄──► waiting (for a person)
    └──────────┴─────────────┴──► ended: done, gave_up, stopped, … as in agent.endings
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from typing import Any

from actions.space import Prediction
from actions.wire import action_to_json
from agent.agent import Agent, Observer
from agent.approval import Answer
from agent.endings import RunEnded, Stopped
from agent.episode import Episode
from agent.limits import Limits as StepLimits
from agent.policy import ModelPolicy
from agent.safety.policy_file import load_policy
from agent.safety.rules import SafetyPolicy
from agent.safety.safeguards import guard
from agent.screenshot import Screenshot
from agent.step import Step
from agent.words import in_words
from server.episodes import episode_id
from server.episodes_json import step_json
from server.logs import log
from server.runs_approval import Question, RemoteAsk
from server.runs_events import Broadcast
from server.runs_orders import MiniWobBody, RunBody, RunRules
from server.runs_places import Place, open_place
from server.runs_telling import TellingPolicy


class Run(Observer):
    """One run: what was asked, how it goes, and what happened so far as `events`."""

    def __init__(self, order: RunBody, rules: RunRules, policy: ModelPolicy) -> None:
        self.id = secrets.token_hex(8)
        self.order = order
        self.events = Broadcast()
        self._rules = rules
        self._policy = policy
        self._stop = threading.Event()
        self._why_stopped = ""
        self._ask = RemoteAsk(self._on_question, rules.approval_seconds)
        self._question: Question | None = None
        self._status, self._message = "starting", ""
        self._started, self._ended = time.time(), 0.0
        self._episode: Episode | None = None
        self._seen: tuple[int, Screenshot] | None = None
        self._thread = threading.Thread(target=self._work, name=f"run-{self.id}", daemon=True)

    @property
    def live(self) -> bool:
        return not self._ended

    def start(self) -> None:
        self.events.tell("run", self.about())
        self._thread.start()

    def about(self) -> dict[str, Any]:
        """The run as JSON."""
        episode, order = self._episode, self.order
        return {
            "id": self.id,
            "task": episode.task if episode else order.task,
            "computer": order.computer.model_dump(),
            "computer_words": order.computer_words,
            "mode": order.mode,
            "limits": order.limits.model_dump(),
            "status": self._status,
            "live": self.live,
            "message": self._message,
            "started": self._started,
            "ended": self._ended or None,
            "steps": len(episode.steps) if episode else 0,
            "reward": episode.reward if episode else None,
            "episode": episode_id(self._rules.episodes, episode.path) if episode else None,
            "question": self._question_json(),
        }

    def screen(self, step: int) -> Screenshot | None:
        """What was seen at `step`, also when that step is still under way."""
        seen, steps = self._seen, self._episode.steps if self._episode else ()
        if 0 <= step < len(steps):
            return steps[step].seen
        return seen[1] if seen and seen[0] == step else None

    def answer(self, number: int, answer: Answer) -> None:
        """Answer the question that waits.

        Raises:
            NotAsked: it does not wait (any more).
        """
        self._ask.answer(number, answer)

    def stop(self, reason: str) -> None:
        """End the run soon, whatever it is doing; returns at once."""
        self._why_stopped = self._why_stopped or reason
        self._stop.set()
        self._ask.stop(reason)
        self._policy.interrupt()

    def join(self, seconds: float) -> None:
        """Until its screen is closed, for `seconds` at most."""
        self._thread.join(seconds)

    def _work(self) -> None:
        try:
            safety = _safety(self.order, self._rules)
            with open_place(self.order, self._rules, self._stop, safety.kill_key) as place:
                self._check_stopped()
                self._act(place, safety)
        except RunEnded as end:  # before there was an episode, such as: no display, no room to write
            self._end(end.status, end.message)
        except ValueError as error:  # a desktop or a program that cannot be started; the message says how to mend it
            self._end("crashed", str(error))
        except Exception as error:  # noqa: BLE001 - the boundary of the run: its thread has nobody to raise to
            log("run failed", logging.ERROR, exc_info=True, run=self.id)
            self._end("crashed", f"the run failed ({type(error).__name__}): the server's log says why")

    def _act(self, place: Place, safety: SafetyPolicy) -> None:
        agent = Agent(
            place.computer,
            TellingPolicy(self._policy, self._on_seen, self._on_said),
            safeguards=guard(place.computer, safety, mode=self.order.mode, ask_because=self._ask.because),
            limits=StepLimits(steps=self.order.limits.steps, seconds=self.order.limits.seconds),
            episodes_dir=self._rules.episodes,
            observers=[self],
            meta=_meta(self.order),
            config=self.order.model_dump(),
        )
        self._judge(agent.run(place.task or self.order.task), place)

    def _judge(self, episode: Episode, place: Place) -> None:
        """How it ended, with the last word for the screen's own judge, where it has one."""
        end = episode.ended
        assert end is not None
        status, message = end.status, end.message
        if place.judge and status not in ("stopped", "display_lost"):
            reward = place.judge()
            episode.set_reward(reward)
            if end.exit_code == 0 and (reward is None or reward <= 0):
                status, message = "not_solved", f"the model said {message!r}, but the page gave no reward"
        self._end(status, message)

    def _end(self, status: str, message: str) -> None:
        self._status, self._message, self._ended = status, message, time.time()
        self.events.tell("ended", self.about(), last=True)
        log("run ended", run=self.id, condition=status)

    def _check_stopped(self) -> None:
        if self._stop.is_set():
            raise Stopped(self._why_stopped or "stopped at the keyboard: Escape was held")

    def on_start(self, episode: Episode) -> None:
        self._episode, self._status = episode, "running"
        self.events.tell("run", self.about())

    def on_stage(self, episode: Episode, stage: str) -> None:
        self._check_stopped()
        self.events.tell("stage", {"step": len(episode.steps), "stage": stage})

    def on_step(self, episode: Episode, step: Step) -> None:
        self.events.tell("step", step_json(step))

    def _on_seen(self, step: int, seen: Screenshot) -> None:
        self._seen = (step, seen)
        width, height = seen.size
        self.events.tell("screen", {"step": step, "sha256": seen.sha256, "width": width, "height": height})

    def _on_said(self, step: int, said: Prediction) -> None:
        actions = [{"action": action_to_json(action), "words": in_words(action)} for action in said.actions]
        self.events.tell("said", {"step": step, "thought": said.thought, "text": said.text, "error": said.error, "actions": actions})

    def _on_question(self, question: Question | None) -> None:
        self._question, self._status = question, "waiting" if question else "running"
        told = self._question_json()
        self.events.tell("waiting", told) if told else self.events.tell("answered", {})

    def _question_json(self) -> dict[str, Any] | None:
        question, episode = self._question, self._episode
        if question is None or episode is None:
            return None
        action = question.action
        return {
            "ask": question.number,
            "step": len(episode.steps),
            "action": action_to_json(action),
            "words": in_words(action),
            "why": question.why,
        }


def _meta(order: RunBody) -> dict[str, object]:
    """What episodes of a suite are called by, here as in an evaluation."""
    where = order.computer
    return {"suite": "miniwob", "miniwob_task": where.name, "seed": where.seed} if isinstance(where, MiniWobBody) else {}


def _safety(order: RunBody, rules: RunRules) -> SafetyPolicy:
    """As for `deftly run`: a MiniWoB++ page has nothing to lose, and "delete" is what it is about."""
    if rules.policy is None and isinstance(order.computer, MiniWobBody):
        return load_policy("none")
    return rules.policy or load_policy()
