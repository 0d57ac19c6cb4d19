"""What only a real browser shows: HTML5 drag-and-drop, and text in its fields."""

from __future__ import annotations

import json
import queue
import shutil
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from actions.geometry import Point
from actions.space import Click, Drag, Hotkey, Scroll, TypeText
from agent.computers.virtual import VirtualDesktop
from tests.actions.conftest import PATIENCE, Hands
from tests.actions.scripts import SCRIPTS

pytestmark = [pytest.mark.display, pytest.mark.browser]

PAGE = """<!doctype html><meta charset="utf-8"><title>target</title>
<style>body { margin: 0; height: 3000px } .box { position: absolute; width: 120px; height: 80px; left: 40px; top: 40px; background: #cde }
#there { left: 500px; top: 150px } #field { position: absolute; left: 40px; top: 300px; width: 600px; height: 30px }
#words { position: absolute; left: 200px; top: 60px; font: 16px monospace }
#slider { position: absolute; left: 200px; top: 110px; width: 200px }</style>
<div class="box" id="thing" draggable="true">drag me</div><div class="box" id="there">here</div><input id="field">
<div id="words">selected words here</div><input id="slider" type="range" min="0" max="100" value="0">
<script>
let told = Promise.resolve();  // one after the other: requests side by side come in any order
const tell = what => told = told.then(() => fetch("/", {method: "POST", body: JSON.stringify(what)}));
thing.ondragstart = event => { event.dataTransfer.setData("text", "the thing"); tell({kind: "dragstart"}); };
there.ondragover = event => event.preventDefault();
there.ondrop = event => { event.preventDefault(); tell({kind: "drop", data: event.dataTransfer.getData("text")}); };
field.oninput = () => tell({kind: "text", text: field.value});
onclick = event => tell({kind: "click", x: event.clientX, y: event.clientY, detail: event.detail, ctrl: event.ctrlKey});
slider.onchange = () => tell({kind: "slider", value: Number(slider.value)});
words.onmouseup = () => tell({kind: "selected", text: String(getSelection())});
onscroll = () => tell({kind: "scroll", y: scrollY});
const place = id => { const r = document.getElementById(id).getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; };
const box = id => document.getElementById(id).getBoundingClientRect();
const end = (id, part) => [box(id).x + box(id).width * part, box(id).y + box(id).height / 2];
const ends = {first: end("words", 0.001), last: end("words", 0.999), low: end("slider", 0.04), high: end("slider", 0.75)};
onload = () => tell({kind: "places", at: {...Object.fromEntries(["thing", "there", "field"].map(id => [id, place(id)])), ...ends}});
</script>"""


class Page:
    """The page in a browser window, and what it says."""

    def __init__(self) -> None:
        said: queue.Queue[dict[str, Any]] = queue.Queue()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._reply(PAGE.encode())

            def do_POST(self) -> None:
                said.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self._reply(b"")

            def _reply(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.said = said
        self.corner: tuple[int, int] | None = None  # of the page, on the screen
        self.places: dict[str, tuple[float, float]] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/"

    def wait(self, **wanted: Any) -> dict[str, Any]:
        heard = []
        deadline = time.monotonic() + PATIENCE
        while not heard or any(heard[-1].get(key) != value for key, value in wanted.items()):
            try:
                heard.append(self.said.get(timeout=max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                raise AssertionError(f"waited in vain for {wanted}; the page said {heard[-10:]}") from None
        return heard[-1]

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture(scope="module")
def page(desktop: VirtualDesktop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    if shutil.which("chromium") is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    page = Page()
    profile: Path = tmp_path_factory.mktemp("chromium")
    quiet = ["--no-first-run", "--no-default-browser-check", "--test-type", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
    browser = desktop.launch(["chromium", *quiet, f"--app={page.url}", "--window-position=100,50", "--window-size=900,600"])
    page.places = page.wait(kind="places")["at"]
    yield page
    browser.terminate()
    browser.wait(PATIENCE)
    page.close()


@pytest.fixture
def places(page: Page, hands: Hands) -> dict[str, Point]:
    """Where things are, by a click: a page does not know its window's frame."""
    if page.corner is None:  # once: later, clicks that came with other gestures may still be on their way
        hands.do(Click(point=hands.at(700, 500)))
        click = page.wait(kind="click")
        page.corner = (700 - click["x"], 500 - click["y"])
    left, top = page.corner
    return {name: hands.at(left + x_px, top + y_px) for name, (x_px, y_px) in page.places.items()}


def test_an_html5_drag_drops(page: Page, hands: Hands, places: dict[str, Point]) -> None:
    hands.do(Drag(path=(places["thing"], places["there"])))
    page.wait(kind="dragstart")
    page.wait(kind="drop", data="the thing")


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_text_arrives_intact_in_a_field_and_replaces_what_was_selected(
    page: Page, hands: Hands, places: dict[str, Point], text: str
) -> None:
    # As an agent does, each action after the one before is seen to be done: a starved Chromium hands on keys at once, but holds clicks
    # back for seconds (seen: 25, by the events' own time stamps, which are the X server's), whatever an X client could do.
    hands.do(Click(point=places["field"], count=3))
    page.wait(kind="click", detail=3)
    hands.do(TypeText(text="to be replaced"))
    page.wait(kind="text", text="to be replaced")
    hands.do(Hotkey(keys=("ctrl", "a")))
    hands.do(TypeText(text=text))
    page.wait(kind="text", text=text)


def test_a_drag_selects_text(page: Page, hands: Hands, places: dict[str, Point]) -> None:
    hands.do(Drag(path=(places["first"], places["last"])))
    page.wait(kind="selected", text="selected words here")


def test_a_drag_moves_a_slider(page: Page, hands: Hands, places: dict[str, Point]) -> None:
    hands.do(Drag(path=(places["low"], places["high"])))
    assert 70 <= page.wait(kind="slider")["value"] <= 80


def test_clicks_are_counted_and_the_wheel_scrolls(page: Page, hands: Hands, places: dict[str, Point]) -> None:
    hands.do(Click(point=places["there"], count=2))
    page.wait(kind="click", detail=2)
    hands.do(Click(point=places["field"], count=3))
    page.wait(kind="click", detail=3)
    hands.do(Click(point=places["there"], modifiers=("ctrl",)))
    page.wait(kind="click", ctrl=True)
    hands.do(Scroll(point=places["there"], dy=-5))
    page.wait(kind="scroll", y=600)
    hands.do(Scroll(point=places["there"], dy=5))
    page.wait(kind="scroll", y=0)
