"""What real windows and real pages tell of themselves, and what that means for actions on them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actions.geometry import Point, Size
from actions.space import Click, TypeText
from agent.agent import Agent
from agent.computers.browser import BrowserComputer
from agent.computers.browser_session import BrowserOptions
from agent.computers.desktop import DesktopComputer
from agent.computers.virtual import VirtualDesktop
from agent.policy import ModelPolicy
from agent.safety.browser_scene import BrowserScene
from agent.safety.judge import Judge
from agent.safety.place import scene_of
from agent.safety.policy_file import read_policy
from agent.safety.safeguards import guard
from agent.safety.x11_scene import DESKTOP, X11Scene
from inference.engines.scripted import ScriptedEngine
from inference.families import load_family
from tests.agent.safety.conftest import wait_until

SIZE = Size(800, 600)
PAGE = """data:text/html,<style>body>*{position:absolute;left:100px;width:200px;height:40px}</style>
<form action="https://shop.example/x" style="top:100px"><button style="width:100%;height:100%">Pay now</button></form>
<input type=password style="top:200px" value=geheimnis>
<a href="https://evil.example/q" style="top:300px">more</a>
<iframe srcdoc='<button style="width:100%;height:100%">Delete all</button>' style="top:400px;height:80px;border:0"></iframe>
<div id=host style="top:500px"></div><div id=sealed style="top:550px"></div><p style="top:2000px">far below</p>
<script>
host.attachShadow({mode:'open'}).innerHTML='<button style="width:100%;height:40px">Send mail</button>';
sealed.attachShadow({mode:'closed'}).innerHTML='<button style="width:100%;height:40px"><b>Buy now</b></button>';
document.elementFromPoint=()=>document.querySelector('a'); Element.prototype.closest=()=>null;
</script>"""


def at(x_px: int, y_px: int, size: Size = SIZE) -> Point:
    return Point.from_pixel(x_px, y_px, size)


@pytest.mark.display
def test_x11_knows_the_window_under_a_point_its_frame_and_the_desktop(desktop: VirtualDesktop, heard: Path) -> None:
    with DesktopComputer(desktop.display) as computer:
        scene = scene_of(computer)
        assert isinstance(scene, X11Scene)
        size = computer.geometry.size
        inside = scene.at(at(300, 300, size))
        assert inside.window == ("Vault of Notes", "xterm XTerm") and inside.box is not None
        assert scene.at(at(300, inside.box.top - 3, size)).window == inside.window  # its title bar, with the button that closes it
        assert scene.at(at(1275, 715, size)).window in (DESKTOP, inside.window)
        computer.perform(Click(point=at(300, 300, size)))
        assert scene.focused().window == inside.window
        assert (inside.window, inside.box) in scene.windows()
        code = "import tkinter as tk; r=tk.Tk(); d=tk.Toplevel(r); d.title('Delete all?'); d.geometry('300x200+500+300'); d.transient(r); "
        code += "d.wait_visibility(); print(1,flush=True); r.mainloop()"
        dialog = desktop.launch([sys.executable, "-c", code], stdout=-1)
        assert dialog.stdout and dialog.stdout.readline()
        wait_until(lambda: scene.at(at(600, 400, size)).text == "Delete all?")
        assert inside.text is None
        dialog.terminate()
        dialog.communicate()
        scene.close()


@pytest.mark.display
def test_a_window_that_came_between_the_decision_and_the_click_is_judged_as_it_is(
    desktop: VirtualDesktop, heard: Path, tmp_path: Path
) -> None:
    """The first action opens a forbidden window over the place of the second."""
    code = "import tkinter as tk; r=tk.Tk(); r.title('Forbidden'); r.geometry('900x500+0+0'); r.wait_visibility(); print(1,flush=True); "
    code += "r.mainloop()"
    told = {"version": 1, "rules": [{"name": "no", "verdict": "refuse", "windows": ["Forbidden"]}]}
    with DesktopComputer(desktop.display) as computer:
        safeguards = guard(computer, read_policy(told, "test"))
        did, launched = safeguards.approval.did, []

        def open_it(action: Any) -> None:
            did(action)
            if not launched:
                launched.append(desktop.launch([sys.executable, "-c", code], stdout=-1))
                launched[0].stdout.readline()

        safeguards.approval.did = open_it  # type: ignore[method-assign]
        twice = "Thought: t\nAction: click(point='<point>400 300</point>')\n\nclick(point='<point>410 310</point>')"
        model = ModelPolicy(ScriptedEngine([twice, "Action: finished()"]), load_family("uitars-1.5"))
        episode = Agent(computer, model, safeguards=safeguards, episodes_dir=tmp_path / "episodes").run("x")
        launched[0].terminate()
        launched[0].communicate()
    assert len(episode.steps[0].outcomes) == 1
    assert episode.steps[0].feedback == "click was refused by rule 'no': it reaches the window 'Forbidden'"


@pytest.fixture(scope="module")
def browser() -> Iterator[BrowserComputer]:
    if shutil.which("chromium") is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with BrowserComputer(PAGE, BrowserOptions(size=SIZE)) as browser:
        browser.screenshot()
        yield browser


@pytest.mark.browser
def test_a_page_tells_what_is_under_a_point_and_cannot_lie_about_it(browser: BrowserComputer) -> None:
    """The page above replaces `elementFromPoint`: its own answer would be the link, everywhere."""
    scene = scene_of(browser)
    assert isinstance(scene, BrowserScene)
    pay, field, link, frame, shadow, nothing = (scene.at(at(200, y)) for y in (120, 220, 310, 415, 520, 595))
    assert (pay.text, pay.hosts) == ("Pay now", ("data:", "shop.example"))
    assert field.password_field and not pay.password_field
    assert "geheimnis" not in (field.text or "")
    assert link.hosts == ("data:", "evil.example")
    assert frame.text == "Delete all" and shadow.text == "Send mail"
    assert nothing.text == "" and "Buy now" in (scene.at(at(200, 570)).text or "")
    browser.session.call(browser.session.page.evaluate("scrollTo(0, 300)"))
    try:
        assert "Buy now" in (scene.at(at(200, 270)).text or "")
    finally:
        browser.session.call(browser.session.page.evaluate("scrollTo(0, 0)"))


@pytest.mark.browser
def test_the_default_policy_on_that_page(browser: BrowserComputer) -> None:
    from agent.safety.policy_file import built_in

    judge = Judge(built_in("default"), scene_of(browser))
    verdicts = {y: judge.rule_on(Click(point=at(200, y))).rules for y in (120, 310, 415, 520)}
    assert verdicts == {120: ("payments",), 310: (), 415: ("destruction",), 520: ("publishing",)}
    browser.perform(Click(point=at(200, 220)))
    assert "password-fields" in judge.rule_on(TypeText(text="x")).rules


@pytest.mark.browser
def test_password_fields_are_black_in_what_is_kept_and_only_there(browser: BrowserComputer) -> None:
    from agent.safety.policy_file import built_in
    from agent.safety.redaction import Redactor

    seen = browser.screenshot()
    views = Redactor(built_in("default"), scene_of(browser)).views_of(seen)
    assert views.model is seen
    assert not views.recording.rgb[201:239, 101:299].any() and views.recording.rgb[260:].any()
    assert seen.rgb[201:239, 101:299].any()
