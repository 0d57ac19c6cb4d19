"""Actions in words: every type has a phrase on one line that no terminal obeys."""

from __future__ import annotations

import pytest

from actions.geometry import Point
from actions.phone import LongPress, OpenApp, PressBack, PressHome, PressRecent
from actions.space import (
    ACTION_TYPES,
    Action,
    ButtonDown,
    ButtonUp,
    CallUser,
    Click,
    Drag,
    Failed,
    Finished,
    Hotkey,
    KeyDown,
    KeyUp,
    Move,
    Scroll,
    TakeScreenshot,
    TypeText,
    Wait,
)
from agent.words import in_words, shortened

MIDDLE = Point(0.5, 0.25)
PHRASES: list[tuple[Action, str]] = [
    (Click(point=MIDDLE), "click at 50 %, 25 %"),
    (Click(point=MIDDLE, button="right", modifiers=("ctrl", "shift")), "ctrl+shift+right click at 50 %, 25 %"),
    (Click(point=MIDDLE, count=3), "triple click at 50 %, 25 %"),
    (Move(point=Point(0, 1)), "move at 0 %, 100 %"),
    (Drag(path=(MIDDLE, Point(1, 1))), "drag from 50 %, 25 % to 100 %, 100 %"),
    (ButtonDown(), "press the left button"),
    (ButtonUp(button="middle", point=MIDDLE), "release the middle button at 50 %, 25 %"),
    (Scroll(dy=-3, dx=2), "scroll down 3 and right 2"),
    (Scroll(), "scroll nowhere"),
    (TypeText(text="a\tb\n\x1b[2J"), "type “a⇥b⏎�[2J”"),
    (Hotkey(keys=("ctrl", "c")), "press ctrl+c"),
    (KeyDown(key="shift"), "hold shift"),
    (KeyUp(key="shift"), "let go of shift"),
    (Wait(seconds=2.5), "wait 2.5 s"),
    (TakeScreenshot(), "look again"),
    (LongPress(point=MIDDLE, seconds=2), "long press at 50 %, 25 % for 2 s"),
    (OpenApp(app_name="Clock"), "open the app “Clock”"),
    (PressHome(), "go to the home screen"),
    (PressBack(), "go back"),
    (PressRecent(), "show recent apps"),
    (Finished(answer="42"), "finished: 42"),
    (Failed(), "failed"),
    (CallUser(question="which\none?"), "ask the user: which⏎one?"),
]


@pytest.mark.parametrize(("action", "phrase"), PHRASES)
def test_an_action_in_words(action: Action, phrase: str) -> None:
    assert in_words(action) == phrase


def test_every_type_has_words() -> None:
    assert {type(action) for action, _ in PHRASES} == set(ACTION_TYPES.values())


def test_long_text_is_cut() -> None:
    assert shortened("x" * 10_000_000, 3) == "xxx… (10,000,000 characters)"
