"""What the later experts say, without a browser; that they solve the real pages is in `test_experts_live.py`."""

from __future__ import annotations

import itertools
import json
import math
import random
import re
from importlib.util import find_spec

import pytest

from actions.space import Click, Drag, TypeText
from agent.computers.miniwob import pages_folder
from training.experts.dates import EnterDate, EnterTime
from training.experts.digits import DIGITS, count_corners
from training.experts.drawing import BisectAngle, CircleCenter, FindMidpoint, RightAngle
from training.experts.moving import ROWS
from training.experts.numbers import NEXT_GUESS, AscendingNumbers, FindGreatest, GenerateNumber, GuessNumber
from training.experts.page import AREA_CSS_PX, Box, Element, Page
from training.experts.registry import get_expert
from training.experts.searches import MovieSearch
from training.tiny.labels import WIDGETS, widget_of

SEARCH = "Search for drama movies directed by Moss from year 1999."


def element(tag: str, box: tuple[float, float, float, float] = (0, 0, 10, 10), **values: object) -> Element:
    known: dict[str, object] = {
        **dict.fromkeys(("id", "classes", "type", "text", "own_text", "value"), ""),
        **dict.fromkeys(("checked", "selected", "focused", "disabled"), False),
        "hit": True,
    }
    return Element(tag=tag, box=Box(*box), **{**known, **values})  # type: ignore[arg-type]


def page(*elements: Element) -> Page:
    return Page(elements=elements, characters=())


def dot(x: float, y: float, **values: object) -> Element:
    return element("circle", (x - 3.5, y - 3.5, 7, 7), **values)


def clicked(action: object) -> tuple[float, float]:
    assert isinstance(action, Click)
    return action.point.x * AREA_CSS_PX, action.point.y * AREA_CSS_PX


def angle(one: tuple[float, float], corner: tuple[float, float], other: tuple[float, float]) -> float:
    """Degrees between the ways from `corner` to the others, 0 to 180."""
    ways = [math.atan2(place[1] - corner[1], place[0] - corner[0]) for place in (one, other)]
    turn = abs(math.degrees(ways[0] - ways[1])) % 360
    return min(turn, 360 - turn)


SUBMIT = element("button", (40, 135, 60, 20), text="Submit", id="subbtn")
DRAWING = element("svg", (0, 0, 150, 130))


def test_a_point_is_set_in_the_middle_and_then_submitted_unless_it_is_far_off() -> None:
    circle, expert = element("circle", (20, 30, 60, 60), classes="black-circle"), CircleCenter()
    assert clicked(expert.decide(expert.wording, page(circle, SUBMIT, DRAWING), ()).action) == pytest.approx((50, 60))
    assert expert.decide(expert.wording, page(circle, SUBMIT, DRAWING, dot(53, 63, id="blue-circle")), ()).thought == 'click "Submit"'
    assert expert.decide(expert.wording, page(circle, SUBMIT, DRAWING, dot(75, 63, id="blue-circle")), ()).thought == expert.thought


def test_the_middle_of_two_points_is_half_way() -> None:
    expert = FindMidpoint()
    found = expert.decide(
        expert.wording, page(dot(20, 30, classes="black-circle"), dot(120, 80, classes="black-circle"), SUBMIT, DRAWING), ()
    )
    assert clicked(found.action) == pytest.approx((70, 55))


def test_a_third_point_stands_at_a_right_angle_inside_the_drawing_wherever_the_line_is() -> None:
    rng, expert = random.Random(0), RightAngle()
    for _ in range(200):
        black, corner = ((rng.randint(7, 137), rng.randint(12, 124)) for _ in range(2))
        if math.dist(black, corner) < 30:
            continue
        shown = page(dot(*black, id="init-black"), dot(*corner, id="init-blue"), SUBMIT, DRAWING)
        place = clicked(expert.decide(expert.wording, shown, ()).action)
        assert 8 <= place[0] <= 144 and 8 <= place[1] <= 122
        if math.dist(place, corner) > 8:
            assert angle(black, corner, place) == pytest.approx(90, abs=20)


def test_a_bisector_halves_the_angle() -> None:
    rng, expert = random.Random(0), BisectAngle()
    for _ in range(200):
        corner, *ends = ((rng.randint(12, 137), rng.randint(12, 118)) for _ in range(3))
        if min(math.dist(a, b) for a, b in itertools.combinations((corner, *ends), 2)) < 40 or angle(ends[0], corner, ends[1]) > 150:
            continue
        shown = page(dot(*corner, classes="init-blue"), *(dot(*end, classes="init-black") for end in ends), SUBMIT, DRAWING)
        place = clicked(expert.decide(expert.wording, shown, ()).action)
        assert angle(ends[0], corner, place) == pytest.approx(angle(place, corner, ends[1]), abs=0.5)


@pytest.mark.parametrize("number", range(10))
def test_every_number_is_guessed_within_four(number: int) -> None:
    guess = GuessNumber.first
    for _ in range(3):
        if guess != number:
            guess = NEXT_GUESS["higher" if number > guess else "lower", guess]
    assert guess == number


@pytest.mark.parametrize(
    ("wanted", "fitting"),
    [
        ("an odd number", {1, 3, 5, 7, 9}),
        ("an even number", {0, 2, 4, 6, 8, 10}),
        ("a number less than 5", {0, 1, 2, 3, 4}),
        ("a number greater than 3", {4, 5, 6, 7, 8, 9, 10}),
    ],
)
def test_a_number_is_taken_when_it_fits(wanted: str, fitting: set[int]) -> None:
    expert, buttons = GenerateNumber(), (element("button", id="generate"), element("button", (50, 50, 10, 10), id="submit"))
    for number in range(11):
        shown = page(element("div", id="display-number", text=str(number)), *buttons)
        thought = expert.decide(f"Generate {wanted}, then press submit.", shown, ()).thought
        assert (" is not " in thought) == (number not in fitting)


def test_the_greatest_card_is_turned_over_again_by_what_the_thoughts_tell() -> None:
    hidden, expert = element("div", classes="card hidden", text="9"), FindGreatest()
    shown = page(hidden, hidden, element("div", classes="card", text="7"), element("button", text="Submit"))
    told = ('the 1st card is "3": turn the 2nd card', 'the 2nd card is "12": turn the 3rd card')
    assert expert.decide(expert.wording, shown, told).thought == 'the 3rd card is "7": turn the 2nd card'
    lower = ('the 1st card is "3": turn the 2nd card', 'the 2nd card is "5": turn the 3rd card')
    assert expert.decide(expert.wording, shown, lower).thought == 'the 3rd card is "7": click "Submit"'


def test_a_covered_number_is_found_where_the_first_thought_put_it() -> None:
    covers, expert = (element("rect", (20, 20, 20, 20)), element("rect", (100, 60, 20, 20))), AscendingNumbers()
    first = '2 at 9 9, 3 at 9 50, 4 at 221 139, 5 at 58 62: click "1"'
    decision = expert.decide(expert.wording, page(*covers), (first, 'click "2"', 'click "3"'))
    assert decision.thought == 'click "4"' and clicked(decision.action) == pytest.approx((110, 70))


def test_digits_are_drawn_as_the_page_wants_them() -> None:
    if find_spec("miniwob") is None:
        pytest.skip("MiniWoB++ is not installed: pip install 'deftly[eval]'")
    source = (pages_folder() / "number-checkboxes.html").read_text()
    patterns = re.search(r"var PATTERNS =\s*(\[.*?\]);", source, re.DOTALL)
    assert patterns is not None
    listed = json.loads(re.sub(r",(\s*\])", r"\1", re.sub(r"//.*", "", patterns[1])))
    assert [[[int(mark) for mark in row] for row in digit.split()] for digit in DIGITS] == listed


@pytest.mark.parametrize(
    ("wanted", "typed", "value"),
    [("9:05 AM", "09:05AM", "09:05"), ("12:40 AM", "12:40AM", "00:40"), ("12:01 PM", "12:01PM", "12:01"), ("11:59 PM", "11:59PM", "23:59")],
)
def test_times_are_typed_with_two_digits_and_read_back(wanted: str, typed: str, value: str) -> None:
    expert = EnterTime()
    assert (expert.typed(wanted), expert.value(wanted), expert.written(value)) == (typed, value, wanted)


def test_a_date_field_is_focused_before_each_typing() -> None:
    expert, wanted = EnterDate(), "Enter 03/25/2014 as the date and hit submit."
    wrong = page(element("input", id="tt", value="2014-03-24", focused=True), element("button", text="Submit"))
    assert expert.decide(wanted, wrong, ('type "03/24/2014"',)).thought == "focus the date field"
    assert expert.decide(wanted, wrong, ("focus the date field",)).action == TypeText(text="03/25/2014")
    right = page(element("input", id="tt", value="2014-03-25", focused=True), element("button", text="Submit"))
    assert expert.decide(wanted, right, ()).thought == 'click "Submit"'


@pytest.mark.parametrize("labels", [*itertools.permutations(["Genre:", "Director Name", "Released Date"])])
def test_fields_are_filled_by_their_labels(labels: tuple[str, ...]) -> None:
    texts = {"Genre:": "drama", "Director Name": "Moss", "Released Date": "1999"}
    rows = [row for label in labels for row in (element("div", own_text=label), element("input", type="text", value=texts[label]))]
    rows[-1] = element("input", type="text", focused=True)
    assert MovieSearch("multi-layouts").decide(SEARCH, page(*rows), ()).action == TypeText(text=texts[labels[-1]])


@pytest.mark.parametrize(
    ("described", "place"),
    [("to the top.", 0), ("to the bottom.", 4), ("down by one position.", 3), ("up by one position.", 1), ("to the 5th position.", 4)],
)
def test_an_entry_is_dragged_past_the_middle_of_the_place_it_is_for(described: str, place: int) -> None:
    entries = [element("li", (10, 30 * number, 100, 20), text=name) for number, name in enumerate("ABCDE")]
    decision = get_expert("drag-items").decide(f"Drag C {described}", page(*entries), ())
    assert decision.thought == f'drag "C" to the {ROWS[place]} position' and isinstance(decision.action, Drag)
    start, end = (point.y * AREA_CSS_PX for point in decision.action.path)
    assert start == pytest.approx(70) and 0 < (end - 30 * place - 10) * (1 if place > 2 else -1) < 10


def test_what_is_at_the_top_cannot_be_dragged_up() -> None:
    entries = [element("li", (10, 30 * number, 100, 20), text=name) for number, name in enumerate("ABCDE")]
    with pytest.raises(LookupError, match="nothing that could be moved as 'Drag A up"):
        get_expert("drag-items").decide("Drag A up by one position.", page(*entries), ())


@pytest.mark.parametrize("sides", range(3, 8))
def test_the_sides_of_a_polygon_are_counted_however_it_is_turned(sides: int) -> None:
    for turn in range(0, 180, 7):
        directions = [math.radians(3 * k - turn) % (2 * math.pi / sides) - math.pi / sides for k in range(120)]
        radii = [round(70 * math.cos(math.pi / sides) / math.cos(direction)) / 2 for direction in directions]
        assert count_corners(radii, range(3, 8)) == sides


def test_a_word_is_checked_by_one_that_is_similar() -> None:
    if find_spec("miniwob") is None:
        pytest.skip("MiniWoB++ is not installed: pip install 'deftly[eval]'")
    labels = [element("label", text=text, index=2 * number) for number, text in enumerate(("tiny", "bunny"))]
    boxes = [element("input", (0, 20 * number, 10, 10), type="checkbox", parent=2 * number) for number in range(2)]
    shown = page(labels[0], boxes[0], labels[1], boxes[1])
    decision = get_expert("click-checkboxes-soft").decide("Select words similar to rabbit, little and click Submit.", shown, ())
    assert decision.thought == '"rabbit": check "bunny"' and clicked(decision.action) == pytest.approx((5, 25))


@pytest.mark.parametrize(
    ("problem", "thought"),
    [("x + 3 = 57", '57 - 3 = "54"'), ("x - 3 = 57", '57 + 3 = "60"'), ("3 + x = 57", '57 - 3 = "54"'), ("3 - x = 57", '3 - 57 = "-54"')],
)
def test_an_equation_is_turned_into_a_sum(problem: str, thought: str) -> None:
    shown = page(element("div", id="math-problem", text=problem), element("input", id="math-answer", focused=True))
    expert = get_expert("simple-algebra")
    decision = expert.decide("Solve for x and type your answer into the textbox. Press Submit when done.", shown, ())
    assert decision.thought == thought and decision.action == TypeText(text=thought.split('"')[1])


@pytest.mark.parametrize(
    ("seen", "kind"),
    [
        (element("span", classes="trash"), "trash"),
        (element("span", classes="star clicked"), "star"),
        (element("span", attributes={"data-color": "red"}), "swatch"),
        (element("div", classes="card"), "card"),
        (element("div", classes="card hidden"), "card-hidden"),
        (element("div", classes="ui-resizable-handle ui-resizable-se"), "corner"),
        (element("div", classes="ui-resizable-handle ui-resizable-e"), None),
    ],
)
def test_new_kinds_of_things_have_labels(seen: Element, kind: str | None) -> None:
    assert widget_of(seen) == kind
    assert kind is None or kind in WIDGETS
