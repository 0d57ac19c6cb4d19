"""Key names: one lower-case name for each key, the same on every system, and the aliases under which models write it."""

from __future__ import annotations

_NAMED = (
    *("ctrl", "alt", "shift", "meta", "enter", "escape", "backspace", "delete", "tab", "space"),
    *("left", "right", "up", "down", "home", "end", "page_up", "page_down", "insert"),
    *("caps_lock", "num_lock", "scroll_lock", "print_screen", "pause", "menu"),
    *(f"f{n}" for n in range(1, 25)),
)
NAMED_KEYS = frozenset(_NAMED)
# Keys that only phones have, as models name them; a computer's hands refuse them.
PHONE_KEYS = frozenset(("volume_up", "volume_down", "power", "camera", "clear", "search"))
MODIFIER_KEYS = ("ctrl", "alt", "shift", "meta")

# Names of pyautogui, xdotool (X keysyms), browsers and people, without their capitals, "_", "-" and spaces.
_ALIASES_OF = {
    "ctrl": "control ctl lctrl rctrl ctrlleft ctrlright controlleft controlright controll controlr",
    "alt": "option opt lalt ralt altleft altright altl altr optionleft optionright",
    "shift": "lshift rshift shiftleft shiftright shiftl shiftr",
    "meta": "cmd command win windows super winleft winright superl superr metal metar metaleft metaright lwin rwin",
    "enter": "return kpenter numpadenter",
    "escape": "esc",
    "backspace": "back bksp",
    "delete": "del",
    "space": "spacebar",
    "left": "arrowleft leftarrow",
    "right": "arrowright rightarrow",
    "up": "arrowup uparrow",
    "down": "arrowdown downarrow",
    "page_up": "pageup pgup prior",
    "page_down": "pagedown pgdn pgdown next",
    "insert": "ins",
    "caps_lock": "capslock",
    "num_lock": "numlock",
    "scroll_lock": "scrolllock",
    "print_screen": "printscreen prtsc prtscr prntscrn print",
    "pause": "break",
    "menu": "apps contextmenu",
    "+": "plus",
    "-": "minus hyphen",
    "=": "equal equals",
    ",": "comma",
    ".": "period dot",
    "/": "slash",
    "\\": "backslash",
    ";": "semicolon",
    "'": "apostrophe quote",
    "`": "grave backquote backtick",
    "[": "bracketleft",
    "]": "bracketright",
}
_ALIASES = {alias: name for name, aliases in _ALIASES_OF.items() for alias in aliases.split()}
_BLANKS = {" ": "space", "\n": "enter", "\r": "enter", "\t": "tab"}
_MARKS = str.maketrans("", "", "_- ")


def canonical_key(name: str) -> str:
    """The one name of the key that a model or a person calls `name`.

    Raises:
        ValueError: no key has that name.
    """
    if name in _BLANKS:
        return _BLANKS[name]
    wanted = name.strip()
    if len(wanted) == 1 and wanted.isprintable():
        lowered = wanted.lower()
        return lowered if len(lowered) == 1 else wanted  # "İ" has no lower case of one character
    wanted = wanted.lower()
    if wanted in NAMED_KEYS or wanted in PHONE_KEYS:
        return wanted
    bare = wanted.translate(_MARKS)
    if bare in NAMED_KEYS:
        return bare
    if bare in _ALIASES:
        return _ALIASES[bare]
    shown = name if len(name) <= 40 else name[:40] + "…"
    raise ValueError(f"no key is called {shown!r}: use names such as {', '.join(_NAMED[:12])}, f5, a or /")
