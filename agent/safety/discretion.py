"""What a recording of a person leaves out: everything while it is paused, what is typed into private windows, and what they show."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from actions.geometry import Geometry
from actions.space import Action, TypeText
from agent.endings import DisplayLost
from agent.gestures import InputEvent, KeyChanged
from agent.safety.place import NoScene, Scene, window_fits
from agent.safety.redaction import Redactor
from agent.safety.rules import SafetyPolicy
from agent.screenshot import Screenshot

HIDDEN_CHAR = "\ue000"  # of the private use area: no keyboard types it
HIDDEN_TEXT = "{{secret:hidden}}"


class Discretion:
    """Keeps to the redactions of `policy`; `pause_key` stops the recording and starts it again."""

    def __init__(self, policy: SafetyPolicy, scene: Scene, pause_key: str = "pause", tell: Callable[[bool], None] = lambda _: None) -> None:
        self._windows = tuple(each for redaction in policy.redactions for each in redaction.windows if "recording" in redaction.hidden_from)
        self._redactor = Redactor(policy, scene)
        self._scene = scene
        self._pause_key = pause_key
        self._tell = tell
        self._was_private = False
        self.paused = False

    def seen(self, screen: Screenshot) -> Screenshot:
        """`screen`, taken just now, as it may be kept."""
        self._was_private = self._is_private()
        return self._redactor.views_of(screen).recording

    def toggles(self, event: InputEvent) -> bool:
        """Whether `event` is of the key that pauses; pressing it does."""
        if not isinstance(event, KeyChanged) or event.key != self._pause_key:
            return False
        if event.down:
            self.paused = not self.paused
            self._tell(self.paused)
        return True

    def heard(self, event: InputEvent) -> InputEvent:
        """`event` as it may be kept: a character that goes to a private window is only known to be one.

        The window may be gone by the time that its last character is heard of, so that the last look counts as well.
        """
        if not isinstance(event, KeyChanged) or not event.char:
            return event
        if self._was_private or self._is_private():
            return event._replace(char=HIDDEN_CHAR, key=HIDDEN_CHAR)
        return event

    def close(self) -> None:
        self._scene.close()

    def _is_private(self) -> bool:
        if not self._windows:
            return False
        try:
            place = self._scene.focused()
        except DisplayLost:
            return True
        return place.window is not None and window_fits(place.window, self._windows)


def kept(action: Action) -> Action:
    """`action` with a word in place of what was hidden, so that not even its length is known."""
    if not isinstance(action, TypeText) or HIDDEN_CHAR not in action.text:
        return action
    return replace(action, text=re.sub(f"{HIDDEN_CHAR}+", HIDDEN_TEXT, action.text))


def scene_of_display(display: str | None, region: Callable[[], Geometry], is_x11: bool) -> Scene:
    """What can tell of windows on the desktop that is recorded."""
    if not is_x11:
        return NoScene()
    from agent.safety.x11_scene import X11Scene

    return X11Scene(display, region)
