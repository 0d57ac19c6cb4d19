"""A person's own actions as an episode: listens, merges events into actions, and keeps each with the screen just before it."""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from actions.errors import DisplayGone
from actions.space import Finished, Prediction
from agent.capture import Capture
from agent.computers.base import Outcome
from agent.endings import DisplayLost, Done
from agent.episode import Episode
from agent.gestures import Gesture, Gestures, InputEvent
from agent.safety.discretion import Discretion, kept, scene_of_display
from agent.safety.place import Scene
from agent.safety.rules import SafetyPolicy
from agent.screenshot import Screenshot
from agent.step import Step

LOOK_SECONDS = 0.1  # how old the screen before an action may be; a look costs 1 to 2 ms
SINCE_KEPT = 1.0  # events may be read so much later than they happened


class Listener(Protocol):
    """Hands events to the function that it was opened with until it is closed."""

    @property
    def alive(self) -> bool: ...

    def close(self) -> None: ...


def open_listener(display: str | None, put: Callable[[InputEvent], None]) -> Listener:
    """A listener for the X display called `display`, or for the desktop of macOS or Windows.

    Raises:
        DisplayLost: there is none, or it does not let us listen.
    """
    try:
        if display is None and sys.platform in ("darwin", "win32"):
            from agent.listen_pynput import PynputListener

            return PynputListener(put)
        from agent.listen_x11 import X11Listener

        return X11Listener(display, put)
    except DisplayGone as error:
        raise DisplayLost(str(error)) from error


class Recorder:
    """Appends what a person does on `display` to `episode`, until three Escapes say that the task is done.

    `discretion` says what of it is not kept.

    Raises:
        DisplayLost: there is no such display.
    """

    def __init__(
        self,
        episode: Episode,
        display: str | None = None,
        tell: Callable[[Step], None] = lambda _: None,
        discretion: Callable[[Scene], Discretion] | None = None,
    ) -> None:
        self._episode = episode
        self._tell = tell
        self._events: queue.SimpleQueue[InputEvent] = queue.SimpleQueue()
        self._capture = Capture(display)
        scene = scene_of_display(display, lambda: self._capture.geometry, is_x11=sys.platform not in ("darwin", "win32"))
        self._discretion = discretion(scene) if discretion else Discretion(SafetyPolicy(name="none"), scene)
        self._screens: deque[Screenshot] = deque([self._discretion.seen(self._capture.grab())])
        self._gestures: Gestures[Screenshot] = Gestures(self._screens[0].geometry)
        try:
            self._listener = open_listener(display, self._events.put)
        except DisplayLost:
            self._discretion.close()
            self._capture.close()
            raise

    def run(self, stop: threading.Event | None = None) -> None:
        """Record until `stop` is set.

        Raises:
            Done: the person pressed Escape three times.
            DisplayLost: the display is gone.
            RecordingFailed: the episode cannot be written.
        """
        while not (stop and stop.is_set()):
            self._look()
            self._keep(self._gestures.tick(time.time()))
            self._take_events(until=time.monotonic() + LOOK_SECONDS)
            if self._gestures.stop_asked:
                self._finish()
                raise Done("the person said that the task is done")
            if not self._listener.alive:
                raise DisplayLost("the display is gone: nothing can be heard from it any more")

    def close(self) -> None:
        """Keep what is still open, and let go of the display. Safe to call twice."""
        self._listener.close()
        self._discretion.close()
        self._capture.close()

    def drain(self) -> None:
        """Keep the action that is still open, when the recording ends without a word from the person."""
        self._take_events(until=0.0)
        self._keep(self._gestures.flush())

    def _take_events(self, until: float) -> None:
        while not self._gestures.stop_asked:
            try:
                event = self._events.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                return
            if self._discretion.toggles(event):
                self._pause_or_go_on()
            elif not self._discretion.paused:
                self._keep(self._gestures.feed(self._discretion.heard(event), self._screen_before(event.at)))

    def _pause_or_go_on(self) -> None:
        """What was going on ends here; no screen that showed meanwhile is kept."""
        self._keep(self._gestures.flush())
        self._gestures = Gestures(self._screens[-1].geometry)
        if not self._discretion.paused:
            self._screens = deque([self._discretion.seen(self._capture.grab())])

    def _look(self) -> None:
        if self._discretion.paused:
            return
        self._screens.append(self._discretion.seen(self._capture.grab()))
        self._gestures.geometry = self._screens[-1].geometry
        while len(self._screens) > 2 and self._screens[1].taken_at < time.time() - SINCE_KEPT:
            self._screens.popleft()

    def _screen_before(self, at: float) -> Screenshot:
        """The newest screen that was seen before `at`."""
        return next((screen for screen in reversed(self._screens) if screen.taken_at <= at), self._screens[0])

    def _keep(self, gestures: list[Gesture[Screenshot]]) -> None:
        for gesture in gestures:
            action = kept(gesture.action)
            outcome = Outcome(action=action, seconds=gesture.ended - gesture.started, note="by a person")
            self._append(gesture.before, Prediction(actions=(action,)), (outcome,))

    def _finish(self) -> None:
        self._keep(self._gestures.flush())
        self._append(self._discretion.seen(self._capture.grab()), Prediction(actions=(Finished(),)), ())

    def _append(self, seen: Screenshot, prediction: Prediction, outcomes: tuple[Outcome, ...]) -> None:
        step = Step(index=len(self._episode.steps), seen=seen, prediction=prediction, outcomes=outcomes)
        self._episode.append(step)
        self._tell(step)
