"""Actions as Python programs that call pyautogui, for machines that run what they are told, such as OSWorld's.

The programs are ours: a model's text enters them only as literals in ASCII, and names only after they were checked.
"""

from __future__ import annotations

from actions.errors import CannotPerform
from actions.executor import DRAG_HOLD, DRAG_RELEASE, DRAG_STEP, drag_steps
from actions.geometry import Geometry
from actions.keys import MODIFIER_KEYS
from actions.space import (
    BUTTONS,
    Action,
    Button,
    ButtonDown,
    ButtonUp,
    Click,
    Drag,
    Hotkey,
    KeyDown,
    KeyUp,
    Move,
    Scroll,
)

BETWEEN_CLICKS_SECONDS = 0.04
TARGET_SECONDS = 0.3  # until whatever takes a drop has surely said so
PIECE = 2000  # characters; a program of ten times as many bytes still fits a command line of Windows

_NAMES = {
    "escape": "esc",
    "page_up": "pageup",
    "page_down": "pagedown",
    "caps_lock": "capslock",
    "num_lock": "numlock",
    "scroll_lock": "scrolllock",
    "print_screen": "printscreen",
    "menu": "apps",
    "meta": "win",
}

PREFIX = """import sys, time
sys.modules.setdefault("mouseinfo", None)
import pyautogui
pyautogui.FAILSAFE, pyautogui.PAUSE = False, 0
def check(*names):
    unknown = [name for name in names if not pyautogui.isValidKey(name)]
    if unknown:
        sys.exit("this keyboard has no key " + ", ".join(unknown))
"""
WHEEL = """unit = {"win32": 120, "darwin": 3}.get(sys.platform, 1)
"""
# pyautogui drops what is not ASCII, and types > for < on X11. So X11 is talked to by the library that pyautogui brings along: the
# text is offered as a selection, pasted, and handed over to whoever asks, once it is known that somebody did.
PASTE = """def paste(text):
    if sys.platform != "linux":
        import pyperclip
        pyperclip.copy(text)
        pyautogui.hotkey("command" if sys.platform == "darwin" else "ctrl", "v")
        time.sleep(0.3)
        return
    from Xlib import X, Xatom, display
    from Xlib.protocol import event
    d = display.Display()
    targets, utf8 = d.intern_atom("TARGETS"), d.intern_atom("UTF8_STRING")
    owner, focus = d.get_selection_owner(Xatom.PRIMARY), d.get_input_focus().focus
    ids = [getattr(window, "id", window) & ~d.display.info.resource_id_mask for window in (owner, focus)]
    if owner != X.NONE and ids[0] == ids[1]:
        pyautogui.press(["x", "backspace"])  # a key replaces selected text; a paste would make it unselected first
        time.sleep(0.1)
    window = d.screen().root.create_window(-1, -1, 1, 1, 0, X.CopyFromParent)
    for selection in (d.intern_atom("CLIPBOARD"), Xatom.PRIMARY):
        window.set_selection_owner(selection, X.CurrentTime)
    d.sync()
    pyautogui.hotkey("shift", "insert")
    fetched, end = 0.0, time.time() + 3
    while time.time() < end and not (fetched and time.time() > fetched + 0.1):
        if not d.pending_events():
            time.sleep(0.005)
            continue
        e = d.next_event()
        if e.type != X.SelectionRequest:
            continue
        place = e.property or e.target
        if e.target == targets:
            e.requestor.change_property(place, Xatom.ATOM, 32, [targets, utf8])
        elif e.target == utf8:
            e.requestor.change_property(place, utf8, 8, text.encode("utf-8"))
            fetched = time.time()
        else:
            place = X.NONE
        e.requestor.send_event(event.SelectionNotify(
            time=e.time, requestor=e.requestor, selection=e.selection, target=e.target, property=place), 0, 0)
        d.flush()
    if not fetched:
        sys.exit("the focused window takes no paste")
"""


def key_name(name: str) -> str:
    """What pyautogui calls the key `name`."""
    return _NAMES.get(name, name)


def script_of(action: Action, geometry: Geometry) -> str:
    """A program that does `action`, whose points lie in the region `geometry`; not for text, which goes by `typing_scripts`.

    Raises:
        CannotPerform: no mouse or keyboard can do it.
    """
    match action:
        case Click():
            return PREFIX + _click(action, *geometry.to_desktop(action.point))
        case Move():
            return PREFIX + _move(*geometry.to_desktop(action.point))
        case Drag():
            return PREFIX + _drag(action.button, [geometry.to_desktop(point) for point in action.path])
        case ButtonDown() | ButtonUp():
            go = _move(*geometry.to_desktop(action.point)) if action.point else ""
            settle = "" if isinstance(action, ButtonDown) else f"time.sleep({TARGET_SECONDS})\n"
            return PREFIX + go + settle + _button(action.button, isinstance(action, ButtonDown))
        case Scroll():
            go = _move(*geometry.to_desktop(action.point)) if action.point else ""
            return PREFIX + WHEEL + go + _wheel(action.dx, action.dy)
        case Hotkey():
            return hotkey_script(action.keys)
        case KeyDown() | KeyUp():
            return PREFIX + f"check({key_name(action.key)!a})\n" + _key(action.key, isinstance(action, KeyDown))
    raise CannotPerform(f"{action.type} is nothing that a mouse or a keyboard does")


def typing_scripts(line: str) -> list[str]:
    """Programs that enter `line`, which holds no newline or tab, one after the other: short ASCII by keys, the rest by pasting."""
    if len(line) <= 20 and line.isascii() and "<" not in line:
        return [PREFIX + f"pyautogui.write({line!a})\n"]
    return [PREFIX + PASTE + f"paste({line[at : at + PIECE]!a})\n" for at in range(0, len(line), PIECE)]


def hotkey_script(keys: tuple[str, ...]) -> str:
    """A program that presses `keys` together."""
    pressed = [_key(name, down=True) for name in keys]
    released = [_key(name, down=False) for name in reversed(keys)]
    return PREFIX + f"check(*{tuple(map(key_name, keys))!a})\n" + _held(pressed, "", released)


def release_script(keys: tuple[str, ...] = (), buttons: tuple[Button, ...] = BUTTONS) -> str:
    """A program that releases `keys`, every modifier, and `buttons`."""
    return PREFIX + "".join(
        [*(_key(name, down=False) for name in dict.fromkeys((*keys, *MODIFIER_KEYS))), *(_button(button, down=False) for button in buttons)]
    )


def _move(x_px: int, y_px: int) -> str:
    return f"pyautogui.moveTo({x_px:d}, {y_px:d})\n"


def _button(button: Button, down: bool) -> str:
    return f"pyautogui.{'mouseDown' if down else 'mouseUp'}(button={button!a})\n"


def _key(name: str, down: bool) -> str:
    return f"pyautogui.{'keyDown' if down else 'keyUp'}({key_name(name)!a})\n"


def _held(pressed: list[str], work: str, released: list[str]) -> str:
    """`work` between presses and their releases, which come whatever happens."""
    inside = "".join(f"    {line}\n" for line in ("".join([*pressed, work])).splitlines())
    return f"try:\n{inside}finally:\n" + "".join(f"    {line}" for line in released)


def _click(click: Click, x_px: int, y_px: int) -> str:
    clicks = f"pyautogui.click(clicks={click.count:d}, interval={BETWEEN_CLICKS_SECONDS}, button={click.button!a})\n"
    if not click.modifiers:
        return _move(x_px, y_px) + clicks
    pressed = [_key(name, down=True) for name in click.modifiers]
    return _move(x_px, y_px) + _held(pressed, clicks, [_key(name, down=False) for name in reversed(click.modifiers)])


def _drag(button: Button, path: list[tuple[int, int]]) -> str:
    steps = drag_steps(path)
    moves = f"time.sleep({DRAG_HOLD})\nfor place in {steps!a}:\n    pyautogui.moveTo(*place)\n    time.sleep({DRAG_STEP})\n"
    waits = f"time.sleep({DRAG_RELEASE + TARGET_SECONDS})\n"
    return _move(*path[0]) + _held([_button(button, down=True)], moves + waits, [_button(button, down=False)])


def _wheel(dx: int, dy: int) -> str:
    down = f"pyautogui.scroll({dy:d} * unit)\n" if dy else ""
    return down + (f"pyautogui.hscroll({dx:d} * unit)\n" if dx else "")
