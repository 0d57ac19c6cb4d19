"""Hypothesis strategies for every action, shared by the tests of this folder."""

from __future__ import annotations

from hypothesis import strategies as st

from actions.geometry import Frame, Point, Size
from actions.keys import NAMED_KEYS
from actions.phone import MAX_PRESS_SECONDS, LongPress, OpenApp, PressBack, PressHome, PressRecent
from actions.space import (
    BUTTONS,
    MAX_WAIT_SECONDS,
    MAX_WHEEL_CLICKS,
    MODIFIERS,
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

fractions = st.floats(0.0, 1.0)
points = st.builds(Point, fractions, fractions)
maybe_points = st.none() | points
buttons = st.sampled_from(BUTTONS)
keys = st.sampled_from(sorted(NAMED_KEYS)) | st.sampled_from([chr(code) for code in range(33, 127)]) | st.sampled_from("éßİñ中€")
wheel = st.integers(-MAX_WHEEL_CLICKS, MAX_WHEEL_CLICKS) | st.sampled_from([-5, 0, 5])
# Pieces that a parser could trip over, mixed with any text at all.
texts = st.text() | st.lists(
    st.sampled_from(
        ["Action:", "Action：", "\nAction: wait()", "Thought:", "'", '"', "\\", "\n", "\r", "\t", "(", ")", "', x='", "')", "')\n\nwait()"]
    )
    | st.sampled_from(
        ["</think>", "<think>", "</Output>", "```", "**", "type(content='", ";", " ", "finished()", "<|box_start|>", "it's", "\x00"]
    )
    | st.text(max_size=4),
    max_size=12,
).map("".join)
maybe_texts = st.none() | texts

actions: st.SearchStrategy[Action] = st.one_of(
    st.builds(
        Click,
        point=points,
        button=buttons,
        count=st.integers(1, 3),
        modifiers=st.lists(st.sampled_from(MODIFIERS), unique=True).map(tuple),
    ),
    st.builds(Move, point=points),
    st.builds(Drag, path=st.lists(points, min_size=2, max_size=6).map(tuple), button=buttons),
    st.builds(ButtonDown, button=buttons, point=maybe_points),
    st.builds(ButtonUp, button=buttons, point=maybe_points),
    st.builds(Scroll, point=maybe_points, dx=wheel, dy=wheel),
    st.builds(TypeText, text=texts),
    st.builds(Hotkey, keys=st.lists(keys, min_size=1, max_size=4).map(tuple)),
    st.builds(KeyDown, key=keys),
    st.builds(KeyUp, key=keys),
    st.builds(Wait, seconds=st.floats(0.0, MAX_WAIT_SECONDS) | st.just(5.0)),
    st.just(TakeScreenshot()),
    st.builds(LongPress, point=points, seconds=st.floats(0.001, MAX_PRESS_SECONDS) | st.just(1.0)),
    st.builds(OpenApp, app_name=texts.filter(str.strip)),
    st.sampled_from([PressHome(), PressBack(), PressRecent()]),
    st.builds(Finished, answer=maybe_texts),
    st.builds(Failed, reason=maybe_texts),
    st.builds(CallUser, question=maybe_texts),
)
sizes = st.builds(Size, st.integers(100, 5000), st.integers(100, 5000))
frames = st.builds(Frame, sizes, st.none() | sizes)
