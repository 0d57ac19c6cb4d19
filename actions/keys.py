"""Key names: one lower-case name for each key, the same on every system, and the aliases under which models write it."""

from __future__ import annotations

_NAMED = (
    "ctrl alt shift meta enter escape backspace delete tab space left right up down home end page_up page_down insert "
    "caps_lock num_lock scroll_lock print_screen pause menu"
).split() + [f"f{n}" for n in range(1, 25)]
NAMED_KEYS = frozenset(_NAMED)
MODIFIER_KEYS = ("ctrl", "alt", "shift", "meta")

_ALIASES = {
    "control": "ctrl",
    "ctl": "ctrl",
    "lctrl": "ctrl",
    "rctrl": "ctrl",
    "option": "alt",
    "opt": "alt",
    "lalt": "alt",
    "ralt": "alt",
    "lshift": "shift",
    "rshift": "shift",
    "cmd": "meta",
    "command": "meta",
    "win": "meta",
    "windows": "meta",
    "super": "meta",
    "return": "enter",
    "esc": "escape",
    "back": "backspace",
    "del": "delete",
    "spacebar": "space",
    "arrowleft": "left",
    "arrowright": "right",
    "arrowup": "up",
    "arrowdown": "down",
    "leftarrow": "left",
    "rightarrow": "right",
    "uparrow": "up",
    "downarrow": "down",
    "pageup": "page_up",
    "pgup": "page_up",
    "prior": "page_up",
    "pagedown": "page_down",
    "pgdn": "page_down",
    "pgdown": "page_down",
    "next": "page_down",
    "ins": "insert",
    "capslock": "caps_lock",
    "numlock": "num_lock",
    "scrolllock": "scroll_lock",
    "printscreen": "print_screen",
    "prtsc": "print_screen",
    "prtscr": "print_screen",
    "plus": "+",
    "minus": "-",
    "comma": ",",
    "period": ".",
    "slash": "/",
}


def canonical_key(name: str) -> str:
    """The one name of the key that a model or a person calls `name`.

    Raises:
        ValueError: no key has that name.
    """
    if len(name) == 1 and name.isprintable() and not name.isspace():
        return name.lower()
    if name == " ":
        return "space"
    wanted = name.strip().lower()
    if wanted in NAMED_KEYS or (len(wanted) == 1 and wanted.isprintable()):
        return wanted
    for form in (wanted, wanted.replace("_", "").replace("-", "").replace(" ", "")):
        if form in NAMED_KEYS:
            return form
        if form in _ALIASES:
            return _ALIASES[form]
    raise ValueError(f"no key is called {name!r}: use names such as {', '.join(_NAMED[:12])}, f5, a or /")
