"""The screens of a page: each picture is in it once, however many steps and thumbnails show it."""

from __future__ import annotations

import base64

from agent.page.markup import element
from agent.png import PngError, size_of
from agent.screenshot import Screenshot


class Screens:
    """Collects pictures; `show` refers to one, `render` defines them all."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        self._pictures: list[str] = []

    def show(self, seen: Screenshot, *inner: str, label: str) -> str:
        """An `<svg>` that shows `seen`, with `inner` drawn over it in the screen's pixels."""
        width, height = seen.size
        picture = self._id(seen)
        shown = (
            f'<use href="#{picture}"/>'
            if picture
            else f'<text x="{width // 2}" y="{height // 2}" class="missing" text-anchor="middle">the picture is missing</text>'
        )
        return element("svg", shown, *inner, class_="shot", viewBox=f"0 0 {width} {height}", role="img", aria_label=label)

    def render(self) -> str:
        """The definitions that `show` refers to."""
        return element("svg", element("defs", *self._pictures), class_="pictures", aria_hidden="true", width=0, height=0)

    def _id(self, seen: Screenshot) -> str | None:
        if seen.sha256 not in self._ids:
            try:
                png = seen.png
                width, height = size_of(png)
            except (OSError, PngError):
                return None
            name = f"s{len(self._ids)}"
            data = base64.b64encode(png).decode("ascii")
            self._pictures.append(f'<image id="{name}" width="{width}" height="{height}" href="data:image/png;base64,{data}"/>\n')
            self._ids[seen.sha256] = name
        return self._ids[seen.sha256]
