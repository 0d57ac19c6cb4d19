"""Entering a line of text on an X display: a short one by key events, a long one by pasting an own selection."""

from __future__ import annotations

import time
from typing import NamedTuple

from Xlib import X, Xatom
from Xlib.display import Display

from actions.backends.base import Entered, Sleep
from actions.backends.keysyms import KEYSYMS
from actions.backends.x11_connection import focused_window, same_client, window_id
from actions.backends.x11_keymap import Keymap, Stroke
from actions.backends.x11_keys import KeyTyping
from actions.backends.x11_selection import Offer, SelectionServer

SHORT = 20  # characters; up to here key events are as fast as a paste, and pages that listen to keys see them
_PIECE = 50_000  # characters; four bytes each still fit one property, so that INCR transfers are not needed
_FETCH_SECONDS = 1.0  # a paste takes 2 to 9 ms; a busy machine is given time
_FETCH_AGAIN = 0.03  # some clients fetch twice: so long what they fetch stays the same
_POLL = 0.02
# After a click or a key the focus may still move because of it, and the client may still select or copy something.
_FOCUS_SECONDS, _SELECTION_SECONDS = 0.5, 0.15


class _Paste(NamedTuple):
    taken: bool
    how: str


class Typer:
    """Enters text where the focus is; what the user had copied is put back at `restore`."""

    def __init__(self, display_name: str) -> None:
        self._display_name = display_name
        self._selection: SelectionServer | None = None
        self._offering = False
        self._fetched_at = 0.0
        self._no_paste: set[int] = set()

    def enter(self, display: Display, keymap: Keymap, text: str, sleep: Sleep, acted_at: float, keys_only: bool) -> Entered:
        """Enter `text`, which holds no newline or tab. `acted_at` is when something was last clicked or pressed.

        `keys_only` while a modifier is held: a paste would be another chord.
        """
        keys = KeyTyping(display, keymap, settled_at=acted_at + _FOCUS_SECONDS)
        if keys_only or (len(text) <= SHORT and keys.maps(text)):
            return Entered(keys.type(text, sleep), "typed by keys")
        if focused_window(display) in self._no_paste:
            return Entered(keys.type(text, sleep), "typed by keys, as this window takes no paste")
        sleep(max(0.0, acted_at + _SELECTION_SECONDS - time.monotonic()))
        start = _started_by_key(display, text)
        done = keys.type(start, sleep)
        if done != start or done == text:
            return Entered(done, "typed by keys")
        while len(done) < len(text):
            piece = text[len(done) : len(done) + _PIECE]
            pasted = self._paste(display, keymap, keys, piece, sleep)
            if not pasted.taken:
                return Entered(done + keys.type(text[len(done) :], sleep), pasted.how)
            done += piece
        return Entered(done, pasted.how)

    def _paste(self, display: Display, keymap: Keymap, keys: KeyTyping, text: str, sleep: Sleep) -> _Paste:
        """Offer `text`, press Shift+Insert, and see whether it was fetched."""
        shift, insert = (keymap.stroke(KEYSYMS[name]) for name in ("shift", "insert"))
        if shift is None or insert is None:
            return _Paste(False, "typed by keys, as this keyboard has no Shift+Insert")
        if self._selection is None:
            self._selection = SelectionServer(self._display_name)
        self._let_fetch_again()
        offer = self._selection.offer(text)
        if offer is None:
            return _Paste(False, "typed by keys, as the clipboard holds what could not be put back")
        self._offering = True
        keys.strike(Stroke(insert.keycode, (shift.keycode,)))
        fetched = self._wait_fetched(display, offer, sleep)
        if fetched is None:
            self._selection.withdraw(offer)
            fetched = self._was_fetched(display, offer)
        if fetched is None:
            self._no_paste |= {focused_window(display)} - {X.NONE, X.PointerRoot}
            return _Paste(False, "typed by keys, as the paste was not fetched")
        self._fetched_at = time.monotonic()
        return _Paste(True, "pasted" if fetched else "pasted, but fetched only by another program than the focused one")

    def _wait_fetched(self, display: Display, offer: Offer, sleep: Sleep) -> bool | None:
        deadline = time.monotonic() + _FETCH_SECONDS
        while time.monotonic() < deadline:
            offer.fetched.wait(_POLL)
            sleep(0)
            if self._was_fetched(display, offer):
                return True
        return self._was_fetched(display, offer)

    def _was_fetched(self, display: Display, offer: Offer) -> bool | None:
        """By the focused client (true), only by another (false; a clipboard manager, a viewer of another machine), by none (None)."""
        if not offer.fetchers:
            return None
        focus = focused_window(display)
        offer.fetched.clear()
        return focus in (X.NONE, X.PointerRoot) or any(same_client(display, focus, window) for window in offer.fetchers)

    def restore(self) -> None:
        """Put back what the user had copied, after the last paste."""
        if self._offering and self._selection is not None:
            self._offering = False
            self._let_fetch_again()
            self._selection.restore()

    def _let_fetch_again(self) -> None:
        time.sleep(max(0.0, self._fetched_at + _FETCH_AGAIN - time.monotonic()))

    def close(self) -> None:
        if self._selection is not None:
            self._selection.close()
            self._selection = None


def _started_by_key(display: Display, text: str) -> str:
    """The first character, where text of the focused client may be selected; else nothing.

    A key replaces the selected text, as was meant. A paste takes the PRIMARY selection, and toolkits that lose it give up
    their selected text: the old text would stay.
    """
    owner = window_id(display.get_selection_owner(Xatom.PRIMARY))
    return text[:1] if owner != X.NONE and same_client(display, owner, focused_window(display)) else ""
