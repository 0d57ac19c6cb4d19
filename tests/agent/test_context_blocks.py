"""The history that grows and is trimmed in blocks: each step begins with what a server has cached of the one before, save after a trim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.space import Prediction, TypeText
from agent.context import build_messages, told_steps
from agent.history import Cost, blocks
from agent.screenshot import Screenshot
from agent.step import Step
from agent.tokens import screen_tokens, text_tokens
from inference.engines.base import Message
from inference.families import Family, History, load_family
from tests.agent.conftest import screen, step

SIZES = [(320, 240), (640, 480), (480, 800)]


class Told(NamedTuple):
    """A step in short: the size of its screen, how long its answer is, what it was told afterwards, and whether it could be read."""

    size: tuple[int, int]
    length: int
    feedback: str
    readable: bool


TOLD = st.builds(
    Told,
    st.sampled_from(SIZES),
    st.integers(1, 600),
    st.sampled_from(["", "", "click was refused"]),
    st.sampled_from([True, True, True, False]),
)


def make_steps(told: Sequence[Told]) -> list[Step]:
    made = []
    for index, one in enumerate(told):
        said = (
            Prediction(thought="t", actions=(TypeText(text="x" * one.length),)) if one.readable else Prediction(text="?", error="no action")
        )
        made.append(replace(step(index, feedback=one.feedback), seen=screen(index, *one.size), prediction=said))
    return made


@st.composite
def families(draw: st.DrawFn) -> Family:
    images = draw(st.integers(2, 8))
    history = History(
        rule="blocks",
        text="responses",
        images=images,
        keep_images=draw(st.integers(1, images - 1)),
        budget_tokens=draw(st.integers(300, 6000)),
        dropped=draw(st.sampled_from([None, "", "(gone)"])),
    )
    family = load_family("uitars-1.5-blocks")
    user = "Do {task}. Before: {history}" if draw(st.booleans()) else "Do {task}"
    place = draw(st.sampled_from(["alone", "first"]))
    order = draw(st.sampled_from(["image-first", "text-first"]))
    return replace(family, history=history, prompt=replace(family.prompt, user=user, place=place, order=order, system=None))


def pictures(messages: Sequence[Message]) -> list[Screenshot]:
    return [part for message in messages for part in message.content if isinstance(part, Screenshot)]


def contexts(steps: Sequence[Step], family: Family) -> list[tuple[Message, ...]]:
    """What the model is shown at each step of an episode."""
    return [build_messages("the task", steps[:count], seen.seen, family) for count, seen in enumerate(steps)]


@given(st.lists(TOLD, min_size=2, max_size=24), families())
@settings(max_examples=120, deadline=None)
def test_each_context_begins_with_that_of_the_last_step_that_was_read_unless_a_trim_was_due(told: list[Told], family: Family) -> None:
    shown = contexts(make_steps(told), family)
    last = None
    for one, context in zip(told, shown, strict=True):
        if last is not None:
            assert context[: len(last)] == last or trimmed(last, context)
        last = context if one.readable else last  # what cannot be read is not told: its screenshot gives way to the next one


def trimmed(before: Sequence[Message], after: Sequence[Message]) -> bool:
    """Whether the oldest screenshot of `before` is gone, or, where there was but one, its words."""
    return pictures(before)[0] not in pictures(after) or len(pictures(before)) == 1


@given(st.lists(TOLD, min_size=1, max_size=24), families())
@settings(max_examples=120, deadline=None)
def test_no_context_breaks_its_limits(told: list[Told], family: Family) -> None:
    steps, rule = make_steps(told), family.history
    for seen, messages in zip(steps, contexts(steps, family), strict=True):
        shown = pictures(messages)
        assert shown[-1] is seen.seen
        assert rule.images is not None
        assert len(shown) <= rule.images
        assert rule.budget_tokens is not None
        alone = len(shown) == 1
        assert alone or estimate(messages, family) <= rule.budget_tokens + 40  # the joints of a line or two of history


def estimate(messages: Sequence[Message], family: Family) -> int:
    parts = [part for message in messages for part in message.content]
    return sum(text_tokens(p) if isinstance(p, str) else screen_tokens(p.size, family.image) for p in parts if not isinstance(p, str) or p)


@given(st.integers(2, 30), st.data())
@settings(max_examples=100, deadline=None)
def test_after_a_trim_the_context_grows_for_as_many_steps_as_were_dropped(images: int, data: st.DataObject) -> None:
    keep = data.draw(st.integers(1, images - 1))
    rule = History(rule="blocks", text="responses", images=images, keep_images=keep, budget_tokens=10**9)
    first = [blocks([Cost(1000, 50)] * count, 1000, 500, rule).screens_from for count in range(100)]
    trims = [count for count in range(1, 100) if first[count] != first[count - 1]]
    assert trims == [*range(images, 100, images - keep + 1)]
    assert all(count + 1 - first[count] == keep for count in trims)


@given(st.lists(TOLD, max_size=16), families())
@settings(max_examples=60, deadline=None)
def test_the_same_history_gives_the_same_context_whoever_asks(told: list[Told], family: Family) -> None:
    """There is no state: a server, training and evaluation show what the run showed."""
    steps = make_steps(told)
    again = make_steps(told)
    assert texts(build_messages("t", steps, screen(99), family)) == texts(build_messages("t", again, screen(99), family))


def texts(messages: Sequence[Message]) -> list[Any]:
    return [(m.role, [part if isinstance(part, str) else part.sha256 for part in m.content]) for m in messages]


@pytest.mark.parametrize("name", ["uitars-1.5-blocks", "qwen3.5"])
def test_at_full_hd_an_episode_of_15_steps_is_never_trimmed(name: str) -> None:
    family = load_family(name)
    steps = [replace(step(index, thought="t" * 300), seen=big()) for index in range(15)]
    last = build_messages("the task", steps[:-1], steps[-1].seen, family)
    assert len(pictures(last)) == 15
    assert len(told_steps(steps, family)) == 15


def big() -> Screenshot:
    import numpy as np

    return Screenshot.from_rgb(np.zeros((1080, 1920, 3), np.uint8))
