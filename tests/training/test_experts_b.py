"""What the experts for tasks of several steps say on stored pages, and that they solve the real ones."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from actions.geometry import Point
from actions.space import Click, Drag, Hotkey, Move, TypeText
from agent.computers.miniwob import MiniWob
from tests.training.solving import solve
from training.experts.base import Decision
from training.experts.page import READ_PAGE_JS, Page
from training.experts.registry import get_expert
from training.experts.values import LEAST_FOR_PAGE_KEY, slider_key
from training.experts.words import random_string, word_list

PAGES = Path(__file__).parent / "pages"
SEQUENCE = "Click button ONE, then click button TWO."
DRAG = "Drag the smaller box so that it is completely inside the larger box."
TABS = 'Switch between the tabs to find and click on the link "{}".'
SECTIONS = 'Expand the sections below, to find and click on the link "{}".'
SUGGESTIONS = 'Enter an item that starts with "{}" and ends with "{}".'
LOGIN = 'Enter the username "karrie" and the password "EFnd0" into the text fields and press login.'
BLOCKS = "Type the total number of blocks into the textbox and press Submit."
ODD = "Mark the numbers below as odd or even and press submit when done."
CASES = [  # stored page, task, instruction, history, thought
    ("sequence", "click-button-sequence", SEQUENCE, (), 'click "ONE"'),
    ("sequence", "click-button-sequence", SEQUENCE, ('click "ONE"',), 'click "TWO"'),
    ("sequence", "click-test-transfer", "Click button TWO.", (), 'click "TWO"'),
    ("drag", "drag-box", DRAG, (), "drag the small box into the large box"),
    ("dragged", "drag-box", DRAG, ("drag the small box into the large box",), 'click "Submit"'),
    ("typed", "enter-text-2", 'Type "LEONIE" in all lower case letters in the text input and press Submit.', (), 'click "Submit"'),
    ("typed", "enter-text-2", 'Type "leonie" in all upper case letters in the text input and press Submit.', (), "select all the text"),
    ("typed", "enter-text-dynamic", 'Enter "leonie" into the text field and press Submit.', (), 'click "Submit"'),
    ("popup", "login-user-popup", LOGIN, (), 'click "Cancel"'),
    ("tab-links", "click-tab-2", TABS.format("purus,"), (), 'click the link "purus,"'),
    ("tab-links", "click-tab-2", TABS.format("lacinia"), (), 'click the tab "Tab #2"'),
    ("sections", "click-collapsible-2", SECTIONS.format("et"), (), 'click the link "et"'),
    ("sections", "click-collapsible-2", SECTIONS.format("lacinia"), (), 'click "Section #2"'),
    ("slider", "use-slider", "Select -77 with the slider and hit Submit.", (), "focus the slider"),
    ("slider", "use-slider", "Select -91 with the slider and hit Submit.", (), 'click "Submit"'),
    ("slider-focused", "use-slider", "Select -81 with the slider and hit Submit.", (), 'from "-71" to "-81": down'),
    ("slider-focused", "use-slider", "Select -60 with the slider and hit Submit.", (), 'from "-71" to "-60": page up'),
    ("spinner", "use-spinner", "Select -8 with the spinner and hit Submit.", (), 'from "-3" to "-8": click the down arrow'),
    ("spinner", "use-spinner", "Select -3 with the spinner and hit Submit.", (), 'click "Submit"'),
    ("select", "choose-list", "Select Conchita from the list and click Submit.", (), "focus the list"),
    ("select", "choose-list", "Select Larisa from the list and click Submit.", (), 'click "Submit"'),
    ("select-focused", "choose-list", "Select Danita from the list and click Submit.", (), 'choose "Danita"'),
    ("select-focused", "choose-list", "Select Danita from the list and click Submit.", ('choose "Danita"',), "take this one"),
    ("select-focused", "choose-list", "Select Conchi from the list and click Submit.", (), "next in the list"),
    ("shapes", "click-shape", "Click on a large magenta item", (), 'click "large magenta item"'),
    ("shapes", "click-shape", "Click on a circle", (), 'click "circle"'),
    ("scroll-list", "click-scroll-list", "Select Danita from the scroll list and click Submit.", (), 'click "Submit"'),
    ("scroll-list", "click-scroll-list", "Select Danita, Larisa from the scroll list and click Submit.", (), 'add "Larisa"'),
    ("scroll-list", "click-scroll-list", "Select Danita, Jania from the scroll list and click Submit.", (), "scroll the list down"),
    ("scroll-list", "click-scroll-list", "Select Larisa from the scroll list and click Submit.", (), 'choose "Larisa"'),
    ("menu-open", "click-menu", "Select Hollie>Deana", (), 'click "Deana"'),
    ("menu-open", "click-menu", "Select Hollie>Jamie>Rebeka", (), 'hover "Jamie"'),
    ("menu-open", "click-menu", "Select Leland>Vanny", (), 'hover "Leland"'),
    ("suggestions", "use-autocomplete", SUGGESTIONS.format("Arm", "nia"), (), 'click "Armenia"'),
    ("suggestions", "use-autocomplete", SUGGESTIONS.format("Alb", "nia"), (), "select all the text"),
    ("blocks", "visual-addition", BLOCKS, (), '2 + 8 = "10"'),
    ("odd", "odd-or-even", ODD, (), '"7" is odd'),
]
SOLVED_LIVE = [
    "click-button-sequence",
    "drag-box",
    "enter-text-2",
    "click-tab-2",
    "use-slider",
    "choose-list",
    "click-shape",
    "login-user-popup",
]
FIRST_TRAINING_SEED = 1_000_000  # evaluation uses those below


def stored_page(name: str) -> Page:
    return Page.from_json(json.loads((PAGES / f"{name}.json").read_text()))


def decide(name: str, task: str, instruction: str, history: tuple[str, ...] = ()) -> Decision:
    return get_expert(task).decide(instruction, stored_page(name), history)


@pytest.mark.parametrize(("name", "task", "instruction", "history", "thought"), CASES)
def test_an_expert_says_the_next_step(name: str, task: str, instruction: str, history: tuple[str, ...], thought: str) -> None:
    assert decide(name, task, instruction, history).thought == thought


@pytest.mark.parametrize(("name", "task"), sorted({(name, task) for name, task, *_ in CASES}))
def test_every_question_has_an_answer_and_none_comes_twice(name: str, task: str) -> None:
    page, expert = stored_page(name), get_expert(task)
    for seed in range(20):
        questions = list(expert.questions(page, random.Random(seed)))
        assert len(set(questions)) == len(questions)
        for question in questions:
            assert expert.decide(question.instruction, page, question.history).thought


def test_the_questions_of_a_seed_are_always_the_same() -> None:
    page, expert = stored_page("tab-links"), get_expert("click-tab-2")
    assert list(expert.questions(page, random.Random(7))) == list(expert.questions(page, random.Random(7)))


def test_the_small_box_is_dragged_from_its_middle_to_the_middle_of_the_large_one() -> None:
    page = stored_page("drag")
    action = decide("drag", "drag-box", DRAG).action
    assert action == Drag(path=(page.first(id="draggableSmall").box.center, page.first(id="draggableLarge").box.center))


def test_a_submenu_is_opened_by_hovering_because_a_click_would_choose_it() -> None:
    assert isinstance(decide("menu-open", "click-menu", "Select Leland>Vanny").action, Move)


def test_the_second_entry_of_a_list_is_added_with_ctrl_and_a_wrong_first_one_replaced_without() -> None:
    added = decide("scroll-list", "click-scroll-list", "Select Danita, Larisa from the scroll list and click Submit.").action
    replaced = decide("scroll-list", "click-scroll-list", "Select Larisa from the scroll list and click Submit.").action
    assert isinstance(added, Click) and added.modifiers == ("ctrl",)
    assert isinstance(replaced, Click) and not replaced.modifiers


def test_typing_is_what_the_thought_quotes() -> None:
    assert decide("blocks", "visual-addition", BLOCKS).action == TypeText(text="10")
    assert decide("select-focused", "choose-list", "Select Danita from the list and click Submit.").action == TypeText(text="Danita")


def test_of_several_figures_that_fit_a_large_one_is_taken_first_and_then_the_leftmost() -> None:
    page = stored_page("shapes")
    texts = [element for element in page.all("text") if element.text.isalpha()]
    large = [element for element in texts if float(element.attributes["font-size"].removesuffix("px")) > 15]
    expected = min(large or texts, key=lambda element: (element.box.x, element.box.y))
    assert decide("shapes", "click-shape", "Click on a letter").action == Click(point=expected.point)


def test_a_list_that_lost_the_focus_to_its_button_gets_it_back() -> None:
    page = stored_page("select")
    elements = tuple(replace(element, focused=element.tag == "button") for element in page.elements)
    decision = get_expert("choose-list").decide(
        "Select Conchita from the list and click Submit.", replace(page, elements=elements), ("focus the list",)
    )
    assert decision.action == Hotkey(keys=("shift", "tab"))


@pytest.mark.parametrize("span", [5, 10, 50, 100])
def test_a_slider_of_any_range_gets_there_without_going_round_in_circles(span: int) -> None:
    for start in range(span + 1):
        for wanted in range(span + 1):
            assert presses(start, wanted, span) <= 5 + LEAST_FOR_PAGE_KEY


def presses(value: int, wanted: int, span: int) -> int:
    """How many keys the expert presses on a slider from 0 to `span`."""
    steps = {"page_up": span // 5, "page_down": -span // 5, "up": 1, "down": -1}
    count = 0
    while value != wanted and count < 100:
        value = min(span, max(0, value + steps[slider_key(wanted - value)]))
        count += 1
    return count


def test_an_instruction_for_what_the_page_does_not_show_is_an_error() -> None:
    with pytest.raises(LookupError, match="no 'small yellow digit'"):
        decide("shapes", "click-shape", "Click on a small yellow digit")
    with pytest.raises(LookupError, match="every button"):
        decide("sequence", "click-button-sequence", SEQUENCE, ('click "ONE"', 'click "TWO"'))


def test_word_lists_come_from_the_installed_pages() -> None:
    if find_spec("miniwob") is None:
        pytest.skip("MiniWoB++ is not installed: pip install 'deftly[eval]'")
    assert "Agustina" in word_list("FIFTY_NAMES") and "Aland Islands" in word_list("COUNTRIES")
    with pytest.raises(LookupError, match="no word list 'PLANETS'"):
        word_list("PLANETS")


def test_random_strings_have_the_lengths_that_were_asked_for() -> None:
    lengths = {len(random_string(random.Random(seed), 2, 5)) for seed in range(100)}
    assert lengths == {2, 3, 4, 5}


@pytest.mark.browser
@pytest.mark.display
@pytest.mark.parametrize("task", SOLVED_LIVE)
def test_an_expert_solves_its_task_on_the_real_page(miniwob: MiniWob, task: str) -> None:
    for seed in range(FIRST_TRAINING_SEED, FIRST_TRAINING_SEED + 3):
        assert solve(miniwob, task, seed) == 1.0


@pytest.mark.browser
@pytest.mark.display
def test_a_box_that_was_dropped_in_the_wrong_place_is_dragged_again(miniwob: MiniWob) -> None:
    miniwob.open("drag-box", FIRST_TRAINING_SEED)
    small = Page.from_json(miniwob.evaluate(READ_PAGE_JS)).first(id="draggableSmall")
    assert solve(miniwob, "drag-box", FIRST_TRAINING_SEED, Drag(path=(small.point, Point(0.9, 0.6)))) == 1.0


@pytest.mark.browser
@pytest.mark.display
def test_a_list_whose_popup_a_click_has_opened_is_chosen_from_all_the_same(miniwob: MiniWob) -> None:
    miniwob.open("choose-list", FIRST_TRAINING_SEED + 4)
    select = Page.from_json(miniwob.evaluate(READ_PAGE_JS)).first("select")
    assert solve(miniwob, "choose-list", FIRST_TRAINING_SEED + 4, Click(point=select.point)) == 1.0
