"""The page in real Chromium: a real server, real runs on a virtual desktop, mouse, keyboard and phone; nothing in the console."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from actions.geometry import Point
from actions.space import Click
from agent.computers.chromium import find_chromium, sandbox_flags
from agent.episode import Episode, list_episodes
from tests.server.page_serving import PATIENCE_SECONDS, TOKEN, PageServer, serving_page

pytestmark = pytest.mark.display
TERMINAL = ("xterm", "-geometry", "80x20+0+0")
CLICK = "Thought: focus the terminal\nAction: click(point='<point>100 100</point>')"
TYPE = "Thought: type a greeting\nAction: type(content='hello')"
DONE = "Thought: it is there\nAction: finished(content='typed')"
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>\u202e\u0007"
EXPECTED = "Failed to load resource: the server responded with a status of 400"  # the browser tells of every refusal
LOAD_FOREIGN = """() => new Promise(done => {
  const script = document.createElement('script');
  script.onerror = () => done('refused');
  script.onload = () => done('ran');
  try { script.src = 'https://example.org/x.js'; document.head.append(script); } catch { done('refused'); }
})"""
OpenPage = Callable[..., Page]
expect.set_options(timeout=PATIENCE_SECONDS * 1000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(sandbox_flags()))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    with serving_page(tmp_path_factory.mktemp("page"), program=TERMINAL, runs=2) as server:
        yield server


@pytest.fixture
def open_page(browser: Browser, server: PageServer) -> Iterator[OpenPage]:
    """Opens pages in contexts of their own; at the end none of them may have complained, of the content policy for instance."""
    complaints: list[str] = []
    contexts = []

    def open_at(path: str = "", at: str | None = None, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{at or server.url}/{path}")
        return page

    yield open_at
    for context in contexts:
        context.close()
    assert [each for each in complaints if not each.startswith(EXPECTED)] == []


def start(server: PageServer, script: list[str], task: str, **order: Any) -> str:
    with server.client() as client:
        return server.start(client, script, task=task, **order)


def finish(server: PageServer, run: str) -> None:
    with server.client() as client:
        server.ended(client, run)


def episode_of(server: PageServer, task: str) -> Episode:
    return next(episode for episode in map(Episode.open, list_episodes(server.rules.episodes)) if episode.task == task)


def ask(page: Page, words: str) -> None:
    """Until the page asks about that action."""
    expect(page.locator(".ask-words")).to_contain_text(words)


def no_wider_than_the_window(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_a_run_is_started_and_answered_by_mouse(server: PageServer, open_page: OpenPage) -> None:
    server.backend.script = [CLICK, TYPE, TYPE, DONE]
    page = open_page()
    page.get_by_label("Task", exact=True).fill("by mouse")
    page.get_by_label("Size").select_option("640×480")
    page.get_by_role("button", name="Start", exact=True).click()
    ask(page, "click at")
    mark = page.locator(".screen.planned .mark.click")
    box, shown = mark.bounding_box(), page.locator(".screen").bounding_box()
    assert box and shown
    assert (box["x"] - shown["x"]) / shown["width"] == pytest.approx(100 / 644, abs=0.02)  # of the picture that the model sees
    page.get_by_role("button", name="Approve").click()
    ask(page, "type “hello”")
    page.get_by_role("button", name="Modify").click()
    page.get_by_label("text").fill("changed <b>")
    page.get_by_role("button", name="Do this").click()
    expect(page.locator(".thumb").nth(2)).to_be_visible()
    ask(page, "type “hello”")
    page.get_by_role("button", name="Reject").click()
    page.get_by_label("Reject, since").fill("once is enough")
    page.get_by_role("button", name="Reject it").click()
    expect(page.locator(".badge.good")).to_have_text("done")
    expect(page.locator("#status")).to_contain_text("The run has ended: done")
    steps = episode_of(server, "by mouse").steps
    assert [[getattr(outcome.action, "text", "click") for outcome in step.outcomes] for step in steps] == [
        ["click"],
        ["changed <b>"],
        [],
        [],
    ]
    assert "once is enough" in steps[2].feedback


def test_a_run_is_answered_by_keyboard_alone(server: PageServer, open_page: OpenPage) -> None:
    run = start(server, [CLICK, TYPE, TYPE, TYPE, TYPE], "by keyboard")
    page = open_page(f"#/runs/{run}")
    ask(page, "click at")
    page.keyboard.press("a")
    ask(page, "type “hello”")
    page.keyboard.press("m")
    expect(page.get_by_label("text")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("as")  # letters in a field are letters
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".thumb")).to_have_count(3)
    page.keyboard.press("r")
    page.keyboard.type("no")
    page.keyboard.press("Enter")
    expect(page.locator(".thumb")).to_have_count(4)
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".count")).to_contain_text("Step 3")
    page.keyboard.press("Escape")
    ask(page, "type “hello”")
    page.keyboard.press("s")
    expect(page.locator(".badge.unsure").first).to_have_text("stopped")
    steps = episode_of(server, "by keyboard").steps
    assert [[outcome.action.type for outcome in step.outcomes] for step in steps] == [["click"], ["type"], [], []]
    assert getattr(steps[1].outcomes[0].action, "text", "") == "as"


def test_a_click_on_the_screen_chooses_another_place(server: PageServer, open_page: OpenPage) -> None:
    run = start(server, [CLICK, DONE], "another place")
    page = open_page(f"#/runs/{run}")
    ask(page, "click at")
    page.get_by_role("button", name="Modify").click()
    picture = page.locator(".screen img")
    box = picture.bounding_box()
    assert box
    picture.click(position={"x": 0.75 * box["width"], "y": 0.5 * box["height"]})
    expect(page.get_by_label("x, in %")).to_have_value(re.compile(r"^75(\.0\d?)?$|^74\.9\d?$"))
    page.locator("summary", has_text="As JSON").click()
    page.get_by_label("The action as JSON").fill("{")
    expect(page.locator("#json-told")).to_contain_text("That is not an action")
    page.get_by_label("The action as JSON").fill('{"type": "click", "point": [0.75, 7]}')
    page.get_by_role("button", name="Do this").click()
    expect(page.locator("#json-told")).to_contain_text("point")  # the server's own word on it
    page.get_by_label("The action as JSON").fill('{"type": "click", "point": [0.75, 0.5], "button": "right"}')
    page.get_by_role("button", name="Do this").click()
    expect(page.locator(".badge.good")).to_have_text("done")
    (outcome,) = episode_of(server, "another place").steps[0].outcomes
    assert outcome.action == Click(point=Point(0.75, 0.5), button="right")


def test_shortcuts_can_be_switched_off(server: PageServer, open_page: OpenPage) -> None:
    run = start(server, [CLICK, DONE], "shortcuts off")
    page = open_page(f"#/runs/{run}")
    ask(page, "click at")
    page.get_by_role("button", name="Keyboard shortcuts").click()
    page.get_by_label("Single letters and digits are shortcuts").uncheck()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("a")
    page.wait_for_timeout(200)
    ask(page, "click at")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".badge.unsure").first).to_have_text("stopped")


def test_on_a_phone_the_question_is_at_hand_and_nothing_is_too_wide(server: PageServer, open_page: OpenPage) -> None:
    run = start(server, [CLICK, TYPE, DONE], "on a phone " + "a-very-long-word" * 12)
    page = open_page(f"#/runs/{run}", **PHONE)
    ask(page, "click at")
    approve = page.get_by_role("button", name="Approve")
    expect(approve).to_be_in_viewport(ratio=1)
    box = approve.bounding_box()
    assert box and box["height"] >= 44
    assert no_wider_than_the_window(page)
    approve.tap()
    ask(page, "type “hello”")
    page.get_by_role("button", name="Modify").tap()
    expect(page.get_by_role("button", name="Do this")).to_be_in_viewport(ratio=1)
    page.get_by_role("button", name="Do this").tap()
    expect(page.locator(".badge.good")).to_have_text("done")
    for path in ("#/runs", "#/episodes", "#/reports"):
        page.goto(f"{server.url}/{path}")
        expect(page.locator("h1").first).to_be_visible()
        assert no_wider_than_the_window(page), path


def test_dark_follows_the_system_and_the_switch_remembers(open_page: OpenPage) -> None:
    page = open_page(color_scheme="dark")
    expect(page.locator("h1")).to_be_visible()
    background = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(background) == "rgb(18, 19, 22)"
    page.get_by_role("button", name="Light or dark").click()
    assert page.evaluate(background) == "rgb(247, 246, 243)"
    page.reload()
    expect(page.locator("h1")).to_be_visible()
    assert page.evaluate(background) == "rgb(247, 246, 243)"


def test_what_a_model_or_a_task_says_is_only_text(server: PageServer, open_page: OpenPage) -> None:
    said = f"Thought: {HOSTILE}\nAction: type(content='{HOSTILE.replace(chr(39), '')}')"
    run = start(server, [said, f"Thought: t\nAction: finished(content='{HOSTILE.replace(chr(39), '')}')"], HOSTILE)
    page = open_page(f"#/runs/{run}")
    ask(page, "type")
    expect(page.locator("h1")).to_contain_text("<img src=x")
    assert "\u202e" not in page.locator("body").inner_text()  # what turns text around is shown, not obeyed
    page.keyboard.press("a")
    expect(page.locator(".badge.good")).to_have_text("done")
    finish(server, run)
    for path in ("#/episodes", "#/runs"):
        page.goto(f"{server.url}/{path}")
        expect(page.locator("h2", has_text="<img src=x").first).to_be_visible()
    page.goto(f"{server.url}/#/episodes")
    page.locator("h2 a", has_text="<img src=x").first.click()
    expect(page.locator(".thought")).to_contain_text("<script>")
    assert "owned" not in page.title() or page.title().startswith("<img")
    assert page.locator("main script, main img[src='x']").count() == 0


def test_no_markup_could_be_made_and_nothing_foreign_loaded(browser: Browser, server: PageServer) -> None:
    page = browser.new_page()
    page.goto(server.url)
    expect(page.locator("h1")).to_be_visible()
    made = page.evaluate("() => { try { document.body.innerHTML = '<b>x</b>'; return 'made'; } catch (error) { return error.name; } }")
    assert made == "TypeError"
    refused = page.evaluate(LOAD_FOREIGN)
    assert refused == "refused"
    page.close()


@pytest.fixture(scope="module")
def two_episodes(server: PageServer) -> list[str]:
    """The ids of two that differ at their second step, and of a picture more."""
    for script in ([CLICK, TYPE, DONE], [CLICK, "Thought: type a farewell\nAction: type(content='bye')", DONE]):
        finish(server, start(server, script, "compare me", mode="auto"))
    with server.client() as client:
        return [each["id"] for each in client.get("/episodes", params={"q": "compare me"}).json()["episodes"]]


def test_an_episode_is_found_and_looked_through_by_keys(two_episodes: list[str], open_page: OpenPage) -> None:
    page = open_page("#/episodes")
    page.get_by_label("Search").fill("compare nothing")
    expect(page.get_by_text("No episode fits.")).to_be_visible()
    page.get_by_label("Search").fill("compare ME")
    expect(page.locator(".card")).to_have_count(2)
    page.get_by_label("Status").select_option("done")
    page.locator(".card h2 a").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".count")).to_contain_text("Step 1 of 3")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".caption .tag")).to_contain_text("bye")
    expect(page.locator("#status")).to_contain_text("Step 2 of 3: type “bye”")
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".count")).to_contain_text("Step 3 of 3")
    assert page.url.endswith("/2")
    page.reload()
    expect(page.locator(".count")).to_contain_text("Step 3 of 3")


def test_two_episodes_are_compared_and_differences_marked(two_episodes: list[str], open_page: OpenPage) -> None:
    page = open_page("#/episodes?q=compare+me")
    page.get_by_role("button", name="Compare").first.click()
    page.get_by_role("button", name="Compare with this").first.click()
    expect(page.locator(".turn")).to_have_count(3)
    expect(page.locator(".turn.current")).to_have_text("2")  # the first that differs
    expect(page.locator(".note").first).to_contain_text("differs in")
    expect(page.locator(".actions .differs")).to_have_count(2)
    assert page.locator(".side").first.locator("mark").all_inner_texts() == ["farewell"]
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".actions .differs")).to_have_count(0)
    page.keyboard.press("d")
    expect(page.locator(".turn.current")).to_have_text("2")


def test_a_report_is_opened(server: PageServer, open_page: OpenPage) -> None:
    server.reports.mkdir(exist_ok=True)
    figure = {"mean": 0.625, "standard_error": 0.05, "interval": [0.5, 0.75], "num_steps": 8, "num_episodes": 2}
    summary = {
        "score": 0.625,
        "step": figure,
        "by_action": {HOSTILE: figure},
        "num_steps": 8,
        "num_episodes": 2,
        "num_missing": 0,
        "num_unreadable": 1,
    }
    step = {"episode": "e", "step": 3, "score": 0.25, "note": HOSTILE}
    told = {"dataset": {"name": "set"}, "metric": {"name": "m"}, "summary": summary, "steps": [step]}
    (server.reports / "report.json").write_text(json.dumps(told))
    page = open_page("#/reports")
    page.get_by_role("link", name="set").click()
    expect(page.locator(".big")).to_have_text("62.5 %")
    expect(page.get_by_role("row", name="<img src=x").first).to_contain_text("50.0 % – 75.0 %")


def test_the_token_opens_the_page_and_signing_out_shuts_it(tmp_path: Path, browser: Browser) -> None:
    with serving_page(tmp_path, token=TOKEN) as server:
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        page.goto(server.url)
        page.get_by_label("Token").fill("a wrong token, of course")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("That is not the token.")
        page.get_by_label("Token").fill(TOKEN)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Runs")).to_be_visible()
        assert page.evaluate("document.cookie") == ""
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Token")).to_be_visible()
        page.close()
