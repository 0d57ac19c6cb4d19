"""A program on Wayland, full-screen: a pad and a text field that tell as lines of JSON what they see. Run by the system's Python.

It reads two words from its standard input: `clear` empties the field and gives it the focus, `change` gives the pad another colour.
"""

import json
import os

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GLib, Gtk  # noqa: E402

PAD, FIELD = (920, 60, 340, 600), (100, 80, 600, 24)  # left, top, width, height in logical pixels
KEYS = {"Shift_L": "shift", "Control_L": "ctrl"}
WHEEL = {"up": (0, 1), "down": (0, -1), "left": (-1, 0), "right": (1, 0)}


def tell(kind: str, **what: object) -> None:
    print(json.dumps({"kind": kind, **what}), flush=True)


class Scene:
    def __init__(self) -> None:
        self.window = Gtk.Window()
        self.window.fullscreen()
        self.coloured = False
        self.pad, self.field = Gtk.EventBox(), Gtk.Entry()
        mask = Gdk.EventMask
        self.pad.set_events(mask.BUTTON_PRESS_MASK | mask.BUTTON_RELEASE_MASK | mask.POINTER_MOTION_MASK | mask.SCROLL_MASK)
        places = Gtk.Fixed()
        for widget, (left, top, width, height) in ((self.pad, PAD), (self.field, FIELD)):
            widget.set_size_request(width, height)
            places.put(widget, left, top)
        self.window.add(places)
        self.paint = Gtk.CssProvider()
        self.pad.get_style_context().add_provider(self.paint, Gtk.STYLE_PROVIDER_PRIORITY_APPLICATION)
        self.colour()
        self.pad.connect("button-press-event", self.button, "press")
        self.pad.connect("button-release-event", self.button, "release")
        self.pad.connect("motion-notify-event", lambda _, event: tell("motion", **self.at(event)))
        self.pad.connect("scroll-event", self.wheel)
        self.field.connect("key-press-event", self.key, "key_down")
        self.field.connect("key-release-event", self.key, "key_up")
        self.field.connect("changed", lambda field: tell("text", text=field.get_text()))
        self.window.connect("map-event", lambda *_: tell("mapped"))
        self.window.connect("destroy", Gtk.main_quit)
        GLib.io_add_watch(0, GLib.PRIORITY_DEFAULT, GLib.IOCondition.IN | GLib.IOCondition.HUP, self.told)
        self.window.show_all()
        self.field.grab_focus()

    def at(self, event) -> dict[str, int]:  # type: ignore[no-untyped-def]
        scale = self.window.get_scale_factor()
        return {"x": int((event.x + PAD[0]) * scale), "y": int((event.y + PAD[1]) * scale)}

    def button(self, _, event, kind: str) -> bool:  # type: ignore[no-untyped-def]
        if event.type in (Gdk.EventType.BUTTON_PRESS, Gdk.EventType.BUTTON_RELEASE):  # not those that count double clicks
            tell(kind, button=event.button, **self.at(event))
        return True

    def wheel(self, _, event) -> bool:  # type: ignore[no-untyped-def]
        dx, dy = WHEEL[event.direction.value_nick]
        tell("wheel", dx=dx, dy=dy)
        return True

    def key(self, _, event, kind: str) -> bool:  # type: ignore[no-untyped-def]
        name = Gdk.keyval_name(event.keyval)
        tell(kind, key=KEYS.get(name, name), ctrl=bool(event.state & Gdk.ModifierType.CONTROL_MASK))
        return False

    def colour(self) -> None:
        self.paint.load_from_data(b"* { background: %s; }" % (b"#ff0000" if self.coloured else b"#336699"))

    def told(self, *_) -> bool:  # type: ignore[no-untyped-def]
        words = os.read(0, 4096).decode().split()
        for word in words:
            if word == "clear":
                self.field.set_text("")
                self.field.grab_focus()
                tell("cleared")
            else:
                self.coloured = not self.coloured
                self.colour()
        if not words:
            Gtk.main_quit()
        return bool(words)


if __name__ == "__main__":
    scene = Scene()
    Gtk.main()
