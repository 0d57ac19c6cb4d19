"""Windows of an X display: which one a click would reach, which one has the focus, and where each lies."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from Xlib import X, Xatom
from Xlib.display import Display
from Xlib.error import BadDrawable, BadWindow

from actions.backends.x11_connection import Connection
from actions.errors import DisplayGone
from actions.geometry import Geometry, Point
from agent.change import Rect
from agent.endings import DisplayLost
from agent.safety.place import Place

_GONE = (BadWindow, BadDrawable)
DESKTOP = ("", "")  # title and class of the bare desktop
DEPTH = 32  # of windows within windows; toolkits stay below 10
FRAME_DEPTH = 3  # from what a window manager draws to the window in it


class X11Scene:
    """Asks the server itself, on a connection of its own. `region` is what of the desktop is watched.

    Raises:
        DisplayLost: the display does not answer.
    """

    def __init__(self, display: str | None, region: Callable[[], Geometry]) -> None:
        self._display = display
        self._connection: Connection | None = None
        self._region = region
        self._lock = threading.Lock()
        self._secret_windows: set[int] = set()

    def at(self, point: Point) -> Place:
        with self._asking() as display:
            x_px, y_px = self._region().to_desktop(point)
            window = self._under(display, x_px, y_px)
            return Place(window=DESKTOP) if window is None else self._place(display, window)

    def focused(self) -> Place:
        with self._asking() as display:
            window = self._focus(display)
            return Place() if window is None else self._place(display, window)

    def windows(self) -> list[tuple[tuple[str, str], Rect]]:
        with self._asking() as display:
            return [(name, box) for _, name, box in self._shown(display)]

    def password_boxes(self) -> None:
        return None  # X11 does not know of fields

    def remember_focus(self) -> None:
        with self._asking() as display:
            window = self._focus(display)
            top = None if window is None else self._named(display, window)
            if top is not None:
                self._secret_windows.add(int(top.id))

    def secret_boxes(self) -> list[Rect]:
        """The whole of each window that a secret was typed into: X11 does not know where in it the field is."""
        if not self._secret_windows:
            return []
        with self._asking() as display:
            return [box for window, _, box in self._shown(display) if window in self._secret_windows]

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def _asking(self) -> Iterator[Display]:
        try:
            with self._lock:
                self._connection = self._connection or Connection(self._display)
                with self._connection.use() as display:
                    yield display
        except DisplayGone as error:
            raise DisplayLost(str(error)) from error

    def _under(self, display: Display, x_px: int, y_px: int) -> Any:
        """What the server would give a click there, as a window with a name; `None` for the bare desktop.

        Asked step by step down the tree, since that knows of stacking and shapes. What a window manager draws around a window, such
        as the button that closes it, counts as that window.
        """
        root = display.screen().root
        top = window = root.translate_coords(root, x_px, y_px).child
        for _ in range(DEPTH):
            if isinstance(window, int):
                break
            if _name(display, window) is not None:
                return window
            window = window.translate_coords(root, x_px, y_px).child
        if isinstance(top, int):
            return None
        framed = _first_named(display, top, FRAME_DEPTH)
        return top if framed is None else framed[0]

    def _focus(self, display: Display) -> Any:
        focus = display.get_input_focus().focus
        if (isinstance(focus, int) and focus == X.PointerRoot) or focus == display.screen().root:
            pointer = display.screen().root.query_pointer()
            return self._under(display, pointer.root_x, pointer.root_y)
        return None if isinstance(focus, int) else focus

    def _place(self, display: Display, window: Any) -> Place:
        named = self._named(display, window)
        if named is None:
            return Place()
        name = _name(display, named)
        return Place(window=name, text=name[0] if name and _is_dialog(display, named) else None, box=self._box(display, named))

    def _named(self, display: Display, window: Any) -> Any:
        """`window`, or the nearest around it that has a title or a class: toolkits make windows within windows."""
        try:
            for _ in range(DEPTH):
                if _name(display, window) is not None:
                    return window
                parent = window.query_tree().parent
                if isinstance(parent, int) or parent == display.screen().root:
                    return None
                window = parent
        except _GONE:
            return None
        return None

    def _shown(self, display: Display) -> list[tuple[int, tuple[str, str], Rect]]:
        shown = []
        for frame in display.screen().root.query_tree().children:
            found = _first_named(display, frame, FRAME_DEPTH)
            box = None if found is None else self._box(display, found[0])
            if found is not None and box is not None:
                shown.append((int(found[0].id), found[1], box))
        return shown

    def _box(self, display: Display, window: Any) -> Rect | None:
        """Where `window` shows on the screenshot; `None` when it does not."""
        try:
            if window.get_attributes().map_state != X.IsViewable:
                return None
            size = window.get_geometry()
            place = display.screen().root.translate_coords(window, 0, 0)
        except _GONE:
            return None
        region = self._region()
        left, top = place.x - region.left, place.y - region.top
        right, bottom = min(left + size.width, region.width), min(top + size.height, region.height)
        left, top = max(left, 0), max(top, 0)
        return Rect(left, top, right, bottom) if left < right and top < bottom else None


def _first_named(display: Display, window: Any, depth: int) -> tuple[Any, tuple[str, str]] | None:
    """`window` or the first within it that has a name, with that."""
    try:
        name = _name(display, window)
        if name is not None:
            return window, name
        children = window.query_tree().children if depth else []
    except _GONE:
        return None
    return next((found for child in children if (found := _first_named(display, child, depth - 1)) is not None), None)


def _name(display: Display, window: Any) -> tuple[str, str] | None:
    """Title and class of `window`; `None` when it has neither."""
    title = _text(window, display.intern_atom("_NET_WM_NAME")) or _text(window, Xatom.WM_NAME)
    cls = " ".join(part for part in _text(window, Xatom.WM_CLASS).split("\0") if part)
    return (title, cls) if title or cls else None


def _is_dialog(display: Display, window: Any) -> bool:
    """Whether the title of `window` says what it asks for: titles of others tell of documents and pages."""
    kinds = window.get_full_property(display.intern_atom("_NET_WM_WINDOW_TYPE"), Xatom.ATOM)
    if kinds is not None and display.intern_atom("_NET_WM_WINDOW_TYPE_DIALOG") in kinds.value:
        return True
    return window.get_full_property(Xatom.WM_TRANSIENT_FOR, Xatom.WINDOW) is not None


def _text(window: Any, atom: int) -> str:
    found = window.get_full_property(atom, X.AnyPropertyType)
    if found is None:
        return ""
    value = found.value
    return value if isinstance(value, str) else bytes(value).decode("utf-8", "replace")
