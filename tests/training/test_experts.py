"""What the experts say on stored pages, and that they solve their tasks on the real ones."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actions.geometry import Point
from actions.space import Click, Hotkey, TypeText
from agent.computers.miniwob import MiniWob
from tests.training.solving import solve
from training.experts.base import Decision
from training.experts.filling import near_miss
from training.experts.page import READ_PAGE_JS, Element, Page
from training.experts.registry import EXPERTS, get_expert
from training.experts.wording import Wording

PAGES = Path(__file__).parent / "pages"
CASES = [  # stored page, task, instruction, thought, id or text of what is clicked (None: it is typed)
    ("covered", "click-test-2", "Click button ONE.", 'click "ONE"', "ONE"),
    ("buttons", "click-button", 'Click on the "Yes" button.', 'click "Yes"', "Yes"),
    ("colors", "click-color", "Click on the white colored box.", "click the white box", "white"),
    ("tabs", "click-tab", "Click on Tab #3.", 'click the tab "Tab #3"', "Tab #3"),
    ("dialog", "click-dialog-2", 'Click the button in the dialog box labeled "x".', "close the dialog", "Close"),
    ("dialog", "click-dialog-2", 'Click the button in the dialog box labeled "OK".', 'click "OK"', "OK"),
    ("dialog", "click-dialog", 'Close the dialog box by clicking the "x".', "close the dialog", "Close"),
    ("links", "click-link", 'Click on the link "Arcu,".', 'click the link "Arcu,"', "Arcu,"),
    ("widgets", "click-widget", 'Click on a "button" widget.', "click the button", "J"),
    ("fields", "focus-text-2", "Focus into the 2nd input textbox.", "focus the 2nd text field", "tt2"),
    ("text", "focus-text", "Focus into the textbox.", "focus the text field", "tt"),
    ("boxes", "click-checkboxes", "Select fcKW, 1jWeM3 and click Submit.", 'check "1jWeM3"', "ch4"),
    ("boxes", "click-checkboxes", "Select vjGS and click Submit.", 'uncheck "fcKW"', "ch0"),
    ("boxes", "click-checkboxes", "Select nothing and click Submit.", 'uncheck "fcKW"', "ch0"),
    ("boxes", "click-checkboxes", "Select fcKW and click Submit.", 'click "Submit"', "subbtn"),
    ("boxes-large", "click-checkboxes-large", "Select 58CrA, kvswvP, rC2, 2T and click Submit.", 'check "rC2"', "ch6"),
    ("options", "click-option", "Select uJVH2Y and click Submit.", 'click "Submit"', "subbtn"),
    ("options", "click-option", "Select rXvvy and click Submit.", 'choose "rXvvy"', "ch0"),
    ("text", "enter-text", 'Enter "Deneen" into the text field and press Submit.', 'type "Deneen"', None),
]
LOGIN = Wording('Enter the username "{}" and the password "{}" into the text fields and press login.')
SOLVED_LIVE = ["click-test-2", "click-color", "click-dialog-2", "click-widget", "click-checkboxes-large", "click-option", "login-user"]
FIRST_TRAINING_SEED = 1_000_000  # evaluation uses those below


def stored_page(name: str) -> Page:
    return Page.from_json(json.loads((PAGES / f"{name}.json").read_text()))


def under(page: Page, decision: Decision) -> list[str]:
    """Names of everything that the click of `decision` falls on."""
    assert isinstance(decision.action, Click)
    x, y = decision.action.point.x * 160, decision.action.point.y * 160
    hit = page.where(lambda e: e.box.x <= x <= e.box.x + e.box.width and e.box.y <= y <= e.box.y + e.box.height)
    return [name for e in hit for name in (e.id, e.text, e.attributes.get("data-color", ""))]


def with_field(page: Page, field: str, **changes: Any) -> Page:
    """The page with one element changed, which alone may hold the focus."""

    def changed(element: Element) -> Element:
        values: dict[str, Any] = {"focused": False, **(changes if element.id == field else {})}
        return replace(element, **values)

    return replace(page, elements=tuple(changed(element) for element in page.elements))


@pytest.mark.parametrize(("name", "task", "instruction", "thought", "target"), CASES)
def test_an_expert_says_the_next_step_and_means_the_right_place(
    name: str, task: str, instruction: str, thought: str, target: str | None
) -> None:
    page = stored_page(name)
    decision = get_expert(task).decide(instruction, page, ())
    assert decision.thought == thought
    if target is None:
        assert decision.action == TypeText(text=thought.split('"')[1])
    else:
        assert target in under(page, decision)


def test_a_half_covered_button_is_clicked_where_it_can_be_seen() -> None:
    page = stored_page("covered")
    assert "TWO" not in under(page, get_expert("click-test-2").decide("Click button ONE.", page, ()))


@pytest.mark.parametrize(
    ("field", "changes", "thought"),
    [
        ("username", {"value": ""}, "focus the username field"),
        ("username", {"value": "", "focused": True}, 'type "briana"'),
        ("username", {"value": "brian", "focused": True}, "select all the text"),
        ("username", {"value": "brian", "focused": True, "selection": "brian"}, 'type "briana"'),
        ("username", {"value": "brian"}, "focus the username field"),
        ("username", {"value": "briana", "focused": True}, "focus the password field"),
        ("password", {"focused": True}, 'type "Yu4gx"'),
        ("password", {"value": "Yu4gx", "focused": True}, 'click "Login"'),
        ("password", {"value": "Yu4g", "focused": True}, "select all the text"),
    ],
)
def test_a_form_is_filled_from_any_state(field: str, changes: dict[str, Any], thought: str) -> None:
    page = with_field(stored_page("login"), field, **changes)
    decision = get_expert("login-user").decide(LOGIN.fill("briana", "Yu4gx"), page, ())
    assert decision.thought == thought
    if thought == "select all the text":
        assert decision.action == Hotkey(keys=("ctrl", "a"))


@pytest.mark.parametrize(("name", "task"), sorted({(name, task) for name, task, *_ in CASES} | {("login", "login-user")}))
def test_every_question_has_an_answer_and_none_comes_twice(name: str, task: str) -> None:
    page, expert = stored_page(name), get_expert(task)
    for seed in range(20):
        questions = list(expert.questions(page, random.Random(seed)))
        assert questions
        assert len(set(questions)) == len(questions)
        for question in questions:
            assert expert.decide(question.instruction, page, question.history).thought


def test_questions_about_an_empty_focused_field_ask_for_typing() -> None:
    page, expert = stored_page("text"), get_expert("enter-text")
    questions = list(expert.questions(page, random.Random(0)))
    assert len(questions) >= 6
    for question in questions:
        assert question.history == ("focus the text field",)
        assert isinstance(expert.decide(question.instruction, page, question.history).action, TypeText)


def test_the_history_of_a_question_tells_of_what_is_checked() -> None:
    page, expert = stored_page("boxes-large"), get_expert("click-checkboxes-large")
    for seed in range(20):
        for question in expert.questions(page, random.Random(seed)):
            decision = expert.decide(question.instruction, page, question.history)
            if not decision.thought.startswith("uncheck"):
                assert set(question.history) == {'check "58CrA"', 'check "kvswvP"'}
                assert decision.thought not in question.history


@pytest.mark.parametrize("text", ["a", "aa", "Agustina", "7Q"])
def test_a_near_miss_is_another_text_that_is_not_empty(text: str) -> None:
    for seed in range(200):
        assert near_miss(text, random.Random(seed)) not in (text, "")


def test_wording_reads_back_what_it_filled_in() -> None:
    assert LOGIN.read(LOGIN.fill("rex", "(.*)")) == ("rex", "(.*)")
    with pytest.raises(LookupError, match="does not read"):
        LOGIN.read("Click the button.")


def test_an_instruction_for_what_the_page_does_not_show_is_an_error() -> None:
    with pytest.raises(LookupError, match="nothing called 'Maybe'"):
        get_expert("click-button").decide('Click on the "Maybe" button.', stored_page("buttons"), ())


def test_an_unknown_task_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no expert for the task 'click-moon'.*click-button, "):
        get_expert("click-moon")


def test_each_expert_is_registered_under_its_task() -> None:
    assert all(expert.task == task for task, expert in EXPERTS.items())


@pytest.mark.browser
@pytest.mark.display
@pytest.mark.parametrize("task", SOLVED_LIVE)
def test_an_expert_solves_its_task_on_the_real_page(miniwob: MiniWob, task: str) -> None:
    for seed in range(FIRST_TRAINING_SEED, FIRST_TRAINING_SEED + 3):
        assert solve(miniwob, task, seed) == 1.0


@pytest.mark.browser
@pytest.mark.display
def test_an_expert_mends_what_a_slip_has_spoilt(miniwob: MiniWob) -> None:
    miniwob.open("enter-text", FIRST_TRAINING_SEED)
    field = Page.from_json(miniwob.evaluate(READ_PAGE_JS)).first("input", id="tt")
    slips = (Click(point=Point(0.9, 0.9)), Click(point=field.point), TypeText(text="Denen"))
    assert solve(miniwob, "enter-text", FIRST_TRAINING_SEED, *slips) == 1.0
