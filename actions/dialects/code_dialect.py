"""What OpenCUA and Kimi-VL share: a thought, and pyautogui code that is read, never run.

What pyautogui has no word for is `computer.` and the type of our JSON form, with its fields as arguments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from actions.coordinates import Coordinates, ModelSpace
from actions.dialects.calls import shown
from actions.dialects.code_text import read_code
from actions.dialects.code_values import Values
from actions.dialects.pyautogui_words import WAIT_SECONDS, read_call
from actions.dialects.text_dialect import Read, TextDialect
from actions.dialects.usual_code import CodeCall
from actions.dialects.wire_words import write_wire
from actions.geometry import Point
from actions.resize import ImageRule
from actions.space import (
    Action,
    Button,
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
    TypeText,
    Wait,
)

_CLICKS: dict[tuple[Button, int], str] = {
    ("left", 1): "pyautogui.click",
    ("left", 2): "pyautogui.doubleClick",
    ("left", 3): "computer.triple_click",
    ("right", 1): "pyautogui.rightClick",
    ("middle", 1): "pyautogui.middleClick",
}
# pyautogui's names, where ours differ.
_KEYS = {
    "page_up": "pageup",
    "page_down": "pagedown",
    "caps_lock": "capslock",
    "num_lock": "numlock",
    "scroll_lock": "scrolllock",
    "print_screen": "printscreen",
    "meta": "win",
    "escape": "esc",
}
_LATER_LABEL = re.compile(r"\n[ \t]*##[ \t]*(Thought|Action)\b")


class CodeDialect(TextDialect):
    """A thought under headings, and a fenced block of code."""

    marks = ("code", "```", "pyautogui.", "computer.")
    # Whether a model whose coordinates nobody stated may write fractions or pixels; both are told apart by how they are written.
    either = False

    def __init__(self, image_rule: ImageRule | None = None, coordinates: Coordinates | None = None) -> None:
        super().__init__(image_rule, coordinates)
        self._either = self.either and coordinates is None

    def read(self, text: str, space: ModelSpace) -> Read:
        said = read_code(text)
        if said.error:
            return Read(said.thought, error=said.error)
        actions: list[Action] = []
        for index, call in enumerate(said.calls, start=1):
            try:
                self._read_call(call, space, actions)
            except ValueError as error:
                which = f"action {index} of {len(said.calls)}, " if len(said.calls) > 1 else ""
                return Read(said.thought, error=f"{which}{shown(call.source, length=80)}: {error}")
        return Read(said.thought, actions)

    def write(self, thought: str, actions: Sequence[Action], space: ModelSpace) -> str:
        code = "\n".join(line for action in actions for line in write_lines(action, space))
        return f"{_heading(thought)}## Code:\n```python\n{code}\n```"

    def _read_call(self, call: CodeCall, space: ModelSpace, actions: list[Action]) -> None:
        read_call(call, Values(call, space, self._either), actions)


def _heading(thought: str) -> str:
    """The thought under the heading that it begins with: those that follow, as in the published examples, are a part of it."""
    if not thought:
        return ""
    later = _LATER_LABEL.search(thought)
    first = "Action" if later is None else "Thought" if later[1] == "Action" else "Observation"
    return f"## {first}:\n{thought}\n\n"


def write_lines(action: Action, space: ModelSpace) -> list[str]:
    """The lines of code that mean `action`; pyautogui's own words where it has any."""

    def at(point: Point | None) -> dict[str, object]:
        return {} if point is None else dict(zip("xy", space.numbers(point), strict=True))

    match action:
        case Click(modifiers=()) if (word := _CLICKS.get((action.button, action.count))) is not None:
            return [_line(word, at(action.point))]
        case Move():
            return [_line("pyautogui.moveTo", at(action.point))]
        case Drag(path=(start, end)):
            return [_line("pyautogui.moveTo", at(start)), _line("pyautogui.dragTo", {**at(end), "button": action.button})]
        case ButtonDown() | ButtonUp():
            held = {} if action.button == "left" else {"button": action.button}
            return [_line(f"pyautogui.mouse{'Down' if isinstance(action, ButtonDown) else 'Up'}", {**at(action.point), **held})]
        case Scroll() if not (action.dx and action.dy):
            word, clicks = ("hscroll", action.dx) if action.dx else ("scroll", action.dy)
            return [_line(f"pyautogui.{word}", at(action.point), clicks)]
        case TypeText():
            return [_line("pyautogui.write", {"message": action.text})]
        case Hotkey(keys=(key,)):
            return [_line("pyautogui.press", {}, _KEYS.get(key, key))]
        case Hotkey():
            return [_line("pyautogui.hotkey", {}, *(_KEYS.get(key, key) for key in action.keys))]
        case KeyDown() | KeyUp():
            return [_line(f"pyautogui.key{'Down' if isinstance(action, KeyDown) else 'Up'}", {}, _KEYS.get(action.key, action.key))]
        case Wait():
            whole = int(action.seconds) if action.seconds.is_integer() else action.seconds
            return [_line("computer.wait", {} if action.seconds == WAIT_SECONDS else {"seconds": whole})]
        case Finished() | Failed():
            words = action.answer if isinstance(action, Finished) else action.reason
            status = {"status": "success" if isinstance(action, Finished) else "failure"}
            return [_line("computer.terminate", status if words is None else {**status, "answer": words})]
        case CallUser():
            return [_line("computer.call_user", {} if action.question is None else {"question": action.question})]
    word, written = write_wire(action, space)
    return [_line(f"computer.{word}", written)]


def _line(name: str, kwargs: Mapping[str, object], *args: object) -> str:
    return f"{name}({', '.join([*map(repr, args), *(f'{key}={value!r}' for key, value in kwargs.items())])})"
