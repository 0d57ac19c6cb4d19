"""Capture on a real X server: exact pixels, regions, sizes that change, servers that die."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from actions.geometry import Geometry, Size
from agent.capture import BACKENDS, Capture, list_monitors
from agent.computers.virtual import VirtualDesktop
from agent.endings import DisplayLost
from agent.screenshot import Screenshot, rgb_by_pillow, to_raw, to_rgb

pytestmark = pytest.mark.display


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_sees_the_exact_pixels(backend: str, bare_desktop, shower, noise) -> None:
    shower.show(noise, 30, 50)
    capture = Capture(bare_desktop.display, backends=(backend,))
    seen = capture.grab()
    capture.close()
    assert capture.geometry == Geometry(left=0, top=0, width=800, height=600)
    assert seen.size == (800, 600)
    assert np.array_equal(seen.rgb[50:170, 30:230], noise)
    assert not seen.rgb[:50].any()


def test_a_backend_that_does_not_work_gives_way_to_the_next(bare_desktop) -> None:
    capture = Capture(bare_desktop.display, backends=("no such backend", "xgetimage"))
    assert capture.backend == "xgetimage"
    capture.close()


def test_a_region_is_all_that_is_seen(bare_desktop, shower, noise) -> None:
    shower.show(noise, 30, 50)
    region = Geometry(left=40, top=60, width=100, height=80)
    capture = Capture(bare_desktop.display, region)
    seen = capture.grab()
    capture.close()
    assert seen.geometry == capture.geometry == region
    assert np.array_equal(seen.rgb, noise[10:90, 10:110])


@pytest.mark.parametrize("region", [(700, 500, 200, 200), (-1, 0, 10, 10), (0, 0, 801, 600)])
def test_a_region_that_does_not_lie_on_the_desktop_is_refused(bare_desktop, region) -> None:
    left, top, width, height = region
    with pytest.raises(DisplayLost, match=r"region .* does not lie on display .*800x600"):
        Capture(bare_desktop.display, Geometry(left=left, top=top, width=width, height=height))


def test_the_monitors_are_listed_as_regions(bare_desktop) -> None:
    assert Geometry(left=0, top=0, width=800, height=600) in list_monitors(bare_desktop.display)


def test_a_screenshot_is_read_only_and_encoded_once(bare_desktop, shower, noise) -> None:
    shower.show(noise, 0, 0)
    capture = Capture(bare_desktop.display)
    before = time.time()
    seen = capture.grab()
    capture.close()
    assert before <= seen.taken_at <= time.time()
    assert seen.png is seen.png
    assert np.array_equal(Screenshot.from_png(seen.png).rgb, seen.rgb)
    with pytest.raises(ValueError, match="read-only"):
        seen.rgb[0, 0] = 0


def test_both_converters_give_the_same_pixels_and_raw_is_their_inverse(noise) -> None:
    seen = Screenshot.from_rgb(noise)
    pixels = to_raw(seen).pixels
    assert np.array_equal(to_rgb(pixels), noise)
    assert np.array_equal(rgb_by_pillow(pixels), noise)


def test_equal_pictures_have_equal_digests_and_only_they(noise) -> None:
    seen = Screenshot.from_rgb(noise)
    assert seen.sha256 == Screenshot.from_png(seen.png).sha256
    assert seen.sha256 != Screenshot.from_rgb(noise[::-1]).sha256
    assert seen.sha256 != Screenshot.from_rgb(noise.reshape(200, 120, 3)).sha256


def test_a_screenshot_on_disk_is_read_only_when_looked_at(tmp_path: Path, noise) -> None:
    geometry = Geometry(left=3, top=4, width=200, height=120)
    later = Screenshot.from_file(tmp_path / "later.png", geometry, taken_at=5.0, sha256="known")
    assert (later.size, later.sha256) == (Size(200, 120), "known")
    (tmp_path / "later.png").write_bytes(Screenshot.from_rgb(noise).png)
    assert np.array_equal(later.rgb, noise)


def test_a_screen_that_changes_its_size_is_seen_whole(bare_desktop, shower, noise) -> None:
    shower.show(noise, 100, 100)
    capture = Capture(bare_desktop.display)
    for size in (Size(640, 480), Size(400, 300), Size(800, 600)):
        shower.resize_screen(size)
        seen = capture.grab()
        assert (seen.size, capture.geometry.size) == (size, size)
        assert np.array_equal(seen.rgb[100:220, 100:300], noise)
    capture.close()


def test_a_region_that_a_smaller_screen_cuts_off_is_reported(bare_desktop, shower) -> None:
    capture = Capture(bare_desktop.display, Geometry(left=500, top=300, width=300, height=300))
    capture.grab()
    shower.resize_screen(Size(640, 480))
    with pytest.raises(DisplayLost, match=r"300x300 at 500,300 does not lie on .* 640x480"):
        capture.grab()
    capture.close()


def test_a_blank_screen_is_called_blank_until_something_shows(bare_desktop, shower, noise) -> None:
    capture = Capture(bare_desktop.display)
    assert capture.grab().condition == "blank"
    caret = shower.show(np.full((16, 2, 3), 255, np.uint8), 10, 10)
    assert capture.grab().condition == "blank", "a caret alone is nothing to decide on"
    shower.hide(caret)
    shower.show(noise[:40, :80], 10, 10)
    assert capture.grab().condition == "ok"
    capture.close()


def test_a_display_that_dies_is_reported_by_name_within_its_time(x_server) -> None:
    capture = Capture(x_server.display, patience=0.3)
    capture.grab()
    x_server.kill()
    with pytest.raises(DisplayLost, match=f"display {x_server.display} is gone and did not come back in 0.3 s: .+"):
        capture.grab()
    capture.close()
    capture.close()


def test_a_display_that_dies_and_comes_back_is_seen_again(x_server) -> None:
    capture = Capture(x_server.display, patience=30)
    assert capture.grab().size == (640, 480)
    x_server.kill()
    x_server.restart(Size(800, 600))
    assert capture.grab().size == (800, 600)
    assert capture.losses == 1
    capture.close()


def test_a_display_that_was_never_there_is_reported_at_once() -> None:
    with pytest.raises(DisplayLost, match="cannot look at display :1987: "):
        Capture(":1987")


def test_no_display_at_all_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(DisplayLost, match="DISPLAY is not set"):
        Capture()


def test_a_closed_capture_opens_again_when_asked(bare_desktop: VirtualDesktop, until: Callable[..., None]) -> None:
    capture = Capture(bare_desktop.display)
    capture.close()
    assert capture.backend == ""
    assert capture.grab().size == (800, 600)
    capture.close()
