"""The live keymap of an X server: which key gives which character, and keycodes borrowed for characters that no key gives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from Xlib import XK, X, Xatom
from Xlib.display import Display

_NAMES = {
    "ctrl": "Control_L",
    "alt": "Alt_L",
    "shift": "Shift_L",
    "meta": "Super_L",
    "enter": "Return",
    "escape": "Escape",
    "backspace": "BackSpace",
    "delete": "Delete",
    "tab": "Tab",
    "space": "space",
    "left": "Left",
    "right": "Right",
    "up": "Up",
    "down": "Down",
    "home": "Home",
    "end": "End",
    "page_up": "Prior",
    "page_down": "Next",
    "insert": "Insert",
    "caps_lock": "Caps_Lock",
    "num_lock": "Num_Lock",
    "scroll_lock": "Scroll_Lock",
    "print_screen": "Print",
    "pause": "Pause",
    "menu": "Menu",
} | {f"f{n}": f"F{n}" for n in range(1, 25)}
KEYSYMS = {name: XK.string_to_keysym(keysym) for name, keysym in _NAMES.items()}
_SHIFT_L, _LEVEL3_SHIFT = KEYSYMS["shift"], 0xFE03
_KEYPAD = range(0xFF80, 0xFFBE)
# Where a crash leaves word of the keycodes that it had borrowed, so that the next run can give them back.
_LEDGER = "_DEFTLY_BORROWED_KEYCODES"


class Stroke(NamedTuple):
    """One key to press, and the keycodes to hold meanwhile."""

    keycode: int
    held: tuple[int, ...] = ()


def keysym_of(char: str) -> int:
    """The keysym of a printable character: Latin-1 is itself, the rest lies in the Unicode range."""
    code = ord(char)
    return code if code < 0x100 else 0x01000000 | code


class Keymap:
    """The keymap as of the last `refresh`. Every method that takes a display talks to the server."""

    def __init__(self, display: Display) -> None:
        self._first = display.display.info.min_keycode
        self._count = display.display.info.max_keycode - self._first + 1
        self._rows: list[list[int]] = []
        self._borrowed: dict[int, list[int]] = {}
        self._caps_lock: int | None = None
        self._fetch(display)
        self._reclaim(display)

    def refresh(self, display: Display) -> None:
        """Follow a changed layout. Call it after a round trip, when the server's notice has surely arrived."""
        changed = False
        while display.pending_events():
            changed |= display.next_event().type == X.MappingNotify
        if changed:
            self._fetch(display)

    def _fetch(self, display: Display) -> None:
        self._rows = [list(row) for row in display.get_keyboard_mapping(self._first, self._count)]

    def stroke(self, keysym: int, group: int = 0) -> Stroke | None:
        """How to get `keysym` while layout `group` is active; `None` when no key gives it."""
        # Column of a keysym: plain, Shift, AltGr, Shift+AltGr; the core protocol puts the second layout's pair between them.
        shift, level3 = self._keycode_of(_SHIFT_L), self._keycode_of(_LEVEL3_SHIFT)
        for column, held in enumerate(((), (shift,), (level3,), (shift, level3))):
            index = (column & 1) + 4 * (column >> 1) + 2 * group
            if None in held:
                continue
            for keycode, row in enumerate(self._rows, self._first):
                if index < len(row) and row[index] == keysym and keycode not in self._borrowed and row[0] not in _KEYPAD:
                    return Stroke(keycode, tuple(code for code in held if code is not None))
        return None

    def stroke_of_key(self, name: str, group: int = 0) -> Stroke | None:
        """How to press the key called `name`; a letter of another layout's keys counts, as it does in hotkeys."""
        keysym = KEYSYMS.get(name) or keysym_of(name)
        return self.stroke(keysym, group) or self.stroke(keysym, 0)

    def _keycode_of(self, keysym: int) -> int | None:
        return next((keycode for keycode, row in enumerate(self._rows, self._first) if row and row[0] == keysym), None)

    def room(self) -> int:
        """How many characters can be borrowed for at a time; at least 1."""
        return max(1, len(self._free()))

    def _free(self) -> list[int]:
        return [keycode for keycode, row in enumerate(self._rows, self._first) if not any(row) and keycode not in self._borrowed]

    def borrow(self, display: Display, keysyms: Iterable[int]) -> dict[int, Stroke]:
        """Give each of `keysyms` a keycode of its own until `give_back`.

        One keycode per character, all before the first is pressed: clients read the keymap late, so a re-used keycode
        gives wrong characters.
        """
        wanted = list(keysyms)
        # Where every keycode is taken, the last ones are lent out and get their own keysyms back afterwards.
        last = range(self._first + self._count - 1, self._first - 1, -1)
        codes = (self._free() or [code for code in last if code not in self._borrowed])[: len(wanted)]
        assert len(codes) == len(wanted), "borrow no more than room() at a time"
        self._borrowed |= {code: self._rows[code - self._first] for code in codes}
        self._write_ledger(display)
        for code, keysym in zip(codes, wanted, strict=True):
            display.change_keyboard_mapping(code, [(keysym,) * 4])
        display.sync()
        return {keysym: Stroke(code) for code, keysym in zip(codes, wanted, strict=True)}

    def suspend_caps_lock(self, display: Display) -> None:
        """Toggle Caps Lock off until `give_back`."""
        if (code := self._keycode_of(KEYSYMS["caps_lock"])) is not None and self._caps_lock is None:
            self._caps_lock = code
            _tap(display, code)

    def give_back(self, display: Display, caps_lock: bool = True) -> None:
        """Undo every `borrow`, and put Caps Lock on again where it was suspended."""
        if caps_lock and self._caps_lock is not None:
            _tap(display, self._caps_lock)
            self._caps_lock = None
        if not self._borrowed:
            return
        for code, row in self._borrowed.items():
            display.change_keyboard_mapping(code, [row])
        self._borrowed.clear()
        self._write_ledger(display)
        display.sync()

    def _write_ledger(self, display: Display) -> None:
        root, ledger = display.screen().root, display.intern_atom(_LEDGER)
        if self._borrowed:
            root.change_property(ledger, Xatom.CARDINAL, 32, sorted(self._borrowed))
        else:
            root.delete_property(ledger)

    def _reclaim(self, display: Display) -> None:
        """Free what a run that was killed had borrowed: what its ledger names and what still holds a single character."""
        left = display.screen().root.get_full_property(display.intern_atom(_LEDGER), Xatom.CARDINAL)
        for code in left.value if left else ():
            row = self._rows[code - self._first] if 0 <= code - self._first < self._count else []
            if len(set(row[:4])) == 1:
                self._borrowed[code] = [0] * max(1, len(row))
        self.give_back(display)
        if left:
            self._write_ledger(display)
            self._fetch(display)


def _tap(display: Display, code: int) -> None:
    display.xtest_fake_input(X.KeyPress, code)
    display.xtest_fake_input(X.KeyRelease, code)
    display.sync()
