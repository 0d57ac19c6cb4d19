"""The dialect of UI-Venus-2 at a computer: `<think>why</think>`, `<action>Click(box=(376, 465))</action>`, from 0 to 999.

The form is that of github.com/inclusionAI/UI-Venus (models/computer/computer_example.py), whose parser divides by 999; on a phone the model
writes otherwise (`actions.dialects.ui_venus`). A `Sequence` stands for its actions. A click without a place is where the actions before it
left the pointer. What it has no word for is said by the words of `actions.dialects.wire_words`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from actions.coordinates import Coordinates, ModelSpace
from actions.dialects.base import MAX_ACTIONS
from actions.dialects.calls import shown
from actions.dialects.code_text import CodeError, read_calls
from actions.dialects.fields import Fields
from actions.dialects.text_dialect import QWEN3_VL_RULE, Read, TextDialect
from actions.dialects.thinking import NEVER_CLOSED, joined, split_thinking, without_tails
from actions.dialects.tool_actions import ReadWord, drag_from_pointer, pointer_after, read_each_tool
from actions.dialects.tool_calls import ToolCall
from actions.dialects.usual_code import CodeCall
from actions.dialects.wire_words import write_wire
from actions.geometry import Point
from actions.space import (
    Action,
    Button,
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
    Scroll,
    TypeText,
    Wait,
)

_OPENING, _CLOSING = "<action>", "</action>"
_SEQUENCE, _SEQUENCE_END = "Sequence(actions=[", "])"
_SEQUENCE_OPENING = re.compile(r"Sequence\s*\(\s*actions\s*=\s*\[")
_TEXT = re.compile(r"""'(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+\"""", re.DOTALL)
_SIGN = re.compile(r"""[^'"(),\[\]]*+(['"(),\[\]])""")
_CLICKS: dict[str, tuple[Button, int]] = {
    "Click": ("left", 1),
    "DoubleClick": ("left", 2),
    "TripleClick": ("left", 3),
    "RightClick": ("right", 1),
    "MiddleClick": ("middle", 1),
}
_CLICK_WORDS = {meaning: word for word, meaning in _CLICKS.items()}
_PLACE = ("box", "point")


class UiVenusComputer(TextDialect):
    """UI-Venus-2 at a computer."""

    name = "ui-venus-computer"
    family_rule = QWEN3_VL_RULE
    family_coordinates: ClassVar[Coordinates] = "relative-999"
    marks = ("</think", _OPENING)

    def read(self, text: str, space: ModelSpace) -> Read:
        thinking, rest = split_thinking(text)
        if rest is None:
            return Read(thinking, error=NEVER_CLOSED)
        words, tag, code = without_tails(rest, _CLOSING).partition(_OPENING)
        if not tag:
            words, code = "", words
        thought = joined(thinking, words)
        if _OPENING in code:
            return Read(thought, error=f"there is more than one {_OPENING}: write one, with a Sequence in it for several actions")
        try:
            calls = [_tool_call(call) for call in read_calls(_unrolled(code.strip()))]
        except CodeError as error:
            return Read(thought, error=str(error))
        return read_each_tool(thought, calls, space, _WORDS, ())

    def write(self, thought: str, actions: Sequence[Action], space: ModelSpace) -> str:
        calls = [_write_call(action, space) for action in actions]
        code = calls[0] if len(calls) == 1 else _SEQUENCE + ", ".join(calls) + _SEQUENCE_END
        return f"<think>{thought}</think>\n{_OPENING}{code}{_CLOSING}" if thought else f"{_OPENING}{code}{_CLOSING}"


def _read_click(given: Fields, actions: list[Action]) -> None:
    button, count = _CLICKS[given.word]
    point = given.point_or_none(*_PLACE) or pointer_after(actions)
    if point is None:
        raise ValueError(f"{given.word} without a place clicks where nobody knows: write {given.word}(box=(500, 300))")
    actions.append(Click(point=point, button=button, count=count))


def _read_drag(given: Fields, actions: list[Action]) -> None:
    start, end = given.point_or_none("start"), given.point("end")
    if start is None:
        drag_from_pointer(end, actions)
    else:
        actions.append(Drag(path=(start, end)))


def _read_swipe(given: Fields, actions: list[Action]) -> None:
    amount = given.whole(("amount",))
    if given.choice("axis", ("vertical", "horizontal"), "vertical") == "vertical":
        actions.append(Scroll(dy=amount))
    else:
        actions.append(Scroll(dx=amount))


def _read_hotkey(given: Fields, actions: list[Action]) -> None:
    keys, repeat = given.keys("keys"), given.whole(("repeat",), 1)
    if not 1 <= repeat <= MAX_ACTIONS:
        raise ValueError(f"repeat is {repeat}: it must be from 1 to {MAX_ACTIONS}")
    actions += [Hotkey(keys=keys)] * repeat


def _read_held_keys(given: Fields, actions: list[Action]) -> None:
    keys = given.keys("keys")
    actions += [KeyDown(key=key) for key in keys] if given.word == "KeyDown" else [KeyUp(key=key) for key in keys]


def _read_button(given: Fields, actions: list[Action]) -> None:
    point = given.point_or_none(*_PLACE)
    actions.append(ButtonDown(point=point) if given.word == "MouseDown" else ButtonUp(point=point))


_WORDS: dict[str, ReadWord] = {
    **dict.fromkeys(_CLICKS, _read_click),
    "Hover": lambda given, actions: actions.append(Move(point=given.point(*_PLACE))),
    "Drag": _read_drag,
    "Swipe": _read_swipe,
    "Type": lambda given, actions: actions.append(TypeText(text=given.text("content"))),
    "Hotkey": _read_hotkey,
    **dict.fromkeys(("KeyDown", "KeyUp"), _read_held_keys),
    **dict.fromkeys(("MouseDown", "MouseUp"), _read_button),
    "Wait": lambda given, actions: actions.append(Wait()),
    "CallUser": lambda given, actions: actions.append(CallUser(question=given.text_or_none("content"))),
    "Finished": lambda given, actions: actions.append(Finished(answer=given.text_or_none("content"))),
}


def _tool_call(call: CodeCall) -> ToolCall:
    if call.args:
        raise CodeError(f"{shown(call.source, length=80)}: arguments are given by name, as in Click(box=(500, 300))")
    return ToolCall(call.name, call.kwargs, call.source)


def _unrolled(code: str) -> str:
    """The actions of a `Sequence`, a line each; other code as it is."""
    opening = _SEQUENCE_OPENING.match(code)
    end = code.rstrip(" \n)")
    if not opening or not end.endswith("]"):
        return code
    inner, lines, at, start, depth = end[opening.end() : -1], list[str](), 0, 0, 0
    while sign := _SIGN.match(inner, at):
        at = sign.end()
        if sign[1] in "'\"":
            text = _TEXT.match(inner, sign.start(1))
            if not text:
                return code
            at = text.end()
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(sign[1], 0)
        if sign[1] == "," and depth == 0:
            lines.append(inner[start : at - 1].strip())
            start = at
    return "\n".join([*lines, inner[start:].strip()])


def _write_call(action: Action, space: ModelSpace) -> str:
    def at(point: Point) -> tuple[float, ...]:
        return tuple(space.numbers(point))

    match action:
        case Click(modifiers=()) if (action.button, action.count) in _CLICK_WORDS:
            return _call(_CLICK_WORDS[action.button, action.count], box=at(action.point))
        case Move():
            return _call("Hover", box=at(action.point))
        case Drag(path=(start, end), button="left"):
            return _call("Drag", end=at(end), start=at(start))
        case Scroll(point=None, dx=0):
            return _call("Swipe", amount=action.dy, axis="vertical")
        case Scroll(point=None, dy=0):
            return _call("Swipe", amount=action.dx, axis="horizontal")
        case TypeText():
            return _call("Type", content=action.text)
        case Hotkey():
            return _call("Hotkey", keys=list(action.keys))
        case KeyDown() | KeyUp():
            return _call(type(action).__name__, keys=[action.key])
        case ButtonDown(button="left") | ButtonUp(button="left"):
            word = "MouseDown" if isinstance(action, ButtonDown) else "MouseUp"
            return _call(word) if action.point is None else _call(word, box=at(action.point))
        case Wait(seconds=5.0):
            return _call("Wait")
        case CallUser():
            return _call("CallUser") if action.question is None else _call("CallUser", content=action.question)
        case Finished():
            return _call("Finished") if action.answer is None else _call("Finished", content=action.answer)
    word, fields = write_wire(action, space)
    return _call(word, **fields)


def _call(word: str, **arguments: object) -> str:
    return f"{word}({', '.join(f'{name}={value!r}' for name, value in arguments.items())})"
