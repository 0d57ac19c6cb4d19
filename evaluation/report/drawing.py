"""Targets and predictions drawn over a screen: boxes as SVG in its pixels, points by per cent, so that they look alike at every size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from actions.geometry import Size
from agent.page.markup import element, text
from evaluation.report.content import Mark
from evaluation.steps import Act, Place, Wanted

LONGEST = 200  # characters of a typed text in a line of words


def draw(marks: Sequence[Mark], size: Size) -> str:
    """`marks` over a screen of `size`."""
    shapes = "".join(_shapes(mark, size) for mark in marks)
    drawing = (
        element("svg", shapes, class_="shapes", viewBox=f"0 0 {size.width} {size.height}", preserveAspectRatio="none") if shapes else ""
    )
    return drawing + "".join(_point(mark, mark.end or mark.place) for mark in marks if mark.place is not None)


def wanted_marks(option: Iterable[Wanted]) -> tuple[Mark, ...]:
    """Where the actions of an option may land."""
    marks = [
        Mark(kind="wanted", place=each.act.place, end=each.act.end, boxes=each.boxes, polygons=each.polygons)
        for each in option
        if each.act.place or each.boxes or each.polygons
    ]
    return tuple(marks)


def said_marks(acts: Iterable[Act], kind: str = "said", label: str = "") -> tuple[Mark, ...]:
    """Where the model's actions landed."""
    return tuple(
        Mark(kind="other" if kind == "other" else "said", place=act.place, end=act.end, label=label)
        for act in acts
        if act.place is not None
    )


def act_words(acts: Iterable[Act], size: Size | None) -> str:
    """Actions in words, one a line, their places in pixels of the picture."""
    return "\n".join(" ".join(part for part in _words(act, size) if part) for act in acts)


def _words(act: Act, size: Size | None) -> list[str]:
    typed = act.text if len(act.text) <= LONGEST else act.text[:LONGEST] + "…"
    return [
        act.type,
        _place(act.place, size),
        f"to {_place(act.end, size)}" if act.end else "",
        f'"{typed}"' if act.text else "",
        " + ".join(act.keys),
        act.value,
        f"{act.amount:g}" if act.amount is not None else "",
    ]


def _place(place: Place | None, size: Size | None) -> str:
    if place is None:
        return ""
    return f"({place.x * size.width:.0f}, {place.y * size.height:.0f})" if size else f"({place.x:.4f}, {place.y:.4f})"


def _shapes(mark: Mark, size: Size) -> str:
    boxes = [
        f'<rect class="area {mark.kind}" x="{box.left * size.width:.1f}" y="{box.top * size.height:.1f}" '
        f'width="{max(0.0, box.right - box.left) * size.width:.1f}" height="{max(0.0, box.bottom - box.top) * size.height:.1f}"/>'
        for box in mark.boxes
    ]
    polygons = [f'<polygon class="area {mark.kind}" points="{_points(polygon, size)}"/>' for polygon in mark.polygons]
    path = [mark.place, mark.end] if mark.place and mark.end else []
    line = f'<polyline class="way {mark.kind}" points="{_points([p for p in path if p], size)}"/>' if path else ""
    return "".join((*boxes, *polygons, line))


def _points(places: Iterable[Place], size: Size) -> str:
    return " ".join(f"{place.x * size.width:.1f},{place.y * size.height:.1f}" for place in places)


def _point(mark: Mark, place: Place | None) -> str:
    """A cross in a ring; one outside of the screen lies at its edge, and is drawn as such."""
    if place is None or (mark.kind == "wanted" and (mark.boxes or mark.polygons)):
        return ""
    x, y = min(max(place.x, 0.0), 1.0), min(max(place.y, 0.0), 1.0)
    outside = " outside" if (x, y) != tuple(place) else ""
    label = element("b", text(mark.label, 40)) if mark.label else ""
    return element("i", label, class_=f"point {mark.kind}{outside}", style=f"left:{x:.3%};top:{y:.3%}")
