"""The words of the tool `computer_use` of Qwen2.5-VL and Qwen3-VL, which GUI-Owl and EvoCUA extend.

Read in the cookbook of github.com/QwenLM/Qwen3-VL (agent_function_call.py), in Mobile-Agent-v3.5 (`interact`), and in EvoCUA (`key_down`).
What it has no word for is said by the words of `actions.dialects.wire_words`.

    key (keys)  type (text)  mouse_move left_click right_click middle_click double_click triple_click (coordinate, text = keys held)
    left_click_drag (coordinate, from the pointer or start_coordinate)      scroll hscroll (pixels, coordinate)   wait (time)
    key_down key_up (keys)  left_mouse_down left_mouse_up (coordinate?)     answer (text)  terminate (status)  interact (text)
"""

from __future__ import annotations

from actions.coordinates import ModelSpace
from actions.dialects.fields import Fields
from actions.dialects.tool_actions import ReadWord, drag_from_pointer, pointer_after
from actions.dialects.wheel import clicks_of_pixels, pixels_of_clicks
from actions.dialects.wire_words import numbers_of, write_wire
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

CLICKS: dict[str, tuple[Button, int]] = {
    "left_click": ("left", 1),
    "right_click": ("right", 1),
    "middle_click": ("middle", 1),
    "double_click": ("left", 2),
    "triple_click": ("left", 3),
}
_CLICK_WORDS = {meaning: word for word, meaning in CLICKS.items()}
POINT = ("coordinate", "coordinates", "point")
START = ("start_coordinate", "coordinate1")
END = ("coordinate", "end_coordinate", "coordinate2")


def read_click(given: Fields, actions: list[Action]) -> None:
    button, count = CLICKS["left_click" if given.word == "click" else given.word]
    point = given.point_or_none(*POINT)
    held = given.modifiers("text", "keys", "key")
    if point is None:
        point = pointer_after(actions)
    if point is None:
        raise ValueError(f"{given.word} needs coordinate, as in [500, 300]")
    actions.append(Click(point=point, button=button, count=count, modifiers=held))


def _read_move(given: Fields, actions: list[Action]) -> None:
    actions.append(Move(point=given.point(*POINT)))


def _read_drag(given: Fields, actions: list[Action]) -> None:
    start = given.point_or_none(*START)
    end = given.point(*END)
    if start is None:
        drag_from_pointer(end, actions)
    else:
        actions.append(Drag(path=(start, end)))


def _read_scroll(given: Fields, actions: list[Action]) -> None:
    point = given.point_or_none(*POINT)
    clicks = clicks_of_pixels(given.number(("pixels",)))
    actions.append(Scroll(point=point, dx=clicks) if given.word == "hscroll" else Scroll(point=point, dy=clicks))


def _read_type(given: Fields, actions: list[Action]) -> None:
    text = given.text("text")
    if given.flag("clear"):
        actions.append(Hotkey(keys=("ctrl", "a")))
    actions.append(TypeText(text=text + "\n" if given.flag("enter") else text))


def _read_key(given: Fields, actions: list[Action]) -> None:
    actions.append(Hotkey(keys=given.keys("keys", "key", "text")))


def _read_held_key(given: Fields, actions: list[Action]) -> None:
    down = given.word == "key_down"
    held = given.keys("keys", "key", "text")
    actions += [KeyDown(key=key) if down else KeyUp(key=key) for key in (held if down else reversed(held))]


def _read_button(given: Fields, actions: list[Action]) -> None:
    point = given.point_or_none(*POINT)
    actions.append(ButtonDown(point=point) if given.word.endswith("down") else ButtonUp(point=point))


def _read_wait(given: Fields, actions: list[Action]) -> None:
    actions.append(Wait(seconds=given.number(("time", "seconds", "duration"), Wait().seconds)))


def read_answer(given: Fields, actions: list[Action]) -> None:
    actions.append(Finished(answer=given.text("text", "answer")))


def read_terminate(given: Fields, actions: list[Action]) -> None:
    done = given.choice("status", ("success", "failure", "fail")) == "success"
    words = given.text_or_none("text", "answer", "reason")
    actions.append(Finished(answer=words) if done else Failed(reason=words))


def read_interact(given: Fields, actions: list[Action]) -> None:
    actions.append(CallUser(question=given.text_or_none("text")))


WORDS: dict[str, ReadWord] = {
    **dict.fromkeys(CLICKS, read_click),
    "mouse_move": _read_move,
    "left_click_drag": _read_drag,
    "scroll": _read_scroll,
    "hscroll": _read_scroll,
    "key": _read_key,
    "type": _read_type,
    "key_down": _read_held_key,
    "key_up": _read_held_key,
    "left_mouse_down": _read_button,
    "left_mouse_up": _read_button,
    "wait": _read_wait,
    "answer": read_answer,
    "terminate": read_terminate,
    "interact": read_interact,
    "click": read_click,
}


def write_action(action: Action, space: ModelSpace) -> list[dict[str, object]]:
    """The arguments of the calls that mean `action`; the family's own words where it has any."""
    match action:
        case Click() if (word := _CLICK_WORDS.get((action.button, action.count))) is not None:
            held: dict[str, object] = {"text": "+".join(action.modifiers)} if action.modifiers else {}
            return [{"action": word, "coordinate": numbers_of(action.point, space)} | held]
        case Move():
            return [{"action": "mouse_move", "coordinate": numbers_of(action.point, space)}]
        case Drag(path=(start, end), button="left"):
            return [
                {"action": "mouse_move", "coordinate": numbers_of(start, space)},
                {"action": "left_click_drag", "coordinate": numbers_of(end, space)},
            ]
        case ButtonDown(button="left") | ButtonUp(button="left"):
            where: dict[str, object] = {} if action.point is None else {"coordinate": numbers_of(action.point, space)}
            return [{"action": f"left_mouse_{'down' if isinstance(action, ButtonDown) else 'up'}"} | where]
        case Scroll() if not (action.dx and action.dy):
            where = {} if action.point is None else {"coordinate": numbers_of(action.point, space)}
            word, clicks = ("hscroll", action.dx) if action.dx else ("scroll", action.dy)
            return [{"action": word} | where | {"pixels": pixels_of_clicks(clicks)}]
        case TypeText():
            return [{"action": "type", "text": action.text}]
        case Hotkey():
            return [{"action": "key", "keys": list(action.keys)}]
        case KeyDown() | KeyUp():
            return [{"action": action.type, "keys": [action.key]}]
        case Wait():
            return [{"action": "wait", "time": action.seconds}]
        case _:
            return [write_ending(action, space)]


def write_ending(action: Action, space: ModelSpace) -> dict[str, object]:
    """The arguments for an action that ends the task, or our own words for any other."""
    match action:
        case Finished(answer=None):
            return {"action": "terminate", "status": "success"}
        case Finished():
            return {"action": "answer", "text": action.answer}
        case Failed():
            return {"action": "terminate", "status": "failure", **_text(action.reason)}
        case CallUser():
            return {"action": "interact", **_text(action.question)}
    return write_own(action, space)


def write_own(action: Action, space: ModelSpace) -> dict[str, object]:
    """The arguments of a call in our own words."""
    word, written = write_wire(action, space)
    return {"action": word, **written}


def _text(words: str | None) -> dict[str, object]:
    return {} if words is None else {"text": words}
