"""The words of UI-TARS: which call means which action, for the reader and for the writer.

Words that UI-TARS itself knows come first among their kind; ours, in the same syntax, say what it has no word for.

    click left_single | left_double double_click | left_triple triple_click | right_single | middle_click   (point)
                      ours: click(…, button='right', count='2'); any of them with modifiers='ctrl shift'
    hover move …      (point)
    drag select       (start, end)             ours: via='x,y; x,y' between them, button='right'; select with a start only is a click
    mouse_down mouse_up                        UI-TARS-2's: button='left', point
    scroll            (point?, direction)      5 wheel clicks; ours: amount='3', or dx='2', dy='-3' instead of a direction
    type (content)    hotkey (key='ctrl c')    press keydown | release keyup (key)
    wait              5 seconds; UI-TARS-2's: time='2.5'
    screenshot        finished (content?)      call_user (content?)       ours: failed(content?)
    open_computer     Omni-TARS's way to ask for the first screenshot
    phone             long_press (point; time?)  open_app (app_name)  press_home  press_back  swipe (= drag)   ours: press_recent
"""

from __future__ import annotations

from typing import NamedTuple

from actions.space import Button

WHEEL_CLICKS = 5  # of one scroll action, in the published executors

CLICKS: dict[str, tuple[Button, int]] = {
    "click": ("left", 1),
    "left_double": ("left", 2),
    "left_triple": ("left", 3),
    "right_single": ("right", 1),
    "middle_click": ("middle", 1),
    "left_single": ("left", 1),
    "left_click": ("left", 1),
    "double_click": ("left", 2),
    "triple_click": ("left", 3),
    "right_click": ("right", 1),
    "middle_single": ("middle", 1),
}
DIRECTIONS = {"down": (0, -1), "up": (0, 1), "left": (-1, 0), "right": (1, 0)}

# The names of an argument; the first is the one that errors ask for.
POINT = ("point", "start_box", "start_point", "box")
START = ("start_point", "start_box", "point")
END = ("end_point", "end_box")
CONTENT = ("content", "text")
KEY = ("key", "keys", "hotkey")
TIME = ("time", "seconds", "duration")


class Notation(NamedTuple):
    """How one version of UI-TARS writes places: the names of the arguments, and the template of a point."""

    point: str
    start: str
    end: str
    place: str
    move: str = "hover"
    key_down: str = "keydown"
    key_up: str = "keyup"
