"""The watcher on a real display: it learns what blinks, and what it does not know makes an answer stale."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from actions.geometry import Geometry, Point, Size
from actions.space import Click, Drag, Hotkey, Scroll, TypeText
from agent.capture import Capture
from agent.change import Rect, changed_rects
from agent.watch import FIRST_LOOK_SECONDS, NEAR_PX, Watcher, targets, why_stale

GEOMETRY = Geometry(left=0, top=0, width=1000, height=1000)
SMALL = Rect(500, 500, 540, 520)


def test_a_small_change_matters_only_near_a_target() -> None:
    near = Click(point=Point.from_pixel(490, 510, Size(1000, 1000)))
    far = Click(point=Point(0.1, 0.1))
    assert why_stale([SMALL], [far], GEOMETRY) is None
    assert "near the target" in (why_stale([SMALL], [far, near], GEOMETRY) or "")
    beside = Point.from_pixel(SMALL.left - NEAR_PX - 1, 510, Size(1000, 1000))
    assert why_stale([SMALL], [Click(point=beside)], GEOMETRY) is None


def test_typing_aims_at_no_place_and_minds_only_great_changes() -> None:
    typing = (TypeText(text="words"), Hotkey(keys=("enter",)))
    assert why_stale([SMALL], typing, GEOMETRY) is None
    assert "240x200 at 100,100" in (why_stale([Rect(100, 100, 340, 300)], typing, GEOMETRY) or "")


def test_many_small_changes_are_a_great_one() -> None:
    rows = [Rect(0, 20 * row, 60, 20 * row + 10) for row in range(20)]
    assert why_stale(rows, (TypeText(text="words"),), GEOMETRY) is not None


def test_a_drag_aims_at_all_of_its_path_and_a_wheel_where_it_is_told() -> None:
    path = (Point(0, 0), Point(0.5, 0.5), Point(1, 1))
    assert list(targets([Drag(path=path), Scroll(dy=1), Scroll(point=Point(0.2, 0.2), dy=1)])) == [*path, Point(0.2, 0.2)]


@pytest.mark.display
def test_what_blinks_while_nobody_acts_is_learnt_and_forgotten_at_the_next_watch(bare_desktop, shower, until) -> None:
    capture, watcher = Capture(bare_desktop.display), Watcher(bare_desktop.display)
    before = capture.grab_raw()
    watcher.watch(before)
    blink = shower.show(np.full((24, 24, 3), 200, np.uint8), 300, 300)

    def learnt() -> bool:
        shower.move(blink, 300, 300)
        time.sleep(0.15)
        changes = changed_rects(before, capture.grab_raw())
        shower.move(blink, 900, 900)  # outside the screen
        time.sleep(0.15)
        return bool(changes) and not watcher.news(changes)

    until(learnt, "learning a blinking square")
    assert any(place.contains(Rect(302, 302, 322, 322)) for place in watcher.restless())
    watcher.watch(capture.grab_raw())
    assert watcher.news([Rect(300, 300, 324, 324)]) == (Rect(300, 300, 324, 324),)
    watcher.close()
    capture.close()


@pytest.mark.display
def test_the_thread_ends_with_its_watcher_and_outlives_a_dead_display(x_server, until) -> None:
    capture, watcher = Capture(x_server.display), Watcher(x_server.display)
    watcher.watch(capture.grab_raw())
    x_server.kill()
    time.sleep(0.5)
    assert [thread for thread in threading.enumerate() if thread.name == "watcher"]
    watcher.close()
    watcher.close()
    until(lambda: not [thread for thread in threading.enumerate() if thread.name == "watcher"], "the end of the thread")
    capture.close()


@pytest.mark.display
def test_the_alert_is_given_once_when_much_has_changed_for_good(bare_desktop, shower, until) -> None:
    capture, watcher = Capture(bare_desktop.display), Watcher(bare_desktop.display)
    alerts: list[float] = []
    watcher.watch(capture.grab_raw())
    watcher.alert(lambda: alerts.append(time.monotonic()))
    shower.show(np.full((20, 20, 3), 200, np.uint8), 10, 10)
    time.sleep(0.5)
    assert alerts == [], "a small change leaves an answer that aims elsewhere fitting"
    shower.show(np.full((200, 300, 3), 90, np.uint8), 300, 300)
    until(lambda: alerts, "the alert")
    time.sleep(0.4)
    assert len(alerts) == 1
    watcher.close()
    capture.close()


@pytest.mark.display
def test_a_film_gives_no_alert(bare_desktop, shower) -> None:
    capture, watcher = Capture(bare_desktop.display), Watcher(bare_desktop.display)
    frames = [shower.show(np.full((200, 300, 3), shade, np.uint8), 900, 900) for shade in range(20, 244, 32)]
    watcher.watch(capture.grab_raw())
    alerts: list[bool] = []
    watcher.alert(lambda: alerts.append(True))
    ends = time.monotonic() + 2.0
    number, longest, last = 0, 0.0, time.monotonic()
    while time.monotonic() < ends:  # a frame each 10 ms: every look sees another one
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
        shower.move(frames[number % 7], 100, 100)
        shower.move(frames[(number - 1) % 7], 900, 900)
        number += 1
        time.sleep(0.01)
    assert alerts == [] or longest > FIRST_LOOK_SECONDS / 2, "on a busy machine the film itself may stand still"
    watcher.close()
    capture.close()
