"""The page: everything is on it, each picture once, and nothing that an episode says becomes markup."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from actions.geometry import Point
from actions.space import Action, Click, Drag, Finished, Hotkey, KeyDown, Move, Prediction, Scroll, TypeText, Wait
from agent.capture import Screenshot
from agent.episode import Episode
from agent.page import render_page, write_page
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


@pytest.fixture
def browser() -> Iterator[Callable[[Path], str]]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed: apt-get install chromium")

    def dump(page: Path) -> str:
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--virtual-time-budget=2000"]
        done = subprocess.run([chromium, *options, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=120, check=True)
        return done.stdout

    yield dump


@pytest.mark.browser
def test_a_real_browser_runs_our_script_and_none_of_an_episodes(
    record: Record, make_step: MakeStep, tmp_path: Path, browser: Callable[[Path], str]
) -> None:
    steps = [make_step(index, TypeText(text=words), thought=words, text=words) for index, words in enumerate(HOSTILE)]
    page = write_page([record(*steps, task=" ".join(HOSTILE[:4]))], tmp_path / "out" / "page.html", title="the title")
    dom = browser(page)
    assert "<title>the title</title>" in dom
    assert re.search(r'<html[^>]* class="js"', dom)
    assert re.search(r'class="step current" id="e0-0"', dom)


def test_a_big_screen_keeps_its_pixels(record: Record, make_step: MakeStep) -> None:
    import base64

    from agent import png

    seen = Screenshot.from_rgb(np.random.default_rng(0).integers(0, 256, (270, 480, 3), np.uint8))
    page = render_page([record(replace(make_step(0), seen=seen))])
    data = re.search(r"data:image/png;base64,([^\"]+)", page)
    assert data is not None and np.array_equal(png.decode(base64.b64decode(data[1])), seen.rgb)
