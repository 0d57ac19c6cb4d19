"""What is acted on in the contract tests: a pad and a text field, on an X display or in a page, that tell in one vocabulary what they saw.

Events are dictionaries: press and release (x, y, button), motion (x, y), wheel (dx, dy), key_down and key_up (key), text (text).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from Xlib import X

from actions.backends.x11_connection import open_display
from agent.computers.browser import BrowserComputer
from agent.computers.miniwob import MiniWob
from agent.computers.virtual import VirtualDesktop
from tests.actions.conftest import PATIENCE, Target

Event = dict[str, Any]
Rectangle = tuple[int, int, int, int]  # left, top, width, height
WHEEL = {4: (0, 1), 5: (0, -1), 6: (-1, 0), 7: (1, 0)}
KEYS = {"Shift_L": "shift", "Control_L": "ctrl"}


class Scene(Protocol):
    pad: Rectangle
    field: tuple[int, int]

    def events(self) -> Iterator[Event]:
        """What happened since the last time, as it happens; ends after `PATIENCE`."""
        ...

    def clear(self) -> None:
        """Forget what happened, empty the field and give it the focus."""
        ...

    def change(self) -> None:
        """Let a good part of the screen look different."""
        ...


def wait(scene: Scene, **wanted: object) -> Event:
    """The next event that has all of these fields."""
    heard = []
    for event in scene.events():
        heard.append(event)
        if all(event.get(name) == value for name, value in wanted.items()):
            return event
    raise AssertionError(f"waited in vain for {wanted}; there were {heard[-10:]}")


class XScene:
    """A pad of raw X events beside a Tk program with a text field."""

    pad = (920, 60, 340, 600)

    def __init__(self, desktop: VirtualDesktop) -> None:
        self._target = Target(desktop)
        left, top = self._target.places["entry"]
        self.field = (left + 60, top + 8)
        self._display = open_display(desktop.display)
        root, mask = self._display.screen().root, X.ButtonPressMask | X.ButtonReleaseMask | X.PointerMotionMask
        left, top, width, height = self.pad
        self._window = root.create_window(
            left, top, width, height, 0, X.CopyFromParent, override_redirect=True, background_pixel=0x336699, event_mask=mask
        )
        self._window.map()
        self._display.sync()
        self._colour = 0x336699

    def events(self) -> Iterator[Event]:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self._display.sync()
            while self._display.pending_events():
                yield from _told_by_x(self._display.next_event())
            while not self._target.said.empty():
                yield from _told_by_tk(self._target.said.get())
            time.sleep(0.01)

    def clear(self) -> None:
        self._target.clear()
        self._display.sync()
        while self._display.pending_events():
            self._display.next_event()

    def change(self) -> None:
        self._colour ^= 0xFFFFFF
        self._window.change_attributes(background_pixel=self._colour)
        self._window.clear_area()
        self._display.sync()

    def held(self) -> bool:
        return any(self._display.query_keymap()) or bool(self._display.screen().root.query_pointer().mask & 0x1F00)

    def close(self) -> None:
        self._target.close()
        self._display.close()


def _told_by_x(event: Any) -> Iterator[Event]:
    place = {"x": event.root_x, "y": event.root_y} if hasattr(event, "root_x") else {}
    if event.type == X.ButtonPress and event.detail in WHEEL:
        dx, dy = WHEEL[event.detail]
        yield {"kind": "wheel", "dx": dx, "dy": dy, **place}
    elif event.type in (X.ButtonPress, X.ButtonRelease) and event.detail not in WHEEL:
        yield {"kind": "press" if event.type == X.ButtonPress else "release", "button": event.detail, **place}
    elif event.type == X.MotionNotify:
        yield {"kind": "motion", **place}


def _told_by_tk(event: Event) -> Iterator[Event]:
    if event["kind"] in ("key", "key_up"):
        kind = "key_down" if event["kind"] == "key" else "key_up"
        yield {"kind": kind, "key": KEYS.get(event["keysym"], event["keysym"]), "ctrl": bool(event["state"] & 4)}
    elif event["kind"] == "text":
        yield event


PAGE = """data:text/html;charset=utf-8,<!doctype html><body style="margin:0;overflow:hidden">
<div id="pad" style="position:absolute;left:920px;top:60px;width:340px;height:600px;background:%23369"></div>
<input id="field" autofocus style="position:absolute;left:100px;top:80px;width:600px;height:24px">
<script>
const told = [], say = (kind, more) => told.push({kind, ...more});
const at = event => ({x: Math.floor(event.clientX * devicePixelRatio), y: Math.floor(event.clientY * devicePixelRatio)});
const names = {Shift: "shift", Control: "ctrl"}, key = event => ({key: names[event.key] || event.key, ctrl: event.ctrlKey});
pad.onpointerdown = event => { event.preventDefault(); say("press", {...at(event), button: event.button + 1}); };
pad.onpointerup = event => say("release", {...at(event), button: event.button + 1});
pad.onpointermove = event => say("motion", at(event));
pad.onwheel = event => say("wheel", {dx: Math.round(event.deltaX / 120), dy: -Math.round(event.deltaY / 120)});
pad.oncontextmenu = event => event.preventDefault();
field.onkeydown = event => say("key_down", key(event));
field.onkeyup = event => say("key_up", key(event));
field.oninput = () => say("text", {text: field.value});
const heard = () => told.splice(0);
const clearScene = () => { told.length = 0; field.value = ""; field.focus(); };
const changeScene = () => { pad.style.background = pad.style.background == "red" ? "green" : "red"; };
</script>"""


# The same over all of a MiniWoB++ task, in CSS pixels of its page. Told are pixels of the task area, which begins 50 of them below the top.
TASK = """() => {
  const pad = document.createElement("div"), field = document.createElement("input");
  pad.style = "position:fixed;left:95px;top:52px;width:64px;height:156px;background:#369;z-index:2147483646";
  field.style = "position:fixed;left:2px;top:60px;width:86px;height:16px;z-index:2147483646";
  field.id = "field";
  document.body.append(pad, field);
  const told = [], say = (kind, more) => told.push({kind, ...more});
  const at = event => ({x: Math.floor(event.clientX * devicePixelRatio), y: Math.floor((event.clientY - 50) * devicePixelRatio)});
  const names = {Shift: "shift", Control: "ctrl"}, key = event => ({key: names[event.key] || event.key, ctrl: event.ctrlKey});
  pad.onpointerdown = event => { event.preventDefault(); say("press", {...at(event), button: event.button + 1}); };
  pad.onpointerup = event => say("release", {...at(event), button: event.button + 1});
  pad.onpointermove = event => say("motion", at(event));
  pad.onwheel = event => say("wheel", {dx: Math.round(-event.wheelDeltaX / 120), dy: Math.round(event.wheelDeltaY / 120)});
  pad.oncontextmenu = event => event.preventDefault();
  field.onkeydown = event => say("key_down", key(event));
  field.onkeyup = event => say("key_up", key(event));
  field.oninput = () => say("text", {text: field.value});
  window.heard = () => told.splice(0);
  window.clearScene = () => { told.length = 0; field.value = ""; field.focus(); };
  window.changeScene = () => { pad.style.background = pad.style.background == "red" ? "green" : "red"; };
}"""


class PageScene:
    """The same in a page, where `tell` runs JavaScript."""

    def __init__(self, tell: Callable[[str], Any], pad: Rectangle, field: tuple[int, int]) -> None:
        self._tell = tell
        self._heard: list[Event] = []
        self.pad, self.field = pad, field

    @classmethod
    def in_browser(cls, computer: BrowserComputer) -> PageScene:
        session = computer.session
        scale = session.options.scale
        left, top, width, height = (round(scale * side) for side in (920, 60, 340, 600))
        return cls(
            lambda javascript: session.call(session.page.evaluate(javascript)),
            (left, top, width, height),
            (round(scale * 300), round(scale * 92)),
        )

    @classmethod
    def in_task(cls, computer: MiniWob, scale: int) -> PageScene:
        computer.evaluate(TASK)
        return cls(
            lambda javascript: computer.evaluate(f"() => {javascript}"),
            (95 * scale, 2 * scale, 64 * scale, 156 * scale),
            (40 * scale, 18 * scale),
        )

    def events(self) -> Iterator[Event]:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for event in self._tell("heard()"):
                self._heard += _clicks_of(event) if event["kind"] == "wheel" else [event]
            while self._heard:  # the next caller goes on where this one stops
                yield self._heard.pop(0)
            time.sleep(0.01)

    def clear(self) -> None:
        self._tell("clearScene()")
        self._heard.clear()

    def change(self) -> None:
        self._tell("changeScene()")


def _clicks_of(event: Event) -> list[Event]:
    """Chromium tells all clicks of one turn, on both axes, in one event; JavaScript knows a negative zero."""
    down = [{"kind": "wheel", "dx": 0, "dy": 1 if event["dy"] > 0 else -1}] * int(abs(event["dy"]))
    return down + [{"kind": "wheel", "dx": 1 if event["dx"] > 0 else -1, "dy": 0}] * int(abs(event["dx"]))
