"""The overlay: each action drawn on the screen where it happened.

Paths are SVG in the pixels of the screen. All else is of a fixed size and placed by per cent, so that it looks the same on every screen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from actions.geometry import Point, Size
from actions.phone import LongPress
from actions.space import Action, ButtonDown, ButtonUp, Click, Drag, Hotkey, KeyDown, KeyUp, Move, Scroll, TypeText
from agent.page.markup import element, text
from agent.words import shortened

_CAPTION = 60  # characters of typed text that are drawn on the screen
_CROSS = "M-12 0H12M0-12V12"
_ARROW = "M0-20V18M-9 9L0 19L9 9"
_HEAD = "M-10-12L0 0L10-12"


class Overlay(NamedTuple):
    """`shapes` go inside the screen's `<svg>`, `marks` lie on top of it; `focus` is where the pointer was left."""

    shapes: str
    marks: str
    focus: Point | None


class _Mark(NamedTuple):
    kind: str
    point: Point | None
    drawing: str
    tag: str


def draw(actions: Sequence[Action], size: Size, focus: Point | None) -> Overlay:
    """`actions` drawn on a screen of `size`; what is typed stands where the pointer is, at `focus` to begin with."""
    shapes, marks = [], []
    for action in actions:
        focus = place_of(action) or focus
        if isinstance(action, Drag):
            shapes.append(_path(action, size))
        if mark := _mark(action, size, focus):
            marks.append(mark)
    return Overlay("".join(shapes), _render(marks), focus)


def place_of(action: Action) -> Point | None:
    """Where `action` leaves the pointer, where it says so."""
    match action:
        case Click() | Move() | ButtonDown() | ButtonUp() | Scroll() | LongPress():
            return action.point
        case Drag():
            return action.path[-1]
        case _:
            return None


def _mark(action: Action, size: Size, focus: Point | None) -> _Mark | None:
    match action:
        case Click():
            return _Mark("click", focus, _rings(action.count), _click_tag(action))
        case Move():
            return _Mark("move", focus, _stroke(_CROSS), "")
        case ButtonDown() | ButtonUp():
            return _Mark("click", focus, _rings(1), "press" if isinstance(action, ButtonDown) else "release")
        case Drag():
            return _Mark("drag", focus, _stroke(_HEAD, _direction(action.path, size)), "" if action.button == "left" else action.button)
        case Scroll():
            return _Mark("scroll", focus, _stroke(_ARROW, _scroll_direction(action)), str(abs(action.dy or action.dx)))
        case TypeText():
            return _Mark("caption", focus, "", shortened(action.text, _CAPTION))
        case Hotkey():
            return _Mark("caption keys", focus, "", " + ".join(action.keys))
        case KeyDown() | KeyUp():
            return _Mark("caption keys", focus, "", f"{action.key} {'held' if isinstance(action, KeyDown) else 'let go'}")
        case _:
            return None


def _render(marks: Sequence[_Mark]) -> str:
    """The marks, numbered where there are several, those at one place below each other."""
    rendered = []
    for number, mark in enumerate(marks, start=1):
        order = element("b", str(number)) if len(marks) > 1 else ""
        label = element("span", order, element("span", text(mark.tag)) if mark.tag else "", class_="tag") if order or mark.tag else ""
        above = sum(other.point == mark.point and bool(other.tag) for other in marks[: number - 1])
        rendered.append(element("div", mark.drawing, label, class_=f"mark {mark.kind}{_side(mark.point)}", style=_place(mark.point, above)))
    return element("div", *rendered, class_="marks") if rendered else ""


def _place(point: Point | None, above: int) -> str:
    x, y = (0.5, 0.96) if point is None else (point.x, point.y)
    return f"left:{x:.4%};top:{y:.4%};--row:{above}"


def _side(point: Point | None) -> str:
    """Tags open towards the middle of the screen, so that they are not cut off at its edge."""
    if point is None:
        return " nowhere"
    return (" leftward" if point.x > 0.6 else "") + (" upward" if point.y > 0.8 else "")


def _click_tag(click: Click) -> str:
    parts = [*click.modifiers, *([click.button] if click.button != "left" else []), *([f"×{click.count}"] if click.count > 1 else [])]
    return " ".join(parts)


def _rings(count: int) -> str:
    rings = "".join(f'<circle class="halo" r="{13 + 6 * n}"/><circle class="line" r="{13 + 6 * n}"/>' for n in range(count))
    return _drawing(f'<circle class="pulse" r="13"/>{rings}<circle class="dot" r="3.5"/>')


def _stroke(path: str, degrees: float = 0) -> str:
    return _drawing(f'<g transform="rotate({degrees:.0f})"><path class="halo" d="{path}"/><path class="line" d="{path}"/></g>')


def _drawing(inner: str) -> str:
    return f'<svg viewBox="-32 -32 64 64" aria-hidden="true">{inner}</svg>'


def _path(drag: Drag, size: Size) -> str:
    points = " ".join(f"{point.x * size.width:.1f},{point.y * size.height:.1f}" for point in drag.path)
    start = drag.path[0]
    where = f'cx="{start.x * size.width:.1f}" cy="{start.y * size.height:.1f}" r="{max(size) / 160:.1f}"'
    return f'<polyline class="halo" points="{points}"/><polyline class="line" points="{points}"/><circle class="start" {where}/>'


def _direction(path: Sequence[Point], size: Size) -> float:
    """Degrees by which an arrow that points down is turned to point along the last leg that has a length."""
    end = path[-1]
    before = next((point for point in reversed(path) if point != end), end)
    return math.degrees(math.atan2((end.y - before.y) * size.height, (end.x - before.x) * size.width)) - 90


def _scroll_direction(scroll: Scroll) -> float:
    if scroll.dy:
        return 0 if scroll.dy < 0 else 180
    return -90 if scroll.dx > 0 else 90
