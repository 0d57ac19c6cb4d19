"""UI-Venus-2 at a computer: every form that its authors publish, and what would click where nobody knows."""

from __future__ import annotations

import pytest

from actions.dialects import get_dialect
from actions.geometry import Frame, Point, Size
from actions.space import (
    Action,
    ButtonDown,
    ButtonUp,
    CallUser,
    Click,
    Drag,
    Finished,
    Hotkey,
    KeyDown,
    KeyUp,
    Move,
    Prediction,
    Scroll,
    TypeText,
    Wait,
)

DIALECT = get_dialect("ui-venus-computer")
SCREEN = Frame(Size(1998, 999))
MIDDLE, CORNER = Point(333 / 999, 666 / 999), Point(1.0, 1.0)


def answer(code: str) -> Prediction:
    return DIALECT.parse(f"<think>why</think>\n<action>{code}</action>", SCREEN)


@pytest.mark.parametrize(
    ("code", "actions"),
    [
        ("Click(box=(333, 666))", (Click(point=MIDDLE),)),
        ("Click(box=(999, 999))", (Click(point=CORNER),)),
        ("DoubleClick(box=(333, 666))", (Click(point=MIDDLE, count=2),)),
        ("TripleClick(box=(333, 666))", (Click(point=MIDDLE, count=3),)),
        ("RightClick(box=(333, 666))", (Click(point=MIDDLE, button="right"),)),
        ("MiddleClick(box=(333, 666))", (Click(point=MIDDLE, button="middle"),)),
        ("Hover(box=(333, 666))", (Move(point=MIDDLE),)),
        ("Drag(end=(999, 999), start=(333, 666))", (Drag(path=(MIDDLE, CORNER)),)),
        ("Drag(end=(999, 999))", (ButtonDown(), ButtonUp(point=CORNER))),
        ("Swipe(amount=-5, axis='vertical')", (Scroll(dy=-5),)),
        ("Swipe(amount=3, axis='horizontal')", (Scroll(dx=3),)),
        ("Type(content='query\\n')", (TypeText(text="query\n"),)),
        ("Hotkey(keys=['ctrl', 'c'], repeat=1)", (Hotkey(keys=("ctrl", "c")),)),
        ("Hotkey(keys=['down'], repeat=3)", (Hotkey(keys=("down",)),) * 3),
        ("KeyDown(keys=['shift'])", (KeyDown(key="shift"),)),
        ("KeyUp(keys=['shift'])", (KeyUp(key="shift"),)),
        ("MouseDown(box=(333, 666))", (ButtonDown(point=MIDDLE),)),
        ("MouseUp()", (ButtonUp(),)),
        ("Wait()", (Wait(seconds=5.0),)),
        ("CallUser(content='Which one?')", (CallUser(question="Which one?"),)),
        ("Finished(content='')", (Finished(answer=""),)),
        (
            "Sequence(actions=[Click(box=(333, 666)), Type(content='a, (b]\\'s'), DoubleClick(), Hotkey(keys=['ctrl', 's'])])",
            (Click(point=MIDDLE), TypeText(text="a, (b]'s"), Click(point=MIDDLE, count=2), Hotkey(keys=("ctrl", "s"))),
        ),
    ],
)
def test_published_forms_are_read(code: str, actions: tuple[Action, ...]) -> None:
    read = answer(code)
    assert (read.error, read.actions, read.thought) == (None, actions, "why")


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("Click()", "clicks where nobody knows"),
        ("Click(box=(1000, 5))", "x is 1000, outside"),
        ("Click(333, 666)", "arguments are given by name"),
        ("Swipe(amount='far', axis='vertical')", "amount is 'far'"),
        ("Hotkey(keys=['x'], repeat=100000000)", "repeat is 100000000: it must be from 1 to 100"),
        ("Sequence(actions=[Sequence(actions=[Wait()]), Wait()])", "no literal"),
        ("Explode(box=(1, 1))", "there is no action called 'Explode'"),
        ("Wait()</action><action>Wait()", "there is more than one <action>"),
        ("__import__('os').system('true')", "calls something other"),
    ],
)
def test_what_would_be_a_guess_is_an_error(code: str, complaint: str) -> None:
    read = answer(code)
    assert read.actions == ()
    assert complaint in str(read.error)
