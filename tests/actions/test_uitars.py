"""The UI-TARS dialects: what models really write is read, the rest is an error, and writing is the inverse of reading."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.dialects import Dialect, UnknownDialect, dialect_names, get_dialect
from actions.dialects.base import MAX_ACTIONS, MAX_CHARACTERS
from actions.geometry import Frame, Point, Size
from actions.resize import ImageRule
from actions.space import (
    Action,
    ButtonDown,
    ButtonUp,
    CallUser,
    Click,
    Drag,
    Failed,
    Finished,
    Hotkey,
    KeyDown,
    KeyUp,
    Move,
    Prediction,
    Scroll,
    TakeScreenshot,
    TypeText,
    Wait,
)
from tests.actions.strategies import actions, frames, texts

SCREEN = Frame(Size(1920, 1080))
V10 = get_dialect("uitars-1.0")
V15 = get_dialect("uitars-1.5")
BOTH = pytest.mark.parametrize("dialect", [V10, V15], ids=["1.0", "1.5"])
HALF = Point(0.5, 0.5)
QUARTER = Point(0.25, 0.75)


def read(text: str, dialect: Dialect = V10) -> tuple[Action, ...]:
    prediction = dialect.parse(text, SCREEN)
    assert prediction.error is None, prediction.error
    assert prediction.text == text
    return prediction.actions


def refused(text: str, dialect: Dialect = V10) -> str:
    prediction = dialect.parse(text, SCREEN)
    assert prediction.error is not None, prediction.actions
    assert prediction.actions == ()
    assert prediction.text == text
    return prediction.error


class TestCanonicalText:
    def test_of_1_5_points_at_pixels_of_the_resized_image(self) -> None:
        text = "Thought: Open the menu.\nAction: click(point='<point>966 546</point>')"
        assert V15.parse(text, SCREEN) == Prediction(thought="Open the menu.", actions=(Click(point=HALF),), text=text)
        assert V15.format(Prediction(thought="Open the menu.", actions=(Click(point=HALF),)), SCREEN) == text

    def test_of_1_0_points_at_thousandths(self) -> None:
        text = "Thought: Open.\nAction: click(start_box='<|box_start|>(235,512)<|box_end|>')"
        (click,) = read(text)
        assert isinstance(click, Click) and (click.point.x, click.point.y) == (0.235, 0.512)
        assert click.point.to_pixel(SCREEN.screen)[0] == 451  # the published example
        assert V10.format(Prediction(thought="Open.", actions=(click,)), SCREEN) == text

    def test_without_a_thought_is_the_action_alone(self) -> None:
        assert V15.format(Prediction(actions=(Wait(),)), SCREEN) == "Action: wait()"

    def test_puts_a_blank_line_between_actions(self) -> None:
        text = "Action: click(point='<point>966 546</point>')\n\ntype(content='hi\\n')\n\nhotkey(key='ctrl s')"
        wanted = (Click(point=HALF), TypeText(text="hi\n"), Hotkey(keys=("ctrl", "s")))
        assert read(text, V15) == wanted
        assert V15.format(Prediction(actions=wanted), SCREEN) == text

    def test_of_an_image_smaller_than_the_screen_still_means_the_same_place(self) -> None:
        frame = Frame(Size(3840, 2160), Size(1280, 720))
        text = V15.format(Prediction(actions=(Click(point=HALF),)), frame)
        assert text == "Action: click(point='<point>644 364</point>')"  # 1280x720 becomes 1288x728
        assert V15.parse(text, frame).actions == (Click(point=HALF),)

    def test_follows_the_image_rule_of_the_model(self) -> None:
        tiny = get_dialect("uitars-1.5", ImageRule(32, 65536, 262144))
        frame = Frame(Size(320, 420))
        assert tiny.format(Prediction(actions=(Click(point=HALF),)), frame) == "Action: click(point='<point>160 208</point>')"

    def test_needs_an_action(self) -> None:
        with pytest.raises(ValueError, match="without actions"):
            V15.format(Prediction(thought="hm"), SCREEN)


@pytest.mark.parametrize(
    ("call", "action"),
    [
        ("click(start_box='(500,500)')", Click(point=HALF)),
        ("left_single(start_box='(500,500)')", Click(point=HALF)),
        ("left_double(start_box='(500,500)')", Click(point=HALF, count=2)),
        ("left_triple(point='(500,500)')", Click(point=HALF, count=3)),
        ("triple_click(point='(500,500)')", Click(point=HALF, count=3)),
        ("right_single(start_box='(500,500)')", Click(point=HALF, button="right")),
        ("middle_click(point='(500,500)')", Click(point=HALF, button="middle")),
        ("hover(start_box='(500,500)')", Move(point=HALF)),
        ("move(point='(500,500)')", Move(point=HALF)),
        ("drag(start_box='(500,500)', end_box='(250,750)')", Drag(path=(HALF, QUARTER))),
        ("drag(start_point='<point>500 500</point>', end_point='<point>250 750</point>')", Drag(path=(HALF, QUARTER))),
        ("select(start_box='(500,500)', end_box='(250,750)')", Drag(path=(HALF, QUARTER))),
        ("select(start_box='(500,500)')", Click(point=HALF)),
        ("hotkey(key='ctrl c')", Hotkey(keys=("ctrl", "c"))),
        ("hotkey(key='ctrl+c')", Hotkey(keys=("ctrl", "c"))),
        ("hotkey(key='ctrl + shift + t')", Hotkey(keys=("ctrl", "shift", "t"))),
        ("hotkey(key='ctrl +')", Hotkey(keys=("ctrl", "+"))),
        ("hotkey(key='ctrl++')", Hotkey(keys=("ctrl", "+"))),
        ("hotkey(key='+')", Hotkey(keys=("+",))),
        ("hotkey(key='enter')", Hotkey(keys=("enter",))),
        ("hotkey(key='arrowleft')", Hotkey(keys=("left",))),
        ("hotkey(key='shift space')", Hotkey(keys=("shift", "space"))),
        ("hotkey(key='pagedown')", Hotkey(keys=("page_down",))),
        ("hotkey(key='page down')", Hotkey(keys=("page_down",))),
        ("hotkey(key='F 5')", Hotkey(keys=("f", "5"))),
        ("press(key='shift')", KeyDown(key="shift")),
        ("keydown(key='Shift')", KeyDown(key="shift")),
        ("release(key='shift')", KeyUp(key="shift")),
        ("keyup(key='shift')", KeyUp(key="shift")),
        ("type(content='hello')", TypeText(text="hello")),
        ('type(content="it\'s")', TypeText(text="it's")),
        ("type(content='')", TypeText(text="")),
        ("type(content='a\\n')", TypeText(text="a\n")),
        ("type(content='\\'a\\' \\\"b\\\" \\\\n')", TypeText(text="'a' \"b\" \\n")),
        ("type(content='C:\\dir')", TypeText(text="C:\\dir")),
        ("scroll(start_box='(500,500)', direction='down')", Scroll(point=HALF, dy=-5)),
        ("scroll(start_box='(500,500)', direction='up')", Scroll(point=HALF, dy=5)),
        ("scroll(start_box='(500,500)', direction='left')", Scroll(point=HALF, dx=-5)),
        ("scroll(start_box='(500,500)', direction='Right')", Scroll(point=HALF, dx=5)),
        ("scroll(direction='down')", Scroll(dy=-5)),
        ("wait()", Wait(seconds=5.0)),
        ("wait(time='2.5')", Wait(seconds=2.5)),
        ("wait(time=3)", Wait(seconds=3.0)),
        ("finished()", Finished()),
        ("finished(content='42')", Finished(answer="42")),
        ("call_user()", CallUser()),
        ("call_user(content='Which one?')", CallUser(question="Which one?")),
        ("screenshot()", TakeScreenshot()),
    ],
)
@pytest.mark.parametrize("before", ["Thought: do it.\nAction: ", "Action:", ""])
def test_every_word_of_ui_tars_is_read(before: str, call: str, action: Action) -> None:
    assert read(before + call) == (action,)


@pytest.mark.parametrize(
    ("call", "action"),
    [
        ("click(point='<point>500 500</point>', modifiers='ctrl shift')", Click(point=HALF, modifiers=("ctrl", "shift"))),
        ("left_double(point='<point>500 500</point>', modifiers='alt')", Click(point=HALF, count=2, modifiers=("alt",))),
        ("click(point='<point>500 500</point>', button='right', count='2')", Click(point=HALF, button="right", count=2)),
        ("mouse_down()", ButtonDown()),
        ("mouse_down(point='<point>500 500</point>', button='right')", ButtonDown(button="right", point=HALF)),
        ("mouse_up(button='middle')", ButtonUp(button="middle")),
        (
            "drag(start_box='(500,500)', via='<point>250 750</point>; (500,500)', end_point='<point>0 1000</point>')",
            Drag(path=(HALF, QUARTER, HALF, Point(0, 1))),
        ),
        ("scroll(point='<point>500 500</point>', direction='down', amount='2')", Scroll(point=HALF, dy=-2)),
        ("scroll(dx='3', dy='-1')", Scroll(dx=3, dy=-1)),
        ("failed(content='no such file')", Failed(reason="no such file")),
    ],
)
def test_what_ui_tars_has_no_word_for_is_said_in_its_syntax(call: str, action: Action) -> None:
    assert read(f"Action: {call}") == (action,)


@pytest.mark.parametrize(
    "place",
    [
        "(500,500)",
        "[500,500]",
        "( 500 , 500 )",
        "500, 500",
        "500 500",
        "500, 500, 500, 500",
        "[400,300,600,700]",
        "(400,300,600,700)",
        "(400,300),(600,700)",
        "(600,700),(400,300)",
        "<|box_start|>(500,500)<|box_end|>",
        "<|box_start|>(400,300),(600,700)<|box_end|>",
        "<point>500 500</point>",
        "<point> 500,500 </point>",
        "<bbox>400 300 600 700</bbox>",
        "<bbox>500 500 500 500</bbox>",
        "500.0,500.0",
        "+5e2,.5e3",
    ],
)
@pytest.mark.parametrize("name", ["start_box", "point", "start_point"])
def test_every_spelling_of_a_point_is_read_and_a_box_means_its_middle(name: str, place: str) -> None:
    assert read(f"Action: click({name}='{place}')") == (Click(point=HALF),)


@pytest.mark.parametrize("place", ["(500,500)", "[500,500]", "<point>500 500</point>", "<|box_start|>(500,500)<|box_end|>", "'(500,500)'"])
def test_a_point_without_quotes_is_read(place: str) -> None:
    assert read(f"Action: click(start_box={place})") == (Click(point=HALF),)


@BOTH
def test_the_far_edge_is_inside_and_one_more_is_not(dialect: Dialect) -> None:
    width, height = (1000, 1000) if dialect is V10 else (1932, 1092)
    assert read(f"Action: click(point='({width},{height})')", dialect) == (Click(point=Point(1, 1)),)
    assert f"x is {width + 1}, outside" in refused(f"Action: click(point='({width + 1},5)')", dialect)
    assert f"y is {height}.5, outside" in refused(f"Action: click(point='(5,{height}.5)')", dialect)
    assert "x is -1, outside" in refused("Action: click(point='(-1,5)')", dialect)


CLICK = "click(start_box='(500,500)')"


@pytest.mark.parametrize(
    ("text", "thought"),
    [
        (f"Thought: a b\nAction: {CLICK}", "a b"),
        (f"Thought: a b Action: {CLICK}", "a b"),
        (f"Thought: a b.\nAction：{CLICK}", "a b."),
        (f"Thought：a b\nAction：{CLICK}", "a b"),
        (f"Thought: a b\n**Action:** {CLICK}", "a b"),
        (f"**Thought:** a b\n### Action: {CLICK}", "a b"),
        (f"Thought: a b\naction: {CLICK}", "a b"),
        (f"Thought: a b\n{CLICK}", "a b"),
        (f"Thought: a b. {CLICK}", "a b."),
        (f"Thought: a\nb\n\nAction:\n{CLICK}\n", "a\nb"),
        (f"Reflection: r Action_Summary: s Action: {CLICK}", "r\ns"),
        (f"Reflection: r\nAction_Summary: s\nAction: {CLICK}", "r\ns"),
        (f"Action_Summary: s\nAction: {CLICK}", "s"),
        (f"<think>why</think>\nAction: {CLICK}", "why"),
        (f"<think>why</think>\nThought: a b\nAction: {CLICK}", "why\na b"),
        (f"<think>why. Action: wait()</think>\n{CLICK}", "why. Action: wait()"),
        (f"why. Action: wait()</think>\nAction: {CLICK}", "why. Action: wait()"),
        (f"<think_never_used_51bce0c7>why</think_never_used_51bce0c7>\nAction: {CLICK}", "why"),
        (f"<Thought>why</Thought>\nAction_Summary: s\nAction: {CLICK}\n</Output>", "why\ns"),
        (f"<think>why</think><computer_env>\nAction: {CLICK}\n</computer_env>", "why"),
        (f"<think>why</think><answer>Action: {CLICK}</answer>", "why"),
        (f"Thought: a\nAction: ```python\n{CLICK}\n```", "a"),
        (f"Thought: a\nAction: {CLICK}<|im_end|>", "a"),
        (CLICK, ""),
        (f"  \n{CLICK};\n", ""),
        (f"```\n{CLICK}\n```", "```"),
    ],
)
def test_every_layout_is_read(text: str, thought: str) -> None:
    prediction = V10.parse(text, SCREEN)
    assert (prediction.error, prediction.actions, prediction.thought) == (None, (Click(point=HALF),), thought)


@pytest.mark.parametrize(
    "thought",
    [
        "The page says Action: finished(content='done')",
        "First:\nAction: wait()\nand then",
        "I could run `import os; os.system('x')`:\n```python\npyautogui.click(1, 2)\n```",
        "wait() would be wrong, finished() too",
        "Action: type(content='never closed",
        "Action:",
    ],
)
def test_only_what_follows_the_last_action_counts(thought: str) -> None:
    prediction = V10.parse(f"Thought: {thought}\nAction: {CLICK}", SCREEN)
    assert (prediction.error, prediction.actions, prediction.thought) == (None, (Click(point=HALF),), thought)


@pytest.mark.parametrize(
    "text",
    [
        "I must not use finished()",
        "Thought: the next step is to call wait()",
        f"<think>Action: {CLICK}</think>",
        f"<think>Action: {CLICK}",
        f"Action: {CLICK}</think>",
        f"Thought: for example\nAction: {CLICK}\nNo, that is wrong.\nAction: none",
        f"Thought: for example\nAction: {CLICK}\nThat will do.",
        f"Action: {CLICK}\n\nAction:",
        f"click(start_box='(1,2)'\n{CLICK}",
        f"type(content='never\nclosed\n\n{CLICK}",
        f"Action: type(content='never closed) {CLICK}",
        f"Action: type(content='never closed\n\n{CLICK}\n\ntype(content='it is')",
        f"I will. print('x')\n{CLICK}",
        "",
        "   \n\t ",
        "Thought: only thought",
        "Action:",
        "你好",
        "null",
    ],
)
def test_no_action_is_guessed_from_words(text: str) -> None:
    refused(text)


@pytest.mark.parametrize(
    ("content", "typed"),
    [
        ("line one\nline two", "line one\nline two"),
        ("it's John's", "it's John's"),
        ("say \"hi\" to 'him'", "say \"hi\" to 'him'"),
        ("f('x') + g('y')", "f('x') + g('y')"),
        ("a, 'b', c", "a, 'b', c"),
        ("Action: wait()", "Action: wait()"),
        ("one\nAction: none", "one\nAction: none"),
        ("Action: a Action: b", "Action: a Action: b"),
        ("(((", "((("),
        ("</Output>", "</Output>"),
        ("</think>", "</think>"),
    ],
)
def test_what_models_forget_to_escape_is_still_text(content: str, typed: str) -> None:
    assert read(f"Thought: t\nAction: type(content='{content}')\n\nwait()") == (TypeText(text=typed), Wait())


@pytest.mark.parametrize("between", ["\n\n", "\n", "\r\n\r\n", " ", ";", "; ", "\n\n\n \n"])
def test_several_actions_keep_their_order(between: str) -> None:
    calls = between.join([CLICK, "type(content='a;b')", "wait(time='1')"])
    assert read(f"Action: {calls}") == (Click(point=HALF), TypeText(text="a;b"), Wait(seconds=1.0))
    assert read(f"Thought: no mark\n{calls}") == (Click(point=HALF), TypeText(text="a;b"), Wait(seconds=1.0))


@pytest.mark.parametrize(
    ("call", "named"),
    [
        ("click(start_box='')", "start_box: '' is no point"),
        ("click(start_box='[]')", r"start_box: '[]' is no point"),
        ("click(start_box='<|box_start|><|box_end|>')", "is no point"),
        ("click(point='<point></point>')", "point: '<point></point>' is no point"),
        ("click()", "click needs point='…'"),
        ("click(start_box='(500)')", "'(500)' is no point"),
        ("click(start_box='(1,2,3)')", "'(1,2,3)' is no point"),
        ("click(start_box='(1,2,3,4,5)')", "is no point"),
        ("click(start_box='(nan,5)')", "'(nan,5)' is no point: write two finite numbers"),
        ("click(start_box='(inf,5)')", "finite"),
        ("click(start_box='(1e999,5)')", "x is inf, outside"),
        ("click(start_box='(5,-1e999)')", "y is -inf, outside"),
        ("click(start_box='(1001,5)')", "x is 1001, outside the relative space of 1000x1000: x goes from 0 to 1000"),
        ("click(start_box='[5,5,5,1001]')", "y is 1001"),
        ("click(start_box='(٣,5)')", "is no point"),
        ("click(start_box='(1+1,5)')", "is no point"),
        ("click(start_box=\"__import__('os').system('true')\")", "is no point"),
        ("click(start_box='(1,2)', point='(1,2)')", "say the same thing"),
        ("click(start_box='(1,2)', start_box='(1,2)')", "names 'start_box' twice"),
        ("click(start_box='(1,2)', colour='red')", "click has no argument 'colour': it takes point, button, count, modifiers"),
        ("click(start_box='(1,2)', count='9')", "click.count is 9"),
        ("click(start_box='(1,2)', count='two')", "count is 'two': it must be a whole number"),
        ("click(start_box='(1,2)', button='wheel')", "button is 'wheel': it must be one of left, right, middle"),
        ("click(start_box='(1,2)', modifiers='fn')", "no key is called 'fn'"),
        ("click(start_box='(1,2)', modifiers='a')", "modifiers has 'a'"),
        ("click((1,2))", "arguments written as name='…'"),
        ("click('(1,2)')", "arguments written as name='…'"),
        ("click(start_box='(1,2)'", "never closed"),
        ("click(start_box='(1,2)", "is never closed: end it with '"),
        ("click(start_box=)", "'start_box' has no value"),
        ("click", "an action such as click(…) was expected"),
        ("drag(start_box='(1,2)')", "drag needs end_point='…'"),
        ("drag(end_box='(1,2)')", "drag needs start_point='…'"),
        ("drag(start_box='(1,2)', end_box='[]')", "end_box: '[]' is no point"),
        ("drag(start_box='(1,2)', via='(1,2);', end_box='(1,2)')", "via: '' is no point"),
        ("scroll(start_box='(1,2)')", "scroll needs direction='…'"),
        ("scroll(direction='sideways')", "direction is 'sideways': it must be one of down, up, left, right"),
        ("scroll(direction='down', amount='0')", "amount is 0"),
        ("scroll(direction='down', amount='999999')", "scroll.dy is -999999"),
        ("scroll(direction='down', amount='99999999999999999999')", "whole number"),
        ("scroll(direction='down', dx='1')", "scroll has no argument 'dx'"),
        ("type()", "type needs content='…'"),
        ("hotkey()", "hotkey needs key='…'"),
        ("hotkey(key='')", "hotkey.keys is empty"),
        ("hotkey(key='ctrl nokey')", "no key is called 'nokey'"),
        ("press(key='ctrl c')", "press takes one key, not 'ctrl c': use hotkey"),
        ("wait(time='soon')", "time is 'soon'"),
        ("wait(time='nan')", "time is 'nan'"),
        ("wait(time='-1')", "time is '-1'"),
        ("wait(time='1e9')", "wait.seconds is 1000000000.0"),
        ("screenshot(x='1')", "screenshot has no argument 'x': it takes none"),
        ("tap(point='(1,2)')", "there is no action called 'tap': use one of click,"),
    ],
)
def test_what_cannot_be_done_is_an_error_that_names_the_piece(call: str, named: str) -> None:
    assert named in refused(f"Thought: t\nAction: {call}")


def test_one_bad_action_makes_the_whole_prediction_an_error_that_says_which() -> None:
    error = refused(f"Thought: t\nAction: {CLICK}\n\nclick(start_box='(5000,1)')\n\nwait()")
    assert error.startswith('action 2 of 3, "click(start_box=')
    assert "x is 5000" in error
    assert V10.parse(f"Thought: t\nAction: {CLICK}\n\nfly()", SCREEN).thought == "t"


def points_of(action: Action) -> list[Point]:
    if isinstance(action, Drag):
        return list(action.path)
    place = getattr(action, "point", None)
    return [] if place is None else [place]


def without_points(action: Action) -> dict[str, object]:
    fields = {name: getattr(action, name) for name in action.__dataclass_fields__ if name not in ("type", "point", "path")}
    return fields | {"type": action.type, "points": len(points_of(action))}


@BOTH
@given(thought=texts, wanted=st.lists(actions, min_size=1, max_size=4), frame=frames)
def test_the_whole_action_space_survives_writing_and_reading(dialect: Dialect, thought: str, wanted: list[Action], frame: Frame) -> None:
    text = dialect.format(Prediction(thought=thought, actions=tuple(wanted)), frame)
    got = dialect.parse(text, frame)
    assert got.error is None
    assert got.thought == thought.strip()
    assert [without_points(action) for action in got.actions] == [without_points(action) for action in wanted]
    grid = Size(1000, 1000) if dialect is V10 else ImageRule(28, 78400, 12845056).resized(frame.sent)
    for before, after in zip(wanted, got.actions, strict=True):
        for point, read_back in zip(points_of(before), points_of(after), strict=True):
            assert abs(point.x - read_back.x) * grid.width <= 0.5 + 1e-6
            assert abs(point.y - read_back.y) * grid.height <= 0.5 + 1e-6
    assert dialect.format(got, frame) == text, "writing what was read gives the same text"


@BOTH
@given(text=texts | st.tuples(st.sampled_from(["Action: ", "Thought: x\nAction: click(", "Action: type(content='"]), texts).map("".join))
def test_any_text_at_all_is_read_or_an_error_but_never_raises(dialect: Dialect, text: str) -> None:
    prediction = dialect.parse(text, SCREEN)
    assert (prediction.error is None) == bool(prediction.actions)
    assert prediction.text == text


GRAMMAR = st.sampled_from(
    (
        *("click", "drag", "type", "hotkey", "scroll", "wait", "point", "start_box", "content", "key", "5", "9999", "nan"),
        *("(", ")", "[", "]", ",", "=", "'", '"', "\\", ";", "\n", " ", "<point>", "</point>", "<|box_start|>"),
        *("Action:", "Thought:", "</think>"),
    )
)


@given(st.lists(GRAMMAR, max_size=40).map("".join))
def test_any_mix_of_the_grammar_s_pieces_never_raises(text: str) -> None:
    prediction = V15.parse(text, SCREEN)
    assert (prediction.error is None) == bool(prediction.actions)


@pytest.mark.parametrize("text", ["Action: " + "wait()" * (MAX_ACTIONS + 1), "wait()\n" * 5000])
def test_too_many_actions_are_an_error(text: str) -> None:
    assert f"more than {MAX_ACTIONS} actions" in refused(text)


def test_a_text_of_10_mb_is_an_error_that_says_so() -> None:
    assert f"at most {MAX_CHARACTERS} are read" in refused("Action: type(content='" + "a" * 10_000_000 + "')")


def test_the_longest_text_that_is_read_may_be_one_typed_text() -> None:
    typed = "é" * (MAX_CHARACTERS - 100)
    assert read(f"Action: type(content='{typed}')") == (TypeText(text=typed),)


HOSTILE: dict[str, Callable[[int], str]] = {
    "brackets": lambda n: "Action: click(start_box='" + "[" * n + "')",
    "bare brackets": lambda n: "Action: click(start_box=" + "(" * n,
    "calls in calls": lambda n: "Action: " + "click(" * (n // 6),
    "marks": lambda n: "Action: " * (n // 8),
    "line marks": lambda n: "\nAction:" * (n // 8),
    "marks with open texts": lambda n: "Action: type(content='" * (n // 22),
    "open texts full of quotes": lambda n: "Action: type(content='" * 20 + "'" * (n - 440),
    "open texts on lines": lambda n: "type(content='\n" * (n // 15),
    "quotes": lambda n: "Action: type(content='" + "'" * n,
    "quotes that nearly close": lambda n: "Action: type(content='" + "', a " * (n // 5),
    "quotes that nearly close into names": lambda n: "Action: type(content='" + "', " + "a" * n,
    "backslashes": lambda n: "Action: type(content='" + "\\" * n,
    "spaces": lambda n: "Action: click(" + " " * n,
    "spaces in a point": lambda n: "Action: click(point='" + " " * n + "x')",
    "spaces after a quote": lambda n: "Action: type(content='a'" + " " * n,
    "spaces on a line": lambda n: "Thought: a\n" + " " * n + "b",
    "newlines": lambda n: "\n" * n + "x",
    "stars": lambda n: "Reflection: " + "*" * n,
    "stars on a line": lambda n: "\n" + "*" * n,
    "digits": lambda n: "Action: click(point='" + "9" * n + ",1')",
    "a name": lambda n: "Action: " + "a" * n,
    "dotted name": lambda n: "! " + "a." * (n // 2),
    "sentences": lambda n: "a! " * (n // 3),
    "tags": lambda n: "<think" * (n // 6),
    "thinking": lambda n: "<think>" * (n // 7),
    "ends of thinking": lambda n: "</think>" * (n // 8),
    "fences behind": lambda n: "Action: wait()" + "```\n" * (n // 4),
    "labels": lambda n: "Reflection: " * (n // 12),
    "points": lambda n: "Action: drag(via='" + "(1,2);" * (n // 6) + "')",
    "arguments": lambda n: "Action: wait(" + "a=1," * (n // 4),
    "distinct arguments": lambda n: "Action: wait(" + ",".join(f"a{i}=1" for i in range(n // 10)) + ")",
    "keys": lambda n: "Action: hotkey(key='" + "a " * (n // 2) + "b nokey')",
    "plus signs": lambda n: "Action: hotkey(key='" + "+" * n + "')",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_texts_of_the_greatest_length_take_linear_time(kind: str) -> None:
    """Processor time of this thread: linear is below 0.3 s, quadratic some minutes, and other jobs do not count."""
    text = HOSTILE[kind](MAX_CHARACTERS - 100)
    start = time.thread_time()
    V15.parse(text, SCREEN)
    assert time.thread_time() - start < 5.0


@pytest.mark.parametrize("bad", ["tars", "", "uitars-9", "../x", "os:system"])
def test_an_unknown_dialect_is_refused_with_the_known_names(bad: str) -> None:
    with pytest.raises(UnknownDialect, match=r"uitars-1\.0, uitars-1\.5"):
        get_dialect(bad)


@pytest.mark.parametrize("alias", ["ui-tars-1.5", "UI-TARS-1.5", "uitars_1.5", "ui-tars-1.5-7b"])
def test_other_names_of_a_dialect_lead_to_it(alias: str) -> None:
    assert get_dialect(alias).name == "uitars-1.5"


def test_our_dialects_are_listed_and_carry_their_names() -> None:
    assert set(dialect_names()) >= {"uitars-1.0", "uitars-1.5"}
    assert all(get_dialect(name).name == name for name in ("uitars-1.0", "uitars-1.5"))


def test_a_screen_that_no_model_takes_is_the_caller_s_error() -> None:
    with pytest.raises(ValueError, match="too narrow"):
        V15.parse("Action: wait()", Frame(Size(2000, 2)))


def test_an_installed_package_adds_a_dialect_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shouting.py").write_text(
        "from actions.space import Prediction, TypeText\n"
        "class Shouting:\n"
        "    name = 'shouting'\n"
        "    def __init__(self, image_rule): self.image_rule = image_rule\n"
        "    def parse(self, text, frame): return Prediction(actions=(TypeText(text=text.upper()),), text=text)\n"
        "    def format(self, prediction, frame): return 'HI'\n"
    )
    info = tmp_path / "shouting-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shouting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[deftly.dialects]\nshouting = shouting:Shouting\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    rule = ImageRule(28, 784, 7840)
    dialect = get_dialect("shouting", rule)
    assert dialect.parse("hi", SCREEN).actions == (TypeText(text="HI"),)
    assert getattr(dialect, "image_rule", None) == rule
    assert "shouting" in dialect_names()
    with pytest.raises(UnknownDialect, match="shouting"):
        get_dialect("whispering")
