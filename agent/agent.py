"""The loop: look, decide, act, remember, until an ending is raised."""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from actions.space import Action, Prediction, Wait
from agent.approval import Approval
from agent.computers.base import Computer
from agent.endings import ActionRefused, DisplayLost, Done, RecordingFailed, RunEnded, Stopped, performable, raise_ending
from agent.episode import Episode
from agent.limits import Limits, repeats
from agent.policy import Interrupted, Policy
from agent.safety.safeguards import Safeguards
from agent.screenshot import Screenshot
from agent.step import Step, StepDraft
from agent.watch import Watchful


class Observer:
    """Told what happens, as it happens; override what you need. An observer may end the run by raising a `RunEnded`."""

    def on_start(self, episode: Episode) -> None:
        """The episode exists; nothing has been looked at yet."""

    def on_stage(self, episode: Episode, stage: str) -> None:
        """Within a step: "look", "decide", "approve" or "act" begins."""

    def on_step(self, episode: Episode, step: Step) -> None:
        """`step` is on disk."""

    def on_end(self, episode: Episode) -> None:
        """How it ended is in `episode.ended`."""


class Agent:
    """Works on tasks with a computer and somebody who decides. `meta` and `config` are kept with each episode.

    `safeguards` are a policy with its own approval, secrets, redaction and audit log; without any, `approval` alone says what may happen.
    """

    def __init__(
        self,
        computer: Computer,
        policy: Policy,
        *,
        approval: Approval | None = None,
        safeguards: Safeguards | None = None,
        limits: Limits | None = None,
        episodes_dir: str | os.PathLike[str] = "episodes",
        observers: Sequence[Observer] = (),
        meta: Mapping[str, Any] | None = None,
        config: object = None,
        stop: threading.Event | None = None,
    ) -> None:
        self.computer = computer
        self.policy = policy
        self.safeguards = safeguards or Safeguards()
        self.approval = approval or self.safeguards.approval
        self.limits = limits or Limits()
        self.episodes_dir = episodes_dir
        self.observers = tuple(observers)
        self.meta = dict(meta or {})
        self.config = config
        self.stop = stop or threading.Event()

    def run(self, task: str) -> Episode:
        """Work on `task` until it ends; how it ended is in the episode, however it ended.

        Raises:
            RecordingFailed: the episode could not even be started.
        """
        episode = Episode.create(self.episodes_dir, task, self._about(), self.config, self.safeguards.clean)
        try:
            self.safeguards.begin(episode)
            with hands_empty(self.computer):
                self._tell("on_start", episode)
                while True:
                    self.step(episode)
        except RunEnded as end:
            self._end(episode, end)
        except KeyboardInterrupt:
            self._end(episode, Stopped("stopped by the kill switch" if self.stop.is_set() else "interrupted from the keyboard"))
        except BaseException as error:  # a fault of ours or of a plug-in: the episode says so, and the caller hears of it
            episode.end("crashed", 1, f"{type(error).__name__}: {error}")
            raise
        finally:
            self.safeguards.end(episode)
        return episode

    def step(self, episode: Episode) -> None:
        """Look, decide, act, remember."""
        self._check(episode)
        draft = StepDraft(len(episode.steps))
        try:
            seen = self._look_and_decide(episode, draft)
            self._act(episode, draft, seen)
        finally:
            self._remember(episode, draft)
        if draft.prediction.error is None and not draft.feedback:  # a model whose action was refused hears of it before it may end
            raise_ending(draft.prediction.actions)

    def _look_and_decide(self, episode: Episode, draft: StepDraft) -> Screenshot:
        """Ask until the answer fits what the screen shows when it comes: many a screen changes while a model thinks."""
        for looks_left in reversed(range(self.limits.stale + 1)):
            seen = self._look(episode, draft)
            changed = self._decide(episode, draft, seen, may_drop=looks_left > 0)
            if changed is None:
                break
            if looks_left:
                draft.notes.append(f"{changed}; dropped the answer and looked again")
                draft.prediction = Prediction()
            else:
                draft.notes.append(f"{changed}; acted all the same, since it does not keep still")
        return seen

    def _look(self, episode: Episode, draft: StepDraft) -> Screenshot:
        self._enter(episode, "look")
        with draft.timed("look"):
            seen = self.computer.screenshot()
            views = self.safeguards.views_of(seen)
        draft.seen, draft.shown = views.recording, views.model
        episode.expect(draft.seen)
        if seen.condition != "ok":
            draft.notes.append(f"the screen is {seen.condition}")
        if episode.steps and episode.steps[-1].seen.size != seen.size:
            draft.notes.append(f"the screen was {episode.steps[-1].seen.size} and is now {seen.size}")
        return seen

    def _decide(self, episode: Episode, draft: StepDraft, seen: Screenshot, *, may_drop: bool) -> str | None:
        """Ask whoever decides; why the answer no longer fits the screen, `None` when it does.

        An answer that may be dropped is not even waited for once the screen has become another one.
        """
        self._enter(episode, "decide")
        try:
            with draft.timed("decide"), self._stopped_by_change(may_drop):
                draft.prediction = self.policy.decide(episode.task, episode.steps, draft.shown or seen)
        except Interrupted:
            return self.computer.stale(seen, ()) or "the screen changed for a moment while the model was looking"
        finally:
            draft.trace = self.policy.trace()
            draft.restless = self.computer.restless() if isinstance(self.computer, Watchful) else ()
        return self._changed(draft, seen)

    @contextmanager
    def _stopped_by_change(self, armed: bool) -> Iterator[None]:
        """Whoever decides is told to stop as soon as no answer can fit any more: then a short wait before it costs little."""
        if not armed or not isinstance(self.computer, Watchful):
            yield
            return
        self.computer.alert(self.policy.interrupt)
        try:
            yield
        finally:
            self.computer.alert(None)

    def _changed(self, draft: StepDraft, seen: Screenshot) -> str | None:
        """Why the answer no longer fits the screen; an answer that touches nothing always fits."""
        actions = performable(draft.prediction.actions)
        if not actions or draft.prediction.error is not None:
            return None
        with draft.timed("check"):
            return self.computer.stale(seen, actions)

    def _act(self, episode: Episode, draft: StepDraft, seen: Screenshot) -> None:
        """Do what approval allows, in order, up to the first action that this computer refuses."""
        actions = performable(draft.prediction.actions)
        if not actions or draft.prediction.error is not None:
            return
        self._enter(episode, "approve")
        with draft.timed("approve"):
            verdict = self.approval.judge(actions, seen, draft.prediction.thought)
        draft.heed(verdict)
        if not self.approval.performs:
            draft.notes.append("dry run: nothing was performed")
        episode.ensure_expected()
        for action in verdict.actions:
            if not self._act_once(episode, draft, seen, action):
                return

    def _act_once(self, episode: Episode, draft: StepDraft, seen: Screenshot, action: Action) -> bool:
        """Do `action`, if it still may be done; whether those after it may follow."""
        if draft.outcomes:
            self._enter(episode, "approve")
        with draft.timed("approve"):
            admitted = self.approval.admit(action, seen, draft.prediction.thought)
        draft.heed(admitted)
        for action in admitted.actions:
            self._enter(episode, "act")
            try:
                with draft.timed("act"):
                    draft.outcomes.append(self.computer.perform(self._clipped(action)))
            except ActionRefused as refused:
                draft.feedback.append(f"{action.type} was refused: {refused}")
                return False
            self.approval.did(action)
        return bool(admitted.actions)

    def _remember(self, episode: Episode, draft: StepDraft) -> None:
        step = draft.finished()
        if step is None:
            return
        self._tell("on_step", episode, episode.append(step))

    def _check(self, episode: Episode) -> None:
        """End the run when it has gone on for long enough."""
        steps = episode.steps
        if not self.approval.performs and repeats(steps) > 1:
            raise Done("dry run: nothing was performed, and so the same was decided again")
        self.limits.check(steps, episode.seconds)

    def _clipped(self, action: Action) -> Action:
        return Wait(seconds=min(action.seconds, self.limits.wait)) if isinstance(action, Wait) else action

    def _enter(self, episode: Episode, stage: str) -> None:
        if self.stop.is_set():
            raise Stopped("stopped by the kill switch")
        self._tell("on_stage", episode, stage)

    def _tell(self, event: str, *arguments: object) -> None:
        for observer in self.observers:
            getattr(observer, event)(*arguments)

    def _end(self, episode: Episode, end: RunEnded) -> None:
        try:
            episode.end_with(end)
        except RecordingFailed as failed:
            with suppress(RecordingFailed):  # a disk that is full to the last byte: the caller still learns how it ended
                episode.end_with(failed)
        self._tell("on_end", episode)

    def _about(self) -> dict[str, Any]:
        where = self.computer.geometry
        return {
            **self.policy.about(),
            "computer": type(self.computer).__name__,
            "geometry": {"left": where.left, "top": where.top, "width": where.width, "height": where.height},
            "approval": type(self.approval).__name__,
            **self.safeguards.about(),
            "limits": asdict(self.limits),
            "versions": {"deftly": _deftly_version(), "python": platform.python_version(), "platform": platform.platform()},
            **self.meta,
        }


@contextmanager
def hands_empty(computer: Computer) -> Iterator[None]:
    """Nothing is held when the block begins, nor when it ends, however it ends."""
    computer.release_all()  # a run before this one may have been killed with a key down
    try:
        yield
    finally:
        try:
            _let_go(computer)
        except KeyboardInterrupt:  # impatient fingers must not leave a key down
            _let_go(computer)
            raise


def _let_go(computer: Computer) -> None:
    with suppress(DisplayLost):  # a display that is gone holds nothing
        computer.release_all()


def _deftly_version() -> str:
    try:
        return version("deftly")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "unknown"
