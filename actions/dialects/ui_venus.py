"""The dialect of UI-Venus-2: `<think>why</think>`, `<action>Click(point=(376, 465))</action>`, in thousandths from 0 to 999.

The form is that of github.com/inclusionAI/UI-Venus, Venus_framework_mobile (ui_venus_2_processor.py, ui_venus_2_policy.py), whose parser
divides by 1000 and refuses 1000 itself; `box` in a point's place and `Scroll` are UI-Venus-1's.
What it has no words for is said with those of UI-TARS.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from actions.coordinates import ModelSpace
from actions.dialects.arguments import Arguments
from actions.dialects.call_actions import read_each
from actions.dialects.calls import Call, CallError, read_calls, write_call
from actions.dialects.text_dialect import QWEN3_VL_RULE, Read, TextDialect
from actions.dialects.thinking import NEVER_CLOSED, joined, split_thinking, without_tails
from actions.dialects.uitars_layout import read_layout
from actions.dialects.uitars_reading import read_action
from actions.dialects.uitars_words import DIRECTIONS, WHEEL_CLICKS, Notation
from actions.dialects.uitars_writing import write_action
from actions.geometry import Point
from actions.phone import PRESS_SECONDS, LongPress, OpenApp, PressBack, PressHome, PressRecent
from actions.space import Action, CallUser, Click, Drag, Finished, Hotkey, Scroll, TakeScreenshot, TypeText, Wait

_OPENING, _CLOSING = "<action>", "</action>"
_CONCLUSION = ("<conclusion>", "</conclusion>")
_NOTATION = Notation("point", "start_point", "end_point", "({x}, {y})")
_MISSING = "there is no action: end with one such as <action>Click(point=(376, 465))</action>"


class UiVenus(TextDialect):
    """UI-Venus-2 (UI-Venus-1 in what it shares)."""

    name = "ui-venus"
    family_rule = QWEN3_VL_RULE
    family_coordinates = "thousandths"
    marks = ("</think", _OPENING)

    def read(self, text: str, space: ModelSpace) -> Read:
        thinking, rest = split_thinking(text)
        if rest is None:
            return Read(thinking, error=NEVER_CLOSED)
        body, conclusion = without_tails(rest), ""
        if body.endswith(_CONCLUSION[1]):
            body, _, conclusion = body.removesuffix(_CONCLUSION[1]).rpartition(_CONCLUSION[0])
        words, tag, calls = without_tails(body, _CLOSING).partition(_OPENING)
        if not tag:
            said = read_layout(body)
            return (
                Read(joined(thinking, said.thought), error=_MISSING)
                if said.error
                else self._calls(joined(thinking, said.thought), said.calls, space)
            )
        thought = joined(thinking, words, conclusion)
        try:
            return self._calls(thought, read_calls(calls), space)
        except CallError as error:
            return Read(thought, error=str(error))

    def write(self, thought: str, actions: Sequence[Action], space: ModelSpace) -> str:
        calls = "\n".join(_write_call(action, space) for action in actions)
        return f"<think>{thought}</think>\n{_OPENING}{calls}{_CLOSING}" if thought else f"{_OPENING}{calls}{_CLOSING}"

    def _calls(self, thought: str, calls: Sequence[Call], space: ModelSpace) -> Read:
        return read_each(thought, calls, space, _read_call)


def _read_call(call: Call, space: ModelSpace) -> Action | tuple[Action, ...]:
    read = _READERS.get(call.name)
    if read is None:
        return read_action(call, space)
    args = Arguments(call, space)
    action = read(args)
    args.finish()
    return action


def _read_stroke(args: Arguments) -> Action:
    return Drag(path=(args.place("start", "start_box", "start_point"), args.place("end", "end_box", "end_point")))


def _read_scroll(args: Arguments) -> Action:
    if not args.has("start", "end"):
        dx, dy = DIRECTIONS[args.choice("direction", tuple(DIRECTIONS))]
        return Scroll(dx=dx * WHEEL_CLICKS, dy=dy * WHEEL_CLICKS)
    args.take("direction")
    return _read_stroke(args)


def _read_long_press(args: Arguments) -> Action:
    return LongPress(point=args.place("point", "box"))


_READERS: dict[str, Callable[[Arguments], Action]] = {
    "Drag": _read_stroke,
    "Swipe": _read_stroke,
    "Scroll": _read_scroll,
    "DoubleClick": lambda args: Click(point=args.place("point", "box"), count=2),
    "LongPress": _read_long_press,
    "LaunchApp": lambda args: OpenApp(app_name=args.need("app", "content", "app_name")),
    "CallUser": lambda args: CallUser(question=args.take("content")),
    "GetScreenshot": lambda args: TakeScreenshot(),
    "PressBack": lambda args: PressBack(),
    "PressHome": lambda args: PressHome(),
    "PressRecent": lambda args: PressRecent(),
    "PressEnter": lambda args: Hotkey(keys=("enter",)),
    "Answer": lambda args: Finished(answer=args.need("content")),
}


def _write_call(action: Action, space: ModelSpace) -> str:
    def at(point: Point) -> str:
        return "({}, {})".format(*space.numbers(point))

    match action:
        case Click(button="left", count=1 | 2, modifiers=()):
            return f"{'Click' if action.count == 1 else 'DoubleClick'}(point={at(action.point)})"
        case Drag(path=(start, end), button="left"):
            return f"Drag(start={at(start)}, end={at(end)})"
        case LongPress() if action.seconds == PRESS_SECONDS:
            return f"LongPress(point={at(action.point)})"
        case TypeText():
            return write_call("Type", content=action.text)
        case OpenApp():
            return write_call("LaunchApp", app=action.app_name)
        case Wait(seconds=5.0):
            return "Wait()"
        case CallUser():
            return write_call("CallUser", **({} if action.question is None else {"content": action.question}))
        case TakeScreenshot():
            return "GetScreenshot()"
        case PressBack() | PressHome() | PressRecent():
            return f"{type(action).__name__}()"
        case Hotkey(keys=("enter",)):
            return "PressEnter()"
        case Finished():
            return write_call("Finished", **({} if action.answer is None else {"content": action.answer}))
        case _:
            return write_action(action, space, _NOTATION)
