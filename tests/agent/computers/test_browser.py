"""What is a browser's own: dialogs, tabs, shortcuts of a frame that is not there, addresses, drags of data, and pages that load."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator

import pytest

from actions.geometry import Point
from actions.space import Click, Drag, Hotkey, Wait
from agent.computers.browser import BrowserComputer
from agent.computers.browser_session import BrowserError, BrowserOptions
from tests.actions.conftest import PATIENCE

pytestmark = [pytest.mark.browser]
PAGE = """data:text/html,<body style="margin:0">
<button style="position:absolute;left:0;top:0;width:100px;height:50px" onclick="window.said = confirm('sure?')">ask</button>
<button style="position:absolute;left:100px;top:0;width:100px;height:50px" onclick="window.open('about:blank%23new')">open</button>
<div id="thing" draggable="true" style="position:absolute;left:20px;top:100px;width:80px;height:80px;background:red"></div>
<div id="there" style="position:absolute;left:300px;top:100px;width:80px;height:80px;background:blue"></div>
<script>
thing.ondragstart = event => event.dataTransfer.setData("text", "the thing");
there.ondragover = event => event.preventDefault();
there.ondrop = event => { event.preventDefault(); window.dropped = event.dataTransfer.getData("text"); };
</script>"""
ASK, OPEN, THING, THERE = (Point(x / 1280, y / 720) for x, y in ((50, 25), (150, 25), (60, 140), (340, 140)))


@pytest.fixture
def browser() -> Iterator[BrowserComputer]:
    if shutil.which("chromium") is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with BrowserComputer(PAGE) as browser:
        yield browser


def tell(browser: BrowserComputer, javascript: str) -> object:
    return browser.session.call(browser.session.page.evaluate(javascript))


def test_a_dialog_is_answered_and_told(browser: BrowserComputer) -> None:
    assert "(confirm): 'sure?'; it was dismissed" in browser.perform(Click(point=ASK)).note
    assert tell(browser, "window.said") is False


def test_a_new_tab_is_in_front_and_when_it_is_closed_the_one_before_is(browser: BrowserComputer) -> None:
    note = browser.perform(Click(point=OPEN)).note + browser.perform(Wait(seconds=0.5)).note
    assert "a new tab opened" in note
    assert browser.url == "about:blank#new"
    note = browser.perform(Hotkey(keys=("ctrl", "w"))).note + browser.perform(Wait(seconds=0.5)).note
    assert "closed" in note
    assert browser.url.startswith("data:")


def test_data_is_dragged_and_dropped(browser: BrowserComputer) -> None:
    browser.perform(Drag(path=(THING, THERE)))
    deadline = time.monotonic() + PATIENCE
    while tell(browser, "window.dropped") != "the thing":
        assert time.monotonic() < deadline


def test_the_frames_shortcuts_lead_back(browser: BrowserComputer) -> None:
    browser.session.call(browser.session.page.goto("about:blank"))
    browser.perform(Hotkey(keys=("alt", "left")))
    browser.screenshot()
    assert browser.url.startswith("data:")


def test_a_page_cannot_lead_to_files_of_this_machine(browser: BrowserComputer) -> None:
    browser.session.call(browser.session.page.goto("file:///etc/hostname"))
    note = browser.perform(Wait(seconds=0.5)).note
    assert "file: addresses may not be opened here" in note
    assert browser.url == "about:blank"


def test_what_cannot_be_opened_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(BrowserError, match="cannot open"):
        BrowserComputer("http://127.0.0.1:9/")
    with pytest.raises(BrowserError, match="scale"):
        BrowserOptions(scale=100)
