"""An own X selection: offers a text to whoever pastes, tells when it was fetched, and puts the user's clipboard back."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import TypeVar

from Xlib import X, Xatom
from Xlib.protocol import event
from Xlib.protocol.request import SetSelectionOwner

from actions.backends.x11_connection import LOST, open_display
from actions.errors import DisplayGone

T = TypeVar("T")
_OWNER_SECONDS = 0.5  # how long another owner may take to hand over what it holds
_ANSWER_SECONDS = 5.0


@dataclass(eq=False, slots=True)
class Offer:
    """A text to be pasted. `fetchers` are the windows that took it; `fetched` is set each time one does."""

    text: str
    fetchers: list[int] = field(default_factory=list)
    retaken: set[int] = field(default_factory=set)
    fetched: threading.Event = field(default_factory=threading.Event)


class SelectionServer:
    """Owns CLIPBOARD, and PRIMARY where wanted, while there is something to paste.

    One thread serves them on a connection of its own, and is the only one to touch that connection. What the user had
    copied is read first, as text, and served again after `restore`; it is gone when this process ends, as with any program
    that owns a clipboard.
    """

    def __init__(self, display_name: str, *, primary: bool = True) -> None:
        self._name = display_name
        self._display = open_display(display_name)
        self._window = self._display.screen().root.create_window(-1, -1, 1, 1, 0, X.CopyFromParent)
        atom = self._display.intern_atom
        self._selections = (atom("CLIPBOARD"), *((Xatom.PRIMARY,) if primary else ()))
        self._targets, self._incr, self._inbox = atom("TARGETS"), atom("INCR"), atom("_DEFTLY_SELECTION")
        self._utf8 = atom("UTF8_STRING")
        self._encodings = {self._utf8: "utf-8", atom("text/plain;charset=utf-8"): "utf-8", Xatom.STRING: "latin-1"}
        self._offer: Offer | None = None
        self._saved: dict[int, str] = {}
        self._commands: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._closed = False
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._serve, name="deftly-selection", daemon=True)
        self._thread.start()

    def offer(self, text: str) -> Offer | None:
        """Take the selections for `text`; `None` where the clipboard holds what could not be put back, a picture for example."""
        return self._call(lambda: self._take(text))

    def withdraw(self, offer: Offer) -> None:
        """Hand `offer` out no more: a client that comes late gets nothing, so that text entered in another way does not come twice."""
        self._call(lambda: self._end(offer))

    def restore(self) -> None:
        """Serve again what the user had copied."""
        self._call(self._put_back)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            os.write(self._wake_write, b"x")
            self._thread.join(_ANSWER_SECONDS)
            os.close(self._wake_read)
            os.close(self._wake_write)

    def _call(self, work: Callable[[], T]) -> T:
        """Run `work` in the serving thread and wait for its answer."""
        answer: Future[T] = Future()

        def run() -> None:
            try:
                answer.set_result(work())
            except LOST as err:
                answer.set_exception(DisplayGone(f"the display {self._name} went away while pasting: {err}"))
                raise

        self._commands.put(run)
        os.write(self._wake_write, b"x")
        deadline = time.monotonic() + _ANSWER_SECONDS
        while self._thread.is_alive() and time.monotonic() < deadline:
            with suppress(TimeoutError):
                return answer.result(timeout=0.1)
        if answer.done():
            return answer.result()
        raise DisplayGone(f"the display {self._name} does not answer: nothing can be pasted")

    def _serve(self) -> None:
        with suppress(*LOST):  # the display died: `_call` says so
            while not self._closed:
                with suppress(Empty):
                    while True:
                        self._commands.get_nowait()()
                self._handle_events()
                self._display.flush()
                readable, _, _ = select.select([self._display.fileno(), self._wake_read], [], [], 1.0)
                if self._wake_read in readable:
                    os.read(self._wake_read, 4096)
            self._display.close()

    def _handle_events(self) -> event.SelectionNotify | None:
        """Answer whatever came in; returns the last reply to a question of our own."""
        reply = None
        while self._display.pending_events():
            happened = self._display.next_event()
            if isinstance(happened, event.SelectionRequest):
                self._answer(happened)
            elif isinstance(happened, event.SelectionClear):
                self._lose(happened.atom)
            elif isinstance(happened, event.SelectionNotify):
                reply = happened
        return reply

    def _lose(self, selection: int) -> None:
        """Somebody else copied something: theirs is newer than what was saved.

        While a paste is under way it may be the client itself, late with the Ctrl+A or Ctrl+C before: once, it is taken back.
        """
        self._saved.pop(selection, None)
        if self._offer and not self._offer.fetchers and selection not in self._offer.retaken:
            self._offer.retaken.add(selection)
            self._window.set_selection_owner(selection, X.CurrentTime)

    def _take(self, text: str) -> Offer | None:
        clipboard = self._selections[0]
        for selection in self._selections:
            owner = self._display.get_selection_owner(selection)
            if owner in (X.NONE, self._window):
                continue
            saved = self._read(selection)
            if saved is None and selection == clipboard:
                return None
            self._saved |= {} if saved is None else {selection: saved}
        self._offer = Offer(text)
        for selection in self._selections:
            self._window.set_selection_owner(selection, X.CurrentTime)
        self._display.sync()
        return self._offer

    def _read(self, selection: int) -> str | None:
        """The text that another client holds; `None` when it is no text, too long for one piece, or does not come in time."""
        self._window.delete_property(self._inbox)
        self._window.convert_selection(selection, self._utf8, self._inbox, X.CurrentTime)
        deadline = time.monotonic() + _OWNER_SECONDS
        while (reply := self._handle_events()) is None or reply.selection != selection:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            select.select([self._display.fileno()], [], [], left)
        if reply.property == X.NONE:
            return None
        held = self._window.get_full_property(self._inbox, X.AnyPropertyType)
        if held is None or held.property_type == self._incr or not isinstance(held.value, bytes):
            return None
        return held.value.decode("utf-8", errors="replace")

    def _end(self, offer: Offer) -> None:
        self._handle_events()
        if self._offer is offer and not offer.fetchers:
            self._put_back()

    def _put_back(self) -> None:
        self._offer = None
        for selection in self._selections:
            if selection not in self._saved and self._display.get_selection_owner(selection) == self._window:
                SetSelectionOwner(display=self._display.display, window=X.NONE, selection=selection, time=X.CurrentTime)
        self._display.sync()

    def _answer(self, request: event.SelectionRequest) -> None:
        """Serve one request, or refuse it, as ICCCM 2.2 has it."""
        text = self._offer.text if self._offer else self._saved.get(request.selection)
        place = request.property or request.target  # old clients name no property
        handed_out = text is not None and self._hand_out(request, place, text)
        reply = event.SelectionNotify(
            time=request.time,
            requestor=request.requestor,
            selection=request.selection,
            target=request.target,
            property=place if handed_out else X.NONE,
        )
        request.requestor.send_event(reply)
        self._display.sync()
        if handed_out and self._offer and request.target != self._targets:
            self._offer.fetchers.append(request.requestor.id)
            self._offer.fetched.set()

    def _hand_out(self, request: event.SelectionRequest, place: int, text: str) -> bool:
        if request.target == self._targets:
            request.requestor.change_property(place, Xatom.ATOM, 32, [self._targets, *self._encodings])
            return True
        encoding = self._encodings.get(request.target)
        if encoding is None:
            return False
        try:
            data = text.encode(encoding)
        except UnicodeEncodeError:
            return False
        request.requestor.change_property(place, request.target, 8, data)
        return True
