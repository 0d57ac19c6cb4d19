"""Elements of the page in a browser: what a click or a key would reach, and what that says of itself.

Asked in a world of its own (CDP's isolated worlds), so that a page cannot lie by replacing `document.elementFromPoint`.
"""

from __future__ import annotations

import json
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from actions.errors import DisplayGone
from actions.geometry import Point
from agent.change import Rect
from agent.endings import DisplayLost
from agent.safety.place import Place

if TYPE_CHECKING:
    from agent.computers.browser import BrowserComputer

T = TypeVar("T")
WORLD = "deftly-safety"
# Of the page's structure (a dialog, a list) the name says little about one thing in it.
ACTING_ROLES = frozenset(
    (
        *("button", "link", "menuitem", "menuitemcheckbox", "menuitemradio", "checkbox", "radio", "switch", "tab", "option", "treeitem"),
        *("StaticText", "LabelText", "image", "img", "textbox", "searchbox", "combobox", "slider", "spinbutton", "DisclosureTriangle"),
    )
)
LONGEST = 400  # characters of an element's text; what says more is no button

TELL_JS = Path(__file__).with_name("place.js").read_text(encoding="utf-8")


class BrowserScene:
    """The tab in front of `computer`, at the moment of each question.

    Raises:
        DisplayLost: the browser does not answer.
    """

    def __init__(self, computer: BrowserComputer) -> None:
        self._computer = computer

    def at(self, point: Point) -> Place:
        size, scale = self._computer.geometry.size, self._scale
        x_px, y_px = point.x * size.width / scale, point.y * size.height / scale
        told = self._ask({"point": [x_px, y_px], "longest": LONGEST})
        scroll_x, scroll_y = told["scroll"]
        names = self._call(self._accessible_names(int(x_px + scroll_x), int(y_px + scroll_y)))
        return self._place(told, names)

    def focused(self) -> Place:
        return self._place(self._ask({"longest": LONGEST}))

    def windows(self) -> None:
        return None  # a headless browser has none

    def password_boxes(self) -> Sequence[Rect]:
        return self._boxes("password")

    def remember_focus(self) -> None:
        self._ask({"remember": True, "longest": LONGEST})

    def secret_boxes(self) -> Sequence[Rect]:
        return self._boxes("secret")

    def close(self) -> None:
        return  # the session is the computer's to close

    @property
    def _scale(self) -> float:
        return self._computer.session.options.scale

    def _boxes(self, kind: str) -> list[Rect]:
        boxes = [self._rect(box) for box in self._ask({"boxes": kind})["boxes"]]
        return [box for box in boxes if box is not None]

    def _place(self, told: dict[str, Any], names: Sequence[str] = ()) -> Place:
        hosts = tuple(dict.fromkeys(_host(url) for url in told["hosts"] if url))
        if told.get("opaque"):
            return Place(hosts=hosts, text=" \n ".join(names) or None, box=self._rect(told.get("box")))
        return Place(
            hosts=hosts,
            text=" \n ".join(dict.fromkeys([*filter(None, [told.get("text", "")]), *names])),
            password_field=bool(told.get("password", False)),
            box=self._rect(told.get("box")),
        )

    def _rect(self, box: list[float] | None) -> Rect | None:
        if box is None or box[0] >= box[2] or box[1] >= box[3]:
            return None
        size = self._computer.geometry.size
        left, top, right, bottom = (side * self._scale for side in box)
        # Rounded outwards: half a pixel of a letter is still a letter.
        rect = Rect(max(0, int(left)), max(0, int(top)), min(size.width, int(right) + 1), min(size.height, int(bottom) + 1))
        return rect if rect.left < rect.right and rect.top < rect.bottom else None

    def _ask(self, how: dict[str, Any]) -> dict[str, Any]:
        return self._call(self._evaluate(f"({TELL_JS}\n)({json.dumps(how)})"))

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self._computer.session.call(work)
        except DisplayGone as error:
            raise DisplayLost(str(error)) from error

    async def _accessible_names(self, x_px: int, y_px: int) -> list[str]:
        """What assistive technology calls the thing there and what it lies in: also within closed shadow roots, which scripts cannot see.

        The point is in CSS pixels of the document, not of what of it shows.
        """
        from playwright.async_api import Error

        session = await self._computer.session.cdp()
        try:
            node = await session.send("DOM.getNodeForLocation", {"x": x_px, "y": y_px})
        except Error as error:
            if "No node found" in str(error):
                return []
            raise
        tree = await session.send("Accessibility.getPartialAXTree", {"backendNodeId": node["backendNodeId"], "fetchRelatives": True})
        named = [(each.get("role", {}).get("value"), each.get("name", {}).get("value")) for each in tree["nodes"]]
        return [name for role, name in named if role in ACTING_ROLES and name and len(name) <= LONGEST]

    async def _evaluate(self, javascript: str) -> dict[str, Any]:
        session = await self._computer.session.cdp()
        tree = await session.send("Page.getFrameTree")
        world = await session.send("Page.createIsolatedWorld", {"frameId": tree["frameTree"]["frame"]["id"], "worldName": WORLD})
        done = await session.send(
            "Runtime.evaluate", {"expression": javascript, "contextId": world["executionContextId"], "returnByValue": True}
        )
        value = done["result"].get("value")
        if not isinstance(value, dict):
            raise DisplayGone(f"the page could not be asked: {done.get('exceptionDetails', {}).get('text', 'no answer')}")
        return value


def _host(url: str) -> str:
    """The host of `url`; for addresses that have none, their scheme, as in `data:`."""
    parts = urlsplit(url)
    return parts.hostname or f"{parts.scheme}:"
