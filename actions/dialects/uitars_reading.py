"""From the calls of UI-TARS to actions."""

from __future__ import annotations

from collections.abc import Callable

from actions.coordinates import ModelSpace
from actions.dialects.arguments import Arguments
from actions.dialects.calls import Call, shown
from actions.dialects.key_names import read_keys
from actions.dialects.uitars_words import CLICKS, CONTENT, DIRECTIONS, END, KEY, POINT, START, TIME, WHEEL_CLICKS
from actions.phone import PRESS_SECONDS, LongPress, OpenApp, PressBack, PressHome, PressRecent
from actions.space import (
    BUTTONS,
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


def read_action(call: Call, space: ModelSpace) -> Action | tuple[Action, ...]:
    """The action that `call` means.

    Raises:
        ValueError: it means none, or not for certain; the message says which piece and what would do.
    """
    args = Arguments(call, space)
    read = _READERS.get(args.word)
    if read is None:
        raise ValueError(f"there is no action called {shown(call.name)}: use one of {_OFFERED}")
    action = read(args)
    args.finish()
    return action


def _read_click(args: Arguments) -> Action:
    button, count = CLICKS[args.word]
    point = args.place(*POINT)
    if args.word == "click":
        button, count = args.choice("button", BUTTONS, button), args.whole("count", count)
    held = read_keys(args.take("modifiers") or "")
    for key in held:
        if key not in MODIFIERS:
            raise ValueError(f"modifiers has {shown(key)}: known are {', '.join(MODIFIERS)}")
    return Click(point=point, button=button, count=count, modifiers=tuple(m for key in held for m in MODIFIERS if m == key))


def _read_move(args: Arguments) -> Action:
    return Move(point=args.place(*POINT))


def _read_drag(args: Arguments) -> Action:
    start, via = args.place(*START), args.places("via")
    return Drag(path=(start, *via, args.place(*END)), button=args.choice("button", BUTTONS, "left"))


def _read_select(args: Arguments) -> Action:
    start, end = args.place(*START), args.place_or_none(*END)
    return Click(point=start) if end is None else Drag(path=(start, end))  # without an end it opens a list


def _read_button_down(args: Arguments) -> Action:
    return ButtonDown(button=args.choice("button", BUTTONS, "left"), point=args.place_or_none(*POINT))


def _read_button_up(args: Arguments) -> Action:
    return ButtonUp(button=args.choice("button", BUTTONS, "left"), point=args.place_or_none(*POINT))


def _read_scroll(args: Arguments) -> Action:
    point = args.place_or_none(*POINT)
    if args.has(*END):  # the phone's older way: a finger from here to there
        return Drag(path=(point or args.place(*POINT), args.place(*END)))
    if args.has("dx", "dy") and not args.has("direction"):
        return Scroll(point=point, dx=args.whole("dx", 0), dy=args.whole("dy", 0))
    dx, dy = DIRECTIONS[args.choice("direction", tuple(DIRECTIONS))]
    amount = args.whole("amount", WHEEL_CLICKS)
    if amount < 1:
        raise ValueError(f"amount is {amount}: it must be 1 or more wheel clicks")
    return Scroll(point=point, dx=dx * amount, dy=dy * amount)


def _read_type(args: Arguments) -> Action:
    text = args.need(*CONTENT)
    args.take(*POINT)  # Seed models repeat where the field is; its publisher's executor types where the focus is, too
    return TypeText(text=text)


def _read_hotkey(args: Arguments) -> Action:
    return Hotkey(keys=read_keys(args.need(*KEY)))


def _read_key_down(args: Arguments) -> Action:
    return KeyDown(key=_one_key(args))


def _read_key_up(args: Arguments) -> Action:
    return KeyUp(key=_one_key(args))


def _read_wait(args: Arguments) -> Action:
    return Wait(seconds=args.decimal(TIME, Wait().seconds))


def _read_screenshot(args: Arguments) -> Action:
    return TakeScreenshot()


def _read_long_press(args: Arguments) -> Action:
    return LongPress(point=args.place(*POINT), seconds=args.decimal(TIME, PRESS_SECONDS))


def _read_open_app(args: Arguments) -> Action:
    return OpenApp(app_name=args.need("app_name", "app", "name", *CONTENT))


def _read_navigate(args: Arguments) -> tuple[Action, ...]:
    return Hotkey(keys=("ctrl", "l")), TypeText(text=args.need("content", "url") + "\n")


def _read_finished(args: Arguments) -> Action:
    return Finished(answer=args.take(*CONTENT))


def _read_failed(args: Arguments) -> Action:
    return Failed(reason=args.take(*CONTENT))


def _read_call_user(args: Arguments) -> Action:
    return CallUser(question=args.take(*CONTENT))


_READERS: dict[str, Callable[[Arguments], Action | tuple[Action, ...]]] = {
    **dict.fromkeys(CLICKS, _read_click),
    **dict.fromkeys(("hover", "move", "move_to", "mouse_move"), _read_move),
    **dict.fromkeys(("drag", "left_click_drag", "swipe"), _read_drag),
    "select": _read_select,
    "mouse_down": _read_button_down,
    "mouse_up": _read_button_up,
    "scroll": _read_scroll,
    "type": _read_type,
    "hotkey": _read_hotkey,
    **dict.fromkeys(("keydown", "press", "key_down"), _read_key_down),
    **dict.fromkeys(("keyup", "release", "key_up"), _read_key_up),
    "wait": _read_wait,
    **dict.fromkeys(("screenshot", "open_computer"), _read_screenshot),
    "long_press": _read_long_press,
    "open_app": _read_open_app,
    **dict.fromkeys(("press_home", "home"), lambda args: PressHome()),
    **dict.fromkeys(("press_back", "back"), lambda args: PressBack()),
    "press_recent": lambda args: PressRecent(),
    "navigate": _read_navigate,
    "navigate_back": lambda args: Hotkey(keys=("alt", "left")),
    "finished": _read_finished,
    "failed": _read_failed,
    "call_user": _read_call_user,
}
_OFFERED = "click, left_double, right_single, hover, drag, scroll, type, hotkey, keydown, keyup, wait, finished, call_user"


def _one_key(args: Arguments) -> str:
    keys = read_keys(text := args.need(*KEY))
    if len(keys) != 1:
        raise ValueError(f"{args.word} takes one key, not {shown(text)}: use hotkey for several together")
    return keys[0]
