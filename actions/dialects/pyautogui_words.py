"""The words of pyautogui and of `computer.*` that OpenCUA, Kimi and EvoCUA write: which call means which action.

Read in the prompts of github.com/xlang-ai/OpenCUA and OSWorld's kimi_agent, and in pyautogui's reference.

    click doubleClick tripleClick rightClick middleClick (x, y, clicks, button)   moveTo (x, y)   dragTo (x, y, button) from the last moveTo
    mouseDown mouseUp (x, y, button)    scroll vscroll hscroll (clicks, x, y)     write typewrite (message)
    press (keys, presses)  hotkey (*keys)  keyDown keyUp (key)   sleep time.sleep (seconds)
    computer.triple_click (x, y)   computer.wait (seconds = 20)   computer.terminate (status, answer)   computer.answer   computer.call_user
    ours: computer.<type of our JSON form>(…), as in computer.click(point=(500, 300), modifiers=['ctrl'])
"""

from __future__ import annotations

from collections.abc import Callable

from actions.dialects.code_values import Values
from actions.dialects.tool_actions import drag_from_pointer, pointer_after
from actions.dialects.usual_code import CodeCall
from actions.dialects.wire_words import read_wire
from actions.space import (
    ACTION_TYPES,
    BUTTONS,
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

WAIT_SECONDS = 20.0  # "Make the computer wait for 20 seconds", as the prompts say
_MAX_PRESSES = 50
CLICKS: dict[str, tuple[Button, int]] = {
    "click": ("left", 1),
    "doubleclick": ("left", 2),
    "tripleclick": ("left", 3),
    "rightclick": ("right", 1),
    "middleclick": ("middle", 1),
}
Read = Callable[[Values, list[Action]], None]
_NOT_PERFORMED = frozenset(("duration", "tween", "interval", "pause", "_pause", "logScreenshot", "mouseDownUp"))


def read_call(call: CodeCall, given: Values, actions: list[Action]) -> None:
    """Append to `actions` what `call` means.

    Raises:
        ValueError: it means nothing that can be done, or not for certain.
    """
    module, _, name = call.name.rpartition(".")
    word = name.lower().replace("_", "")
    if module == "computer" and name in ACTION_TYPES and (name not in _WORDS_OF_COMPUTER or call.kwargs.keys() & _OWN_FIELDS):
        actions.append(read_wire(given.as_fields(name)))
        return
    read = _WORDS.get(word) if module in ("", "pyautogui", "computer") else None
    if module == "time" and name == "sleep":
        read = _read_wait
    if read is None:
        raise ValueError(f"there is no action called {call.name[:60]!r}: use pyautogui's or computer's, such as {_OFFERED}")
    read(given, actions)
    given.finish(_NOT_PERFORMED)


def _read_click(given: Values, actions: list[Action]) -> None:
    button, count = CLICKS[given.word]
    point = given.point_or_none()
    if given.word == "click":
        count = given.whole("clicks", 1)
        given.take("interval")
        button = given.choice("button", BUTTONS, button, "primary", "left", "secondary", "right")
    else:
        given.drop("interval", "button")
    point = point or pointer_after(actions)
    if point is not None:
        actions.append(Click(point=point, button=button, count=count))
    elif 1 <= count <= 3:  # pyautogui clicks where the pointer is
        actions.extend([ButtonDown(button=button), ButtonUp(button=button)] * count)
    else:
        raise ValueError(f"clicks is {count}: it must be 1, 2 or 3")


def _read_move(given: Values, actions: list[Action]) -> None:
    actions.append(Move(point=given.point()))


def _read_drag(given: Values, actions: list[Action]) -> None:
    end = given.point()
    given.drop("duration", "tween")
    button = given.choice("button", BUTTONS, "left")
    start = actions[-1].point if actions and isinstance(actions[-1], Move) else None
    if button == "left":
        drag_from_pointer(end, actions)
    elif start is not None:
        actions[-1] = Drag(path=(start, end), button=button)
    else:
        actions.extend([ButtonDown(button=button), ButtonUp(button=button, point=end)])


def _read_button(given: Values, actions: list[Action]) -> None:
    point = given.point_or_none()
    button = given.choice("button", BUTTONS, "left")
    actions.append(ButtonDown(button=button, point=point) if given.word == "mousedown" else ButtonUp(button=button, point=point))


def _read_scroll(given: Values, actions: list[Action]) -> None:
    clicks = given.whole("clicks", None, "amount")
    point = given.point_or_none()
    actions.append(Scroll(point=point, dx=clicks) if given.word == "hscroll" else Scroll(point=point, dy=clicks))


def _read_write(given: Values, actions: list[Action]) -> None:
    actions.append(TypeText(text=given.text("message", "text")))


def _read_press(given: Values, actions: list[Action]) -> None:
    """Key after key, as pyautogui does with a list; not together."""
    keys = given.keys("keys", "key")
    presses = given.whole("presses", 1)
    if not 1 <= presses * len(keys) <= _MAX_PRESSES:
        raise ValueError(f"presses is {presses}: {_MAX_PRESSES} presses of keys at most, and at least one")
    actions.extend([Hotkey(keys=(key,)) for key in keys] * presses)


def _read_hotkey(given: Values, actions: list[Action]) -> None:
    actions.append(Hotkey(keys=given.all_keys("keys", "args")))


def _read_key(given: Values, actions: list[Action]) -> None:
    (key,) = given.keys("key")
    actions.append(KeyDown(key=key) if given.word == "keydown" else KeyUp(key=key))


def _read_wait(given: Values, actions: list[Action]) -> None:
    actions.append(Wait(seconds=given.number("seconds", WAIT_SECONDS, "secs", "duration", "time")))


def _read_terminate(given: Values, actions: list[Action]) -> None:
    done = given.choice("status", ("success", "failure"), None, "fail", "failure") == "success"
    words = given.text_or_none("answer", "data", "info", "reason")
    actions.append(Finished(answer=words) if done else Failed(reason=words))


def _read_answer(given: Values, actions: list[Action]) -> None:
    actions.append(Finished(answer=given.text("answer", "text", "response")))


def _read_call_user(given: Values, actions: list[Action]) -> None:
    actions.append(CallUser(question=given.text_or_none("question", "text", "message")))


_WORDS: dict[str, Read] = {
    **dict.fromkeys(CLICKS, _read_click),
    "leftclick": _read_click,
    "moveto": _read_move,
    "dragto": _read_drag,
    "mousedown": _read_button,
    "mouseup": _read_button,
    **dict.fromkeys(("scroll", "vscroll", "hscroll"), _read_scroll),
    **dict.fromkeys(("write", "typewrite"), _read_write),
    "press": _read_press,
    "hotkey": _read_hotkey,
    "keydown": _read_key,
    "keyup": _read_key,
    **dict.fromkeys(("wait", "sleep"), _read_wait),
    "terminate": _read_terminate,
    **dict.fromkeys(("answer", "response"), _read_answer),
    "calluser": _read_call_user,
}
_WORDS_OF_COMPUTER = frozenset(("click", "scroll", "hotkey", "wait", "call_user"))
_OWN_FIELDS = {"point", "path", "dx", "dy"}
_OFFERED = "click, doubleClick, rightClick, moveTo, dragTo, scroll, write, press, hotkey, computer.wait, computer.terminate"
