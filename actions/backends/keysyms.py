"""Keysyms: the numbers by which X and VNC call keys and characters. Source: X11/keysymdef.h."""

from __future__ import annotations

KEYSYMS = {
    "ctrl": 0xFFE3,
    "alt": 0xFFE9,
    "shift": 0xFFE1,
    "meta": 0xFFEB,
    "enter": 0xFF0D,
    "escape": 0xFF1B,
    "backspace": 0xFF08,
    "delete": 0xFFFF,
    "tab": 0xFF09,
    "space": 0x20,
    "left": 0xFF51,
    "up": 0xFF52,
    "right": 0xFF53,
    "down": 0xFF54,
    "home": 0xFF50,
    "end": 0xFF57,
    "page_up": 0xFF55,
    "page_down": 0xFF56,
    "insert": 0xFF63,
    "caps_lock": 0xFFE5,
    "num_lock": 0xFF7F,
    "scroll_lock": 0xFF14,
    "print_screen": 0xFF61,
    "pause": 0xFF13,
    "menu": 0xFF67,
} | {f"f{n}": 0xFFBD + n for n in range(1, 25)}


def keysym_of(char: str) -> int:
    """The keysym of a printable character: Latin-1 is itself, the rest lies in the Unicode range."""
    code = ord(char)
    return code if code < 0x100 else 0x01000000 | code
