"""The other benchmarks' definitions, on steps worked out by hand, from stored texts in each benchmark's own format and in a dialect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from evaluation.datasets import load_dataset
from evaluation.metrics.grounding import inside
from evaluation.metrics.odyssey import same_text
from evaluation.metrics.text import edit_distance, set_f1, squad_f1
from evaluation.predictions import Answer
from evaluation.scoring import Result, score_answers
from evaluation.steps import Place
from evaluation.summary import summary_as_json
from tests.evaluation import published

Texts = Mapping[tuple[str, int], str]


def scored(root: Path, texts: Texts, **choices: str) -> Result:
    answers = {key: Answer(*key, text, line, {}) for line, (key, text) in enumerate(texts.items(), start=1)}
    return score_answers(load_dataset(root), answers, **choices)


def scores(result: Result) -> list[float]:
    return [each.score.score for each in result.scored]


# -- texts


@pytest.mark.parametrize(
    ("left", "right", "distance"),
    [
        ("", "", 0),
        ("", "abc", 3),
        ("abc", "", 3),
        ("kitten", "sitting", 3),
        ("flaw", "lawn", 2),
        ("ab" * 80, "ba" * 80, 2),
        ("ä€😀", "ä😀", 1),
    ],
)
def test_edit_distance(left: str, right: str, distance: int) -> None:
    assert edit_distance(left, right) == edit_distance(right, left) == distance


def test_edit_distance_agrees_with_the_plain_table() -> None:
    import random

    rng = random.Random(0)
    for _ in range(300):
        left, right = ("".join(rng.choices("abc", k=rng.randrange(12))) for _ in range(2))
        rows = list(range(len(right) + 1))
        for i, one in enumerate(left, start=1):
            above = rows
            rows = [i]
            for j, other in enumerate(right, start=1):
                rows.append(min(above[j] + 1, rows[-1] + 1, above[j - 1] + (one != other)))
        assert edit_distance(left, right) == rows[-1]


def test_f1_of_words() -> None:
    assert set_f1("", "") == 1
    assert set_f1("TYPE", "") == 0
    assert set_f1("TYPE new york", "TYPE new jersey") == pytest.approx(2 / 3)  # 2 of 3 and 2 of 3
    assert squad_f1("The clock!", "clock") == 1  # articles and punctuation do not count
    assert squad_f1("a b b", "b c") == pytest.approx(0.5)  # "a" is an article: {b, b} and {b, c} share one: 1/2 and 1/2


# -- grounding


SIX = [f"screenspot_{platform}_v2:{number}" for platform in ("desktop", "mobile", "web") for number in (0, 1)]


def test_screenspot_counts_points_in_the_box_edges_included(tmp_path: Path) -> None:
    said = ["(0.2, 0.2)", "(0.1, 0.1)", "[0.3, 0.3]", "[300, 151]", "<point>100 50</point>", "I do not know"]
    result = scored(published.screenspot(tmp_path), {(name, 0): text for name, text in zip(SIX, said, strict=True)})
    assert scores(result) == [1, 1, 1, 0, 1, 0]  # (300, 151) is a pixel below the box, (100, 50) its corner
    told = result.metric.published(result.scored)
    assert told["action_acc"] == pytest.approx(4 / 6)
    assert told["wrong_format_num"] == 1
    assert told["groups"] == {"desktop text": 1, "desktop icon": 1, "mobile text": 1, "mobile icon": 0, "web text": 1, "web icon": 0}
    assert told["group_average"] == pytest.approx(4 / 6)
    assert told["ui_types"] == {"icon": pytest.approx(1 / 3), "text": 1}


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("pyautogui.click(x=0.2, y=0.2)", True),
        ("0.2, 0.2", True),
        ("[0.1, 0.1, 0.3, 0.3]", True),  # a box counts by its middle
        ("[[150, 75, 250, 125]]", True),
        ("I see (0.9, 0.9), but it is (0.2, 0.2)", True),  # the last one is the answer
        ("(0.2, 0.2), not (0.9, 0.9)", False),
        ("(-1, -1)", False),
        ("(1, 2, 3)", False),
    ],
)
def test_places_are_read_however_they_are_written(text: str, right: bool, tmp_path: Path) -> None:
    result = scored(published.screenspot(tmp_path), {(SIX[0], 0): text})
    assert scores(result)[0] == float(right)


def test_screenspot_pro_by_application_and_group(tmp_path: Path) -> None:
    texts = {("blender_text", 0): "[1950, 1100]", ("blender_icon", 0): "[1919, 1100]"}
    result = scored(published.screenspot_pro(tmp_path), texts)
    assert scores(result) == [1, 0]
    told = result.metric.published(result.scored)
    assert (told["action_acc"], told["text_acc"], told["icon_acc"]) == (0.5, 1, 0)
    assert told["applications"] == {"blender": 0.5}
    assert told["groups"]["Creative icon"] == 0


def test_a_dialect_says_places_in_its_own_space(tmp_path: Path) -> None:
    """UI-TARS 1.0 writes 0 to 1000: (500, 500) is the corner of the box, where it begins."""
    texts = {("blender_text", 0): "Action: click(start_box='(505,505)')", ("blender_icon", 0): "Action: click(start_box='(490,505)')"}
    assert scores(scored(published.screenspot_pro(tmp_path), texts, dialect="uitars-1.0")) == [1, 0]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("[200, 100]", "[100, 100]", "(-1, -1)"), [1, 1, 1]),
        (("[300, 150]", "[350, 350]", "[5, 5]"), [1, 0, 0]),  # an edge; outside the triangle; a place where nothing is
        (("(-1, -1)", "(-1, -1)", "computer.terminate(status='failure')"), [0, 0, 1]),  # a refusal where there was a target
        (("", "", ""), [0, 0, 0]),  # saying nothing is no refusal
    ],
)
def test_osworld_g_knows_polygons_and_refusals(texts: tuple[str, ...], expected: list[float], tmp_path: Path) -> None:
    result = scored(published.osworld_g(tmp_path), {(name, 0): text for name, text in zip(("B-0", "P-0", "R-0"), texts, strict=True)})
    assert scores(result) == expected
    told = result.metric.published(result.scored)
    assert told["box_types"] == {"bbox": expected[0], "polygon": expected[1], "refusal": expected[2]}
    assert told["categories"] == {"element_recognition": (expected[0] + expected[1]) / 2, "fine_grained_manipulation": expected[1]}


def test_giving_up_in_a_dialect_refuses(tmp_path: Path) -> None:
    result = scored(published.osworld_g(tmp_path), {("R-0", 0): "Action: call_user()"}, dialect="uitars-1.5")
    assert scores(result) == [0, 0, 1]


def test_a_concave_polygon() -> None:
    corners = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 0.2), (0.0, 1.0)]
    polygon = tuple(Place(*corner) for corner in corners)
    assert inside(polygon, Place(0.5, 0.1))
    assert inside(polygon, Place(0.1, 0.7))
    assert not inside(polygon, Place(0.5, 0.5))


# -- Mind2Web


@pytest.mark.parametrize(
    ("texts", "element", "f1"),
    [
        (  # all right: in the first box; in the box, capitals do not count; in the second candidate's box
            (
                '{"action_type": 4, "click_point": (0.2, 0.12)}',
                '{"action_type": 3, "click_point": [0.52, 0.505], "value": "new york"}',
                '{"action_type": 2, "click_point": (0.95, 0.05), "value": "2"}',
            ),
            [1, 1, 1, 0],
            [1, 1, 1, 0],
        ),
        (  # beside the box; half of the text: {type, new} of {type, new, york}: 2·1·(2/3) / (1 + 2/3) = 0.8; a click instead of a selection
            (
                '{"action_type": 4, "click_point": (0.31, 0.12)}',
                '{"action_type": 3, "click_point": (0.52, 0.505), "value": "new"}',
                '{"action_type": "CLICK", "click_point": (0.05, 0.05)}',
            ),
            [0, 1, 1, 0],
            [1, 0.8, 0, 0],
        ),
    ],
)
def test_mind2web_element_operation_and_step(texts: tuple[str, ...], element: list[float], f1: list[float], tmp_path: Path) -> None:
    keys = [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    result = scored(published.mind2web(tmp_path), dict(zip(keys, (*texts, texts[0]), strict=True)))
    assert [each.score.parts["element"] for each in result.scored] == element
    assert [each.score.parts["operation_f1"] for each in result.scored] == pytest.approx(f1)
    success = [float(e == 1 and f == 1) for e, f in zip(element, f1, strict=True)]
    assert scores(result) == success
    told = result.metric.published(result.scored)
    assert told["step_success_rate"] == pytest.approx(sum(success) / 4)
    assert told["macro_element_acc"] == pytest.approx((sum(element[:2]) / 2 + sum(element[2:]) / 2) / 2)
    assert told["splits"]["test_task"]["task_success_rate"] == float(all(success[:2]))
    assert told["splits"]["test_website"]["task_success_rate"] == 0


def test_mind2web_boxes_are_rounded_to_three_decimals(tmp_path: Path) -> None:
    """The box of the text field ends at x = 704 px = 0.55 and y = 1020 px = 0.51; 0.5104 is outside, and 0.51 inside."""
    root = published.mind2web(tmp_path)
    for y, right in ((0.51, 1), (0.5104, 0)):
        result = scored(root, {("a", 1): f'{{"action_type": 3, "click_point": (0.55, {y}), "value": "New York"}}'})
        assert scores(result)[1] == right


def test_mind2web_in_a_dialect_is_a_click_and_a_text(tmp_path: Path) -> None:
    text = "Action: click(start_box='(520,505)')\n\ntype(content='New York')"
    result = scored(published.mind2web(tmp_path), {("a", 0): "Action: click(start_box='(200,120)')", ("a", 1): text}, dialect="uitars-1.0")
    assert scores(result)[:2] == [1, 1]


# -- AndroidControl: open_app Clock, click in a row, click where nothing is, input_text, scroll down, long_press, navigate_back, wait

ANDROID_RIGHT = [
    '{"action_type": "open_app", "app_name": "clock"}',
    '{"action_type": "click", "x": 20, "y": 1290}',  # elsewhere in the same row
    '{"action_type": "click", "x": 200, "y": 2300}',  # 100 px of 1080 away, below 0.14
    '{"action_type": "input_text", "text": " 7:30 "}',
    '{"action_type": "scroll", "direction": "down"}',
    '{"action_type": "long_press", "x": 540, "y": 1100}',
    '{"action_type": "navigate_back"}',
    '{"action_type": "wait"}',
]
ANDROID_WRONG = [
    '{"action_type": "open_app", "app_name": "Clock Pro"}',
    '{"action_type": "click", "x": 540, "y": 1320}',  # below the row, 120 px of 2400 = 0.05 from the place
    '{"action_type": "click", "x": 300, "y": 2300}',  # 200 px of 1080 = 0.185
    '{"action_type": "input_text", "text": "7:31"}',
    '{"action_type": "scroll", "direction": "up"}',
    '{"action_type": "click", "x": 540, "y": 1200}',
    '{"action_type": "navigate_home"}',
    '{"action_type": "status", "goal_status": "complete"}',
]


def android(texts: list[str]) -> Texts:
    return {("11", number): text for number, text in enumerate(texts)}


def test_androidcontrol_right_and_wrong(tmp_path: Path) -> None:
    root = published.androidcontrol(tmp_path)
    right, wrong = scored(root, android(ANDROID_RIGHT)), scored(root, android(ANDROID_WRONG))
    assert scores(right)[:8] == [1] * 8
    assert scores(wrong)[:8] == [0] * 8
    assert [each.score.parts["type"] for each in wrong.scored[:8]] == [1, 1, 1, 1, 1, 0, 0, 0]
    told = right.metric.published(right.scored)
    assert (told["step_accuracy"], told["episode_success"]) == (0.5, 0.5)  # the other episode has no answers
    assert told["subsplits"]["IDD"]["step_accuracy"] == 1
    assert told["subsplits"]["app_unseen"]["step_accuracy"] == 0


def test_androidcontrol_as_os_atlas_scores_it_is_wider_about_places_and_texts(tmp_path: Path) -> None:
    root = published.androidcontrol(tmp_path)
    # "Clock Pro" and "Clock": 1 word of 2, F1 2/3; 0.05 away is near; the corner of the row is 0.48 away, and so no longer right
    assert scores(scored(root, android(ANDROID_WRONG), metric="androidcontrol-osatlas"))[:8] == [1, 1, 0, 0, 0, 0, 0, 0]
    assert scores(scored(root, android(ANDROID_RIGHT), metric="androidcontrol-osatlas"))[:8] == [1, 0, 1, 1, 1, 1, 1, 1]


def test_androidcontrol_in_a_dialect(tmp_path: Path) -> None:
    lines = [
        *("open_app(app_name='Clock')", "click(start_box='(500,500)')", "click(start_box='(100,960)')", "type(content='7:30')"),
        *("scroll(direction='down')", "long_press(start_box='(500,500)')", "press_back()", "wait()"),
    ]
    root = published.androidcontrol(tmp_path)
    assert scores(scored(root, android([f"Action: {line}" for line in lines]), dialect="uitars-1.0"))[:8] == [1] * 8
    swipe = "Action: drag(start_box='(500,800)', end_box='(500,200)')"  # the finger goes up, and what is below comes
    assert scores(scored(root, {("11", 4): swipe}, dialect="uitars-1.0"))[4] == 1


# -- GUI-Odyssey: CLICK with a box, LONG_PRESS, SCROLL UP, TYPE New York, PRESS_HOME, PRESS_RECENT, COMPLETE

ODYSSEY_CASES: list[tuple[list[str], list[float]]] = [
    (
        ["CLICK: (401, 319)", "LONG_PRESS: (200, 100)", "SCROLL: up", "TYPE: New York City", "PRESS_HOME", "PRESS_RECENT", "COMPLETE"],
        [1, 1, 1, 1, 1, 1, 1],
    ),
    (
        # 0.15 away and outside the box; a click; the other way; 1 - 7/8 alike; another button; recent is not home; impossible
        ["CLICK: (500, 450)", "CLICK: (100, 100)", "SCROLL: DOWN", "TYPE: Boston", "PRESS_BACK", "PRESS_HOME", "IMPOSSIBLE"],
        [0, 0, 0, 0, 0, 0, 0],
    ),
    (
        # 0.139 away, below the box; 0.139; —; a part of it; an answer that cannot be read; —; —
        ["CLICK: (500, 439)", "LONG_PRESS: (239, 100)", "SCROLL: LEFT", "TYPE: York", "home", "CLICK: (1, 1)", "COMPLETE"],
        [1, 1, 0, 1, 0, 0, 1],
    ),
]


@pytest.mark.parametrize(("texts", "expected"), ODYSSEY_CASES)
def test_odyssey(texts: list[str], expected: list[float], tmp_path: Path) -> None:
    result = scored(published.odyssey(tmp_path), {("0001", number): text for number, text in enumerate(texts)})
    assert scores(result)[:7] == expected
    told = result.metric.published(result.scored)
    assert told["AMS"] == pytest.approx(sum(expected) / 9)
    assert told["SR"] == (0.5 if all(expected) else 0)


def test_odyssey_texts_are_alike_from_one_half_on() -> None:
    assert same_text("abcd", "abxy")  # 2 edits in 4
    assert not same_text("abcd", "axyz")
    assert same_text("abcd", "")  # the original has it so: every text holds the empty one


def test_odyssey_in_a_dialect(tmp_path: Path) -> None:
    lines = [
        *("click(start_box='(500,300)')", "long_press(start_box='(100,100)')", "scroll(direction='down')", "type(content='New York')"),
        *("press_home()", "press_back()", "finished(content='x')"),
    ]
    result = scored(published.odyssey(tmp_path), {("0001", n): f"Action: {line}" for n, line in enumerate(lines)}, dialect="uitars-1.0")
    assert scores(result)[:7] == [1, 1, 1, 1, 1, 0, 1]


# -- every benchmark


@pytest.mark.parametrize(
    "layout",
    [
        *(published.screenspot, published.screenspot_pro, published.osworld_g, published.mind2web),
        *(published.androidcontrol, published.odyssey, published.agentnet),
    ],
)
def test_strange_texts_are_worth_0_and_break_nothing(layout: Callable[[Path], Path], tmp_path: Path) -> None:
    root = layout(tmp_path)
    strange = [
        "",
        "\x00",
        "{" * 1000,
        "(" * 1000,
        "pyautogui.click(",
        "CLICK:",
        "SCROLL:",
        '{"action_type": "click"}',
        "[1e999, 2]",
        "(0.5, nan)",
    ]
    steps = load_dataset(root).steps
    for text in strange:
        result = scored(root, {(step.episode, step.step): text for step in steps})
        assert sum(scores(result)) == 0
        assert summary_as_json(result)["num_steps"] == len(steps)
