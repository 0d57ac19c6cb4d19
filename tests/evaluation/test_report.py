"""The page of a run: every failed step is on it, nothing that is said becomes markup, and filters do what they say in a browser."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from actions.geometry import Size
from agent.computers.chromium import find_chromium, sandbox_flags
from evaluation.comparison import as_json, compare, exact_mcnemar, read_report
from evaluation.datasets import load_dataset
from evaluation.errors import PredictionsError
from evaluation.pictures import Picture
from evaluation.predictions import Answer
from evaluation.report import render_report, write_report
from evaluation.report.images import MOST, embed
from evaluation.report.recorded import report_recorded
from evaluation.scoring import score_answers
from evaluation.statistics import paired
from evaluation.summary import result_as_json
from tests.evaluation import published
from tests.evaluation.agentnetbench_cases import Case, as_episode, at, write

HOSTILE = [
    "<script>document.title='owned'</script>",
    "</script><script>document.title='owned'</script>",
    "</pre></details><img src=x onerror=\"document.title='owned'\">",
    '"><svg onload="document.title=\'owned\'">',
    "</style><style>body{display:none}</style>",
    "<!-- ${title} $style $$ %s {0} &lt;b&gt; &amp;#60;",
    "\x00\x1b[31m\u202e javascript:document.title='owned'",
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two episodes of seven steps: the even ones click in the middle, the odd ones write."""
    root = tmp_path_factory.mktemp("data")
    cases = [Case(HOSTILE[n], [[at("click", 0.5, 0.5) if n % 2 == 0 else write(HOSTILE[n])]], "", 0, {}) for n in range(len(HOSTILE))]
    for number in range(2):
        episode = as_episode(cases, f"e{number}")
        published.put(root / f"e{number}.json", episode)
        for step in episode["steps"]:
            published.put(root / "images" / step["image"], published.picture(640, 360))
    return root


def answers_of(data: Path, texts: Sequence[str]) -> dict[tuple[str, int], Answer]:
    keys = [(step.episode, step.step) for step in load_dataset(data).steps]
    return {key: Answer(*key, texts[n % len(texts)], n + 1, {"seconds": 2.0, "prompt_tokens": 7}) for n, key in enumerate(keys)}


def page_of(data: Path, texts: Sequence[str], file: Path) -> Path:
    answers = answers_of(data, texts)
    result = score_answers(load_dataset(data), answers)
    told = result_as_json(result) | {"run": {"model": HOSTILE[0], "family": {"prompt": {"system": HOSTILE[1]}}, "seed": None}}
    return write_report(report_recorded(result, told, answers, lambda text, step: text), file)


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href") or name.startswith("on")]


def test_nothing_that_is_said_becomes_markup_and_nothing_is_fetched(data: Path, tmp_path: Path) -> None:
    page = page_of(data, HOSTILE, tmp_path / "page.html").read_text()
    tags = Tags(page)
    assert tags.tags.count("script") == tags.tags.count("style") == 1
    assert tags.tags.count("article") == tags.tags.count("img") == 14
    assert all(address.startswith("data:") for address in tags.addresses)


def test_what_the_run_was_made_of_is_on_the_page(data: Path, tmp_path: Path) -> None:
    page = page_of(data, ["pyautogui.click(x=0.9, y=0.9)"], tmp_path / "page.html").read_text()
    for words in (load_dataset(data).digest, "run.family.prompt.system".removeprefix("run."), "dataset.sha256", "2.00", "98"):
        assert words in page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(sandbox_flags()))
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, data: Path, tmp_path: Path) -> Iterator[Page]:
    said = ["pyautogui.click(x=0.25, y=0.75)", "pyautogui.write(message='half')", "nothing that can be read"]
    errors: list[str] = []
    page = browser.new_page()
    page.on("console", lambda message: errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: errors.append(request.url) if not request.url.startswith(("file:", "data:")) else None)
    page.goto(page_of(data, said, tmp_path / "page.html").as_uri())
    yield page
    assert errors == []
    page.close()


def shown(page: Page) -> list[str]:
    names: list[str] = page.eval_on_selector_all("article", "all => all.filter(a => !a.hidden).map(a => a.dataset.name)")
    return names


@pytest.mark.browser
def test_failed_steps_can_be_filtered_searched_and_sorted(page: Page) -> None:
    everything = shown(page)
    assert len(everything) == 14
    page.select_option("select[data-tag=outcome]", "unreadable")
    unreadable = shown(page)
    assert 0 < len(unreadable) < 14
    assert page.inner_text("#shown") == f"{len(unreadable)} of 14"
    page.select_option("select[data-tag=outcome]", "")
    page.fill("#search", "half BODY{display")
    assert shown(page) == ["e0 · 8"]
    page.fill("#search", "no such words")
    assert page.is_visible("#empty")
    page.fill("#search", "")
    page.select_option("#sort", "score-down")
    scores = page.eval_on_selector_all("article", "all => all.map(a => Number(a.dataset.score))")
    assert scores == sorted(scores, reverse=True)
    assert page.title() != "owned"


@pytest.mark.browser
def test_the_predicted_point_is_drawn_where_the_model_clicked(page: Page) -> None:
    places = page.evaluate(
        """() => { const screen = document.querySelector('.point.said').closest('.screen').getBoundingClientRect();
          const point = document.querySelector('.point.said').getBoundingClientRect();
          return [(point.x + point.width / 2 - screen.x) / screen.width, (point.y + point.height / 2 - screen.y) / screen.height]; }"""
    )
    assert places == pytest.approx([0.25, 0.75], abs=0.01)


@pytest.mark.browser
def test_no_page_is_wider_than_its_window(page: Page) -> None:
    for width in (360, 800, 1600):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_hundreds_of_pictures_stay_small(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    file = tmp_path / "screen.png"
    Image.fromarray(rng.integers(0, 255, (135, 240, 3), dtype=np.uint8)).resize((1920, 1080)).save(file)
    few, many = embed([Picture.from_file(file)] * 2), embed([Picture.from_file(file)] * 300)
    assert few[0] and many[0]
    assert len(many[0]) < len(few[0])
    assert len(many) == 300
    assert MOST >= 500


def test_a_missing_picture_costs_only_itself(tmp_path: Path) -> None:
    assert embed([Picture.from_file(tmp_path / "none.png", Size(10, 10)), None]) == [None, None]


# -- comparing


def test_mcnemars_exact_test_by_hand() -> None:
    assert exact_mcnemar(0, 0) == 1.0
    assert exact_mcnemar(5, 5) == 1.0
    assert exact_mcnemar(1, 9) == pytest.approx(2 * (1 + 10) / 1024)
    assert exact_mcnemar(9, 1) == exact_mcnemar(1, 9)


def test_differences_that_cancel_out_are_not_taken_for_none() -> None:
    told = paired([0, 1, 0, 1], [1, 0, 1, 0], ["a", "b", "c", "d"])
    assert told.difference.mean == 0
    assert told.difference.low is not None
    assert told.difference.low < 0 < (told.difference.high or 0)
    same = paired([1, 1, 0], [1, 1, 0], ["a", "b", "c"])
    assert same.p_value == 1.0
    assert same.difference.low == -(same.difference.high or 0)


@pytest.fixture(scope="module")
def runs(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("runs")
    for name, x in (("first", 320), ("second", 10)):
        script = published.put(root / f"{name}.jsonl", json.dumps(f"Thought: x\nAction: click(point='<point>{x} 180</point>')") + "\n")
        argv = [sys.executable, "-m", "deftly", "eval", str(data), "--engine", "scripted", "--script", str(script)]
        subprocess.run(
            [*argv, "--family", "uitars-1.5", "--out", str(root / name)], capture_output=True, text=True, timeout=240, check=True
        )
    return root / "first", root / "second"


def test_two_runs_are_compared_step_by_step(runs: tuple[Path, Path], tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "deftly", "eval", "compare", *map(str, runs), "--json", "--out", str(tmp_path / "page.html")]
    told = json.loads(subprocess.run(argv, capture_output=True, text=True, timeout=240, check=True).stdout)
    assert told["num_compared"] == 14
    assert told["success"] == {"both": 0, "neither": 6, "only_first": 8, "only_second": 0, "mcnemar_p_value": 2 / 2**8}
    assert told["difference"]["mean"] == pytest.approx(-8 / 14)
    assert len(told["differing"]) == 8
    assert {each["step"] for each in told["differing"]} == {0, 4, 8, 12}
    page = (tmp_path / "page.html").read_text()
    assert page.count("<article") == page.count("<img ") == 8
    assert page.count('class="point other"') == page.count('class="point said"') == 8


def test_runs_on_other_data_are_refused(runs: tuple[Path, Path]) -> None:
    first = read_report(runs[0])
    other = first | {"dataset": first["dataset"] | {"sha256": "0"}}
    with pytest.raises(PredictionsError, match="data set differs"):
        compare(first, other)
    with pytest.raises(PredictionsError, match="live trials against recorded steps"):
        compare(first, {"trials": [], "suite": "miniwob"})


def test_live_runs_are_compared_trial_by_trial() -> None:
    def run(solved: Sequence[bool]) -> dict[str, object]:
        trials = [{"task": "a", "seed": seed, "repeat": 0, "solved": good} for seed, good in enumerate(solved)]
        return {"suite": "miniwob", "model": "m", "trials": trials}

    told = as_json(compare(run([True, False, False]), run([True, True, False, True])))
    assert (told["num_compared"], told["only_in_second"], told["success"]["only_second"]) == (3, 1, 1)
    assert told["by_task"]["a"]["means"] == pytest.approx([1 / 3, 2 / 3])


def test_a_report_without_failures_says_so(data: Path) -> None:
    dataset = load_dataset(data)
    few = [step for step in dataset.steps if step.step == 0]
    answers = {(step.episode, step.step): Answer(step.episode, step.step, "pyautogui.click(x=0.5, y=0.5)", 1, {}) for step in few}
    result = score_answers(dataset, answers)
    good = [each for each in result.scored if each.success]
    assert len(good) == 2
    from dataclasses import replace

    alone = replace(result, scored=tuple(good))
    assert "<article" not in render_report(report_recorded(alone, result_as_json(alone)))
