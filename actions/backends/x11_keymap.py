"""The live keymap of an X server: which key gives which character, and keycodes lent to characters that no key gives."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import NamedTuple

from Xlib import X, Xatom
from Xlib.display import Display

from actions.backends.keysyms import KEYSYMS, keysym_of

_SHIFT_L, _LEVEL3_SHIFT = KEYSYMS["shift"], 0xFE03
_LATE_READER = 0.1  # seconds in which a busy client may still have to look up the last lent key that was pressed
_PAGES = {
    0x01: "iso8859-2",
    0x02: "iso8859-3",
    0x03: "iso8859-4",
    0x05: "iso8859-6",
    0x06: "koi8-u",
    0x07: "iso8859-7",
    0x0C: "iso8859-8",
    0x0D: "iso8859-11",
    0x13: "iso8859-15",
}
_KEYPAD = range(0xFF80, 0xFFBE)
# Where a crash leaves word of the keycodes that it had lent, so that the next run can give them back.
_LEDGER = "_DEFTLY_LENT_KEYCODES"


class Stroke(NamedTuple):
    """One key to press, and the keycodes to hold meanwhile."""

    keycode: int
    held: tuple[int, ...] = ()


def char_of(keysym: int) -> str:
    """The character that `keysym` types; nothing for keys such as Return. Knows the older keysyms too, which layouts still use."""
    if 0x20 <= keysym < 0x7F or 0xA0 <= keysym < 0x100:
        return chr(keysym)
    if 0x01000100 <= keysym <= 0x0110FFFF:
        return chr(keysym & 0xFFFFFF)
    if keysym >> 8 == 0x20:
        return chr(keysym)
    # Before Unicode, the letters of a script had a page each, with the bytes of its 8-bit encoding.
    encoding = _PAGES.get(keysym >> 8)
    letter = bytes([keysym & 0xFF]).decode(encoding, errors="ignore") if encoding else ""
    return letter if letter.isalpha() else ""


class Keymap:
    """The keymap as of the last `refresh`, and the keycodes that are lent to characters.

    A keycode stays lent until `give_back`, so that a character costs one change of the keymap in a run: each change makes
    every client read the keymap anew, which takes some window managers 60 ms.
    """

    def __init__(self, display: Display) -> None:
        self._first = display.display.info.min_keycode
        self._count = display.display.info.max_keycode - self._first + 1
        self._rows: list[list[int]] = []
        self._lent: dict[int, int] = {}  # keysym: keycode, the one lent longest ago first
        self._before: dict[int, list[int]] = {}  # keycode: what it gave before it was lent
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
        # A new layout overwrites what was lent.
        self._lent = {keysym: code for keysym, code in self._lent.items() if self._row(code)[:1] == [keysym]}
        self._before = {code: row for code, row in self._before.items() if code in self._lent.values()}

    def _row(self, code: int) -> list[int]:
        return self._rows[code - self._first]

    def stroke(self, keysym: int, group: int = 0) -> Stroke | None:
        """How to get `keysym` while layout `group` is active; `None` when no key gives it, nor is one lent to it."""
        if keysym in self._lent:
            return Stroke(self._lent[keysym])
        # Column of a keysym: plain, Shift, AltGr, Shift+AltGr; the core protocol puts the second layout's pair between them.
        shift, level3 = self._keycode_of(_SHIFT_L), self._keycode_of(_LEVEL3_SHIFT)
        for column, held in enumerate(((), (shift,), (level3,), (shift, level3))):
            index = (column & 1) + 4 * (column >> 1) + 2 * group
            for keycode, row in enumerate(self._rows, self._first):
                if index < len(row) and row[index] == keysym and row[0] not in _KEYPAD and None not in held:
                    return Stroke(keycode, tuple(code for code in held if code is not None))
        return None

    def stroke_of_key(self, name: str, group: int = 0) -> Stroke | None:
        """How to press the key called `name`; a letter of another layout's keys counts, as it does in hotkeys."""
        keysym = KEYSYMS.get(name) or keysym_of(name)
        return self.stroke(keysym, group) or self.stroke(keysym, 0)

    def _keycode_of(self, keysym: int) -> int | None:
        return next((keycode for keycode, row in enumerate(self._rows, self._first) if row and row[0] == keysym), None)

    def needs_lending(self, keysym: int, group: int) -> bool:
        """Whether `keysym` has no key of its own."""
        return keysym in self._lent or self.stroke(keysym, group) is None

    def room(self) -> int:
        """To how many characters a keycode can be lent at a time; at least 1."""
        return max(1, len(self._free()) + len(self._lent))

    def _free(self) -> list[int]:
        return [code for code, row in enumerate(self._rows, self._first) if not any(row)]

    def lend(self, display: Display, keysyms: Collection[int]) -> bool:
        """Give each of `keysyms` a keycode of its own; says whether the keymap had to be changed for it.

        One keycode per character, all before the first is pressed: clients read the keymap late, so that a re-used keycode
        gives wrong characters.
        """
        wanted = [keysym for keysym in keysyms if keysym not in self._lent]
        for keysym, code in zip(wanted, self._codes_to_lend(keysyms), strict=False):
            self._before.setdefault(code, self._row(code))
            self._lent = {other: lent for other, lent in self._lent.items() if lent != code} | {keysym: code}
            self._rows[code - self._first] = [keysym] * 4
        self._write_ledger(display)
        for keysym in wanted:
            display.change_keyboard_mapping(self._lent[keysym], [(keysym,) * 4])
        display.sync()
        return bool(wanted)

    def _codes_to_lend(self, keysyms: Collection[int]) -> list[int]:
        """Free keycodes, then those lent longest ago; where every key is taken, the last one, which is restored later."""
        idle = [code for keysym, code in self._lent.items() if keysym not in keysyms]
        return [*self._free(), *idle] or [self._first + self._count - 1]

    def suspend_caps_lock(self, display: Display) -> None:
        """Toggle Caps Lock off until `resume_caps_lock`."""
        if (code := self._keycode_of(KEYSYMS["caps_lock"])) is not None and self._caps_lock is None:
            self._caps_lock = code
            _tap(display, code)

    def resume_caps_lock(self, display: Display) -> None:
        if self._caps_lock is not None:
            _tap(display, self._caps_lock)
            self._caps_lock = None

    def give_back(self, display: Display) -> None:
        """Undo every `lend`."""
        if self._lent:
            time.sleep(_LATE_READER)
        for code, row in self._before.items():
            display.change_keyboard_mapping(code, [row])
        if self._before:
            self._lent.clear()
            self._before.clear()
            self._write_ledger(display)
            self._fetch(display)

    def _write_ledger(self, display: Display) -> None:
        root, ledger = display.screen().root, display.intern_atom(_LEDGER)
        if self._before:
            root.change_property(ledger, Xatom.CARDINAL, 32, sorted(self._before))
        else:
            root.delete_property(ledger)

    def _reclaim(self, display: Display) -> None:
        """Free what a run that was killed had lent: what its ledger names and what still holds a single character."""
        left = display.screen().root.get_full_property(display.intern_atom(_LEDGER), Xatom.CARDINAL)
        for code in left.value if left else ():
            row = self._row(code) if 0 <= code - self._first < self._count else []
            if row and len(set(row[:4])) == 1:
                self._before[code] = [0] * len(row)
        self.give_back(display)


def _tap(display: Display, code: int) -> None:
    display.xtest_fake_input(X.KeyPress, code)
    display.xtest_fake_input(X.KeyRelease, code)
    display.sync()
