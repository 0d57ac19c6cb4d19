"""A phone's actions: refused in words by hands that have a mouse and a keyboard, and strict about what they hold."""

from __future__ import annotations

import math

import pytest

from actions.backends.x11 import X11Backend
from actions.errors import CannotPerform
from actions.executor import Executor
from actions.geometry import Geometry, Point
from actions.phone import LongPress, OpenApp, PhoneAction, PressBack, PressHome, PressRecent
from actions.space import Hotkey

SCREEN = Geometry(left=0, top=0, width=1280, height=720)
ACTIONS: list[PhoneAction] = [LongPress(point=Point(0.5, 0.5)), OpenApp(app_name="Clock"), PressHome(), PressBack(), PressRecent()]


@pytest.mark.display
def test_a_computer_refuses_them_and_a_phone_s_keys_by_name(x_display: str) -> None:
    hands = Executor(X11Backend(x_display))
    try:
        for action in ACTIONS:
            with pytest.raises(CannotPerform, match=rf"{action.type} is an action for phones"):
                hands.perform(action, SCREEN)
        with pytest.raises(CannotPerform, match="volume_up"):
            hands.perform(Hotkey(keys=("volume_up",)), SCREEN)
    finally:
        hands.close()


@pytest.mark.parametrize("seconds", [0, -1, math.nan, math.inf, 61])
def test_a_press_that_lasts_no_time_or_too_long_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match=r"long_press\.seconds"):
        LongPress(point=Point(0.5, 0.5), seconds=seconds)


def test_an_app_needs_a_name() -> None:
    with pytest.raises(ValueError, match=r"open_app\.app_name is empty"):
        OpenApp(app_name=" ")
