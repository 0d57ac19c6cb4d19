"""The page: everything is on it, each picture once, and nothing that an episode says becomes markup."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from actions.geometry import Point
from actions.space import Action, Click, Drag, Finished, Hotkey, KeyDown, Move, Prediction, Scroll, TypeText, Wait
from agent.episode import Episode
from agent.page import render_page, write_page
from agent.screenshot import Screenshot
from agent.step import Step

MakeStep = Callable[..., Step]
HOSTILE = [
    "<script>document.title='owned'</script>",
    "</script><script>document.title='owned'</script>",
    "</pre></details><img src=x onerror=\"document.title='owned'\">",
    '"><svg onload="document.title=\'owned\'">',
    "</style><style>body{display:none}</style>",
    "<!--",
    "${title} $style $$ %s {0} {}",
    "&lt;b&gt; &amp;#60;",
    "\x00\x1b[31m\u202e\ud800",
    "javascript:document.title='owned'",
]


class Outline(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.extend(attrs)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture
def record(tmp_path: Path) -> Callable[..., Episode]:
    def make(
        *steps: Step, task: str = "press ok", end: tuple[str, int, str] | None = ("done", 0, "fine"), reward: float | None = None
    ) -> Episode:
        episode = Episode.create(tmp_path, task, {"model": "m"})
        for step in steps:
            episode.append(step)
        if end:
            episode.end(*end, reward=reward)
        return Episode.open(episode.path)

    return make


Record = Callable[..., Episode]


def test_a_page_tells_every_step_and_how_it_ended(record: Record, make_step: MakeStep) -> None:
    steps = [
        make_step(0, thought="look here", text="RAW ONE", timing={"look": 0.25, "decide": 1.5}, trace={"prompt_tokens": 812}),
        make_step(1, TypeText(text="hello"), thought="say hello", notes=("the screen is blank",), feedback="type was refused: no"),
        make_step(2, Finished(answer="42")),
    ]
    words = " ".join(Outline(render_page([record(*steps, reward=0.75)])).words)
    for told in ("press ok", "look here", "RAW ONE", "look 250 ms", "decide 1.5 s", "812 tokens", "hello", "the screen is blank"):
        assert told in words
    for told in ("type was refused: no", "finished", "42", "fine", "reward 0.75", "3 steps", "done"):
        assert told in words


def test_each_picture_is_in_the_page_once(record: Record, make_step: MakeStep) -> None:
    steps = [make_step(index, colour=index % 2) for index in range(6)]
    page = render_page([record(*steps), record(*steps)])
    assert page.count("data:image/png;base64,") == 2


def test_a_page_asks_the_network_for_nothing(record: Record, make_step: MakeStep) -> None:
    outline = Outline(render_page([record(make_step(0))]))
    links = [value or "" for name, value in outline.attributes if name in ("src", "href", "action", "srcset")]
    assert links and all(link.startswith(("#", "data:")) for link in links)
    assert "default-src 'none'" in next(
        value or "" for name, value in outline.attributes if name == "content" and "default" in (value or "")
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_stay_words(record: Record, make_step: MakeStep, text: str) -> None:
    def told(words: str) -> Outline:
        steps = [
            make_step(0, TypeText(text=words), thought=words, text=words, feedback=words, notes=(words,), trace={"prompt_tokens": words}),
            replace(make_step(1), prediction=Prediction(text=words, error=words)),
            make_step(2, Finished(answer=words)),
            make_step(3, KeyDown(key="a"), timing={words: 1.0}),
        ]
        episode = record(*steps, task=words, end=(words, 1, words))
        episode.meta = {words: words}
        return Outline(render_page([episode, episode], title=words))

    hostile, tame = told(text), told("tame")
    assert hostile.tags == tame.tags
    assert [name for name, _ in hostile.attributes] == [name for name, _ in tame.attributes]


def test_typed_text_is_shown_to_the_letter(record: Record, make_step: MakeStep) -> None:
    outline = Outline(render_page([record(make_step(0, thought="a <b>bold</b> & \"quoted\" 'thought'"))]))
    assert "a <b>bold</b> & \"quoted\" 'thought'" in outline.words


def test_ten_megabytes_of_text_are_cut(record: Record, make_step: MakeStep) -> None:
    page = render_page([record(make_step(0, thought="y" * 10_000_000, text="<" * 10_000_000))])
    assert len(page) < 500_000
    assert "10,000,000 characters in all" in page


def test_a_missing_picture_is_said(record: Record, make_step: MakeStep) -> None:
    episode = record(make_step(0))
    (episode.path / "screens" / "0000.png").unlink()
    assert "the picture is missing" in render_page([Episode.open(episode.path)])


def test_an_unfinished_and_an_empty_episode_have_a_page(record: Record) -> None:
    page = render_page([record(end=None)])
    assert "unfinished" in page and "No step was recorded" in page


def test_several_episodes_have_an_index_with_the_share_that_was_solved(record: Record, make_step: MakeStep) -> None:
    episodes = [record(make_step(0), task=f"task {index}", reward=float(index > 0)) for index in range(4)]
    outline = Outline(render_page(episodes, title="All of them"))
    assert {"3/4", "75 %", "All of them"} <= set(outline.words)
    assert [value for name, value in outline.attributes if name == "href" and re.fullmatch("#e[0-9]", value or "")] == [
        f"#e{n}" for n in range(4)
    ]


def test_no_episodes_are_an_error() -> None:
    with pytest.raises(ValueError, match="no episodes"):
        render_page([])


@pytest.mark.parametrize(
    ("action", "drawn"),
    [
        (Click(point=Point(0.25, 0.5)), "left:25.0000%;top:50.0000%"),
        (Click(point=Point(0, 1), button="right", count=2, modifiers=("ctrl",)), "ctrl right ×2"),
        (Move(point=Point(0.5, 0.5)), "mark move"),
        (Drag(path=(Point(0, 0), Point(1, 1))), '<polyline class="line" points="0.0,0.0 64.0,48.0"/>'),
        (Scroll(point=Point(0.5, 0.5), dy=3), "rotate(180)"),
        (Scroll(dx=-2), "rotate(90)"),
        (TypeText(text="hello"), "mark caption nowhere"),
        (Hotkey(keys=("ctrl", "c")), "ctrl + c"),
    ],
)
def test_actions_are_drawn_where_they_happened(record: Record, make_step: MakeStep, action: Action, drawn: str) -> None:
    assert drawn in render_page([record(make_step(0, action))])


def test_typed_text_stands_where_the_last_click_was(record: Record, make_step: MakeStep) -> None:
    page = render_page([record(make_step(0, Click(point=Point(0.125, 0.5))), make_step(1, TypeText(text="hello")))])
    assert page.count("left:12.5000%;top:50.0000%") == 2


def test_what_was_decided_and_not_done_is_told_apart(record: Record, make_step: MakeStep) -> None:
    step = replace(make_step(0, Wait(seconds=1), TypeText(text="a")), outcomes=())
    page = render_page([record(step)])
    assert page.count('class="dropped"') == 2 and "screen planned" in page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()


def current(page: Page) -> list[str]:
    """The ids of what is shown."""
    return [element.get_attribute("id") or "" for element in page.query_selector_all(".current[id]") if element.is_visible()]


@pytest.mark.browser
def test_a_real_browser_runs_our_script_and_none_of_an_episodes(
    record: Record, make_step: MakeStep, tmp_path: Path, browser: Browser
) -> None:
    steps = [make_step(index, TypeText(text=words), thought=words, text=words) for index, words in enumerate(HOSTILE)]
    file = write_page([record(*steps, task=" ".join(HOSTILE[:4]))], tmp_path / "out" / "page.html", title="the title")
    page = browser.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(file.as_uri())
    assert page.title() == "the title"
    assert current(page) == ["e0", "e0-0"]
    assert [url for url in asked if not url.startswith(("data:", file.as_uri()))] == []
    assert said == []
    assert page.locator(".thought").nth(0).text_content() == HOSTILE[0]
    page.close()


@pytest.mark.browser
def test_the_keyboard_walks_through_steps_and_episodes(record: Record, make_step: MakeStep, tmp_path: Path, browser: Browser) -> None:
    file = write_page([record(*(make_step(index) for index in range(3))) for _ in range(2)], tmp_path / "page.html")
    page = browser.new_page(color_scheme="dark")
    page.goto(file.as_uri())
    walk = []
    for key in ("ArrowRight", "ArrowRight", "End", "ArrowRight", "ArrowLeft", "n", "n", "Home", "p", "p", "Escape"):
        page.keyboard.press(key)
        walk.append(current(page)[-1])
    assert walk == ["e0-0", "e0-1", "e0-2", "e0-2", "e0-1", "e1-0", "e1-0", "e1-0", "e0-0", "index", "index"]
    for place, shown in (("e1", "e1-0"), ("e1-2", "e1-2")):
        page.click(f'a[href="#{place}"] >> nth=0')
        page.wait_for_selector(f"#{shown}.current")  # a page hears of its new address a moment later
        assert current(page) == ["e1", shown]
    page.keyboard.press("t")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    page.close()


@pytest.mark.browser
def test_it_fits_a_phone(record: Record, make_step: MakeStep, tmp_path: Path, browser: Browser) -> None:
    steps = [make_step(index, TypeText(text="a long text " * 20), thought="x" * 300, text="y" * 3000) for index in range(30)]
    file = write_page([record(*steps, task="z" * 500)], tmp_path / "page.html")
    page = browser.new_page(viewport={"width": 360, "height": 640})
    page.goto(file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.close()


def test_a_big_screen_keeps_its_pixels(record: Record, make_step: MakeStep) -> None:
    import base64

    from agent import png

    seen = Screenshot.from_rgb(np.random.default_rng(0).integers(0, 256, (270, 480, 3), np.uint8))
    page = render_page([record(replace(make_step(0), seen=seen))])
    data = re.search(r"data:image/png;base64,([^\"]+)", page)
    assert data is not None and np.array_equal(png.decode(base64.b64decode(data[1])), seen.rgb)
