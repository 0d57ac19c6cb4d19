"""What the model is shown: golden messages of each history rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from actions.geometry import Frame, Point, Size
from actions.space import Click, Finished, Prediction, TypeText
from agent.context import answer_text, build_messages
from agent.screenshot import Screenshot
from agent.step import Step
from inference.families import Family, load_family

MakeStep = Callable[..., Step]
MakeScreen = Callable[..., Screenshot]
Lines = Callable[..., list[str]]


@pytest.fixture
def tiny() -> Family:
    """The rules of deftly-tiny, whatever its prompt has become."""
    family = load_family("deftly-tiny")
    prompt = replace(family.prompt, system=None, order="image-first", user="Task: {task}\nDone: {history}\nNext:")
    return replace(family, prompt=prompt, history=replace(family.history, images=1, text="thoughts", max_steps=12))


@pytest.fixture
def uitars() -> Family:
    """UI-TARS with a prompt short enough to read here."""
    family = load_family("uitars-1.5")
    return replace(family, prompt=replace(family.prompt, user="Do: {task}"))


def test_thoughts_first_step(tiny: Family, make_screen: MakeScreen, as_lines: Lines) -> None:
    assert as_lines(build_messages("press ok", [], make_screen(9), tiny)) == ["user: <9> Task: press ok\nDone: nothing\nNext:"]


def test_the_system_prompt_comes_first(tiny: Family, make_screen: MakeScreen, as_lines: Lines) -> None:
    family = replace(tiny, prompt=replace(tiny.prompt, system="be quick"))
    assert as_lines(build_messages("x", [], make_screen(9), family))[0] == "system: be quick"


def test_thoughts_later_steps_are_joined(tiny: Family, make_step: MakeStep, make_screen: MakeScreen, as_lines: Lines) -> None:
    history = [make_step(0, thought="open the menu"), make_step(1, thought="press  save\n")]
    assert as_lines(build_messages("save", history, make_screen(9), tiny)) == [
        "user: <9> Task: save\nDone: open the menu; press save\nNext:"
    ]


def test_thoughts_only_the_last_steps_are_told(tiny: Family, make_step: MakeStep, make_screen: MakeScreen, as_lines: Lines) -> None:
    history = [make_step(index) for index in range(20)]
    (line,) = as_lines(build_messages("x", history, make_screen(99), tiny))
    assert f"Done: {'; '.join(f'thought {index}' for index in range(8, 20))}\n" in line


def test_thoughts_told_what_was_refused(tiny: Family, make_step: MakeStep, make_screen: MakeScreen, as_lines: Lines) -> None:
    history = [make_step(0, thought="press ok", feedback="click was refused: locked")]
    (line,) = as_lines(build_messages("x", history, make_screen(9), tiny))
    assert "Done: press ok (click was refused: locked)\n" in line


def test_responses_first_step(uitars: Family, make_screen: MakeScreen, as_lines: Lines) -> None:
    assert as_lines(build_messages("press ok", [], make_screen(9), uitars)) == [
        "system: You are a helpful assistant.",
        "user: Do: press ok",
        "user: <9>",
    ]


def test_responses_keep_every_answer_and_only_the_last_screens(
    uitars: Family, make_step: MakeStep, make_screen: MakeScreen, as_lines: Lines
) -> None:
    history = [make_step(index, TypeText(text=str(index))) for index in range(6)]
    answers = [f"assistant: Thought: thought {index}\nAction: type(content='{index}')" for index in range(6)]
    assert as_lines(build_messages("count", history, make_screen(9), uitars)) == [
        "system: You are a helpful assistant.",
        "user: Do: count",
        answers[0],
        answers[1],
        "user: <2>",
        answers[2],
        "user: <3>",
        answers[3],
        "user: <4>",
        answers[4],
        "user: <5>",
        answers[5],
        "user: <9>",
    ]


def test_responses_feedback_comes_before_the_next_screen(
    uitars: Family, make_step: MakeStep, make_screen: MakeScreen, as_lines: Lines
) -> None:
    history = [make_step(0, TypeText(text="a"), feedback="type was refused: no keyboard")]
    assert as_lines(build_messages("x", history, make_screen(9), uitars))[-2:] == [
        "assistant: Thought: thought 0\nAction: type(content='a')",
        "user: type was refused: no keyboard <9>",
    ]


def test_responses_image_first_puts_the_prompt_behind_the_current_screen(
    uitars: Family, make_step: MakeStep, make_screen: MakeScreen, as_lines: Lines
) -> None:
    family = replace(uitars, prompt=replace(uitars.prompt, order="image-first", system=None))
    assert as_lines(build_messages("x", [make_step(0, TypeText(text="a"))], make_screen(9), family)) == [
        "user: <0>",
        "assistant: Thought: thought 0\nAction: type(content='a')",
        "user: <9> Do: x",
    ]


def test_a_context_that_only_grows_begins_with_all_of_the_one_before(uitars: Family, make_step: MakeStep, make_screen: MakeScreen) -> None:
    """What an engine cached of step n is the beginning of what it is asked at step n + 1."""
    family = replace(uitars, history=replace(uitars.history, images=None))
    history = [make_step(index) for index in range(12)]
    for count in range(len(history)):
        before = build_messages("x", history[:count], history[count].seen, family)
        after = build_messages("x", history[: count + 1], make_screen(99), family)
        assert after[: len(before)] == before


def test_the_models_own_words_are_kept_to_the_letter(uitars: Family, make_step: MakeStep, make_screen: MakeScreen) -> None:
    own = "Thought: thought 0\nAction:  type( content = 'a' )"
    history = [make_step(0, TypeText(text="a"), text=own)]
    assert build_messages("x", history, make_screen(9), uitars)[-2].content == (own,)


def test_words_of_another_family_are_translated(uitars: Family, make_step: MakeStep, make_screen: MakeScreen) -> None:
    """(500, 250) of 1000 was said in the way of UI-TARS 1.0; 1.5 writes pixels of the resized image, here 336x252."""
    other = "Thought: thought 0\nAction: click(start_box='<|box_start|>(500,250)<|box_end|>')"
    history = [make_step(0, Click(point=Point(0.5, 0.25)), text=other)]
    assert build_messages("x", history, make_screen(9), uitars)[-2].content == (
        "Thought: thought 0\nAction: click(point='<point>168 63</point>')",
    )


def test_steps_that_could_not_be_read_are_not_told(
    tiny: Family, uitars: Family, make_step: MakeStep, make_screen: MakeScreen, as_lines: Lines
) -> None:
    bad = replace(make_step(0), prediction=Prediction(text="gibberish", error="no action in it"))
    assert as_lines(build_messages("x", [bad], make_screen(9), tiny)) == as_lines(build_messages("x", [], make_screen(9), tiny))
    assert as_lines(build_messages("x", [bad], make_screen(9), uitars)) == as_lines(build_messages("x", [], make_screen(9), uitars))


@pytest.mark.parametrize("task", ["use {braces} and {history}", "{0}", "100 % {task}"])
def test_a_task_may_hold_braces(tiny: Family, make_screen: MakeScreen, task: str) -> None:
    (message,) = build_messages(task, [], make_screen(9), tiny)
    assert f"Task: {task}\n" in str(message.content[1])


@pytest.mark.parametrize("name", ["deftly-tiny", "uitars-1.5", "uitars-1.0"])
def test_what_training_writes_is_read_back_as_the_same_answer(name: str) -> None:
    from agent.context import dialect_of

    family = load_family(name)
    frame = Frame(screen=Size(320, 320))
    said = Prediction(thought="press it", actions=(Click(point=Point(0.25, 0.5)), Finished(answer=None)))
    read: Any = dialect_of(family).parse(answer_text(said, family, frame), frame)
    assert (read.thought, read.error, read.actions[0].point) == ("press it", None, Point(0.25, 0.5))
