"""What a computer can tell of a place on its screen: which window, which page, what it says of itself. `None` is "it cannot tell"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol

from actions.geometry import Point
from agent.change import Rect
from agent.computers.base import Computer
from agent.safety.rules import WindowPattern


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What lies under a point, or has the focus. `box` is its place on the screenshot, in pixels."""

    window: tuple[str, str] | None = None  # title and class; empty for the bare desktop
    hosts: tuple[str, ...] | None = None
    text: str | None = None
    password_field: bool | None = None
    box: Rect | None = None


NOWHERE = Place()


class Scene(Protocol):
    """Asked just before an action happens, on the screen as it then is."""

    def at(self, point: Point) -> Place:
        """What a click at `point` would reach."""
        ...

    def focused(self) -> Place:
        """What typing would reach; `text` also has the words of the button that Enter would press."""
        ...

    def windows(self) -> Sequence[tuple[tuple[str, str], Rect]] | None:
        """Title, class and box of every window that shows, or `None`."""
        ...

    def password_boxes(self) -> Sequence[Rect] | None:
        """Where fields for passwords lie, or `None`."""
        ...

    def remember_focus(self) -> None:
        """A secret is being typed into what has the focus: `secret_boxes` tells from now on where that is."""
        ...

    def secret_boxes(self) -> Sequence[Rect] | None:
        """Where what was remembered lies now."""
        ...

    def close(self) -> None:
        """Let go of what asking needed; a later question connects again."""
        ...


class NoScene:
    """Of a computer that is pixels only: VNC, a remote one, macOS, Windows."""

    def at(self, point: Point) -> Place:
        return NOWHERE

    def focused(self) -> Place:
        return NOWHERE

    def windows(self) -> None:
        return None

    def password_boxes(self) -> None:
        return None

    def remember_focus(self) -> None:
        return None

    def secret_boxes(self) -> None:
        return None

    def close(self) -> None:
        return None


def scene_of(computer: Computer) -> Scene:
    """What can tell of places on `computer`."""
    from agent.computers.browser import BrowserComputer
    from agent.computers.desktop import DesktopComputer

    if isinstance(computer, BrowserComputer):
        from agent.safety.browser_scene import BrowserScene

        return BrowserScene(computer)
    if isinstance(computer, DesktopComputer) and computer.is_x11:
        from agent.safety.x11_scene import X11Scene

        return X11Scene(computer.display, lambda: computer.geometry)
    return NoScene()


def window_fits(window: tuple[str, str], patterns: Sequence[WindowPattern]) -> bool:
    """Whether any of `patterns` is one for the window with this title and class."""
    title = window[0].casefold()
    names = {window[1].casefold(), *window[1].casefold().split(" ")}  # X11 has an instance and a class, as in "xterm XTerm"
    return any(
        fnmatchcase(title, each.title.casefold()) and any(fnmatchcase(name, each.cls.casefold()) for name in names) for each in patterns
    )


def host_fits(host: str, patterns: Sequence[str]) -> bool:
    """Whether `host` is one of `patterns`; `*.example.org` is every host below that one."""
    host = host.lower().rstrip(".")
    return any(host.endswith(each[1:]) if each.startswith("*.") else host == each for each in patterns)
