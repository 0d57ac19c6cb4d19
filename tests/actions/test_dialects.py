"""Every dialect: writing is the inverse of reading, points keep their place to half a unit, and no text at all makes reading raise."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.dialects import DIALECTS, Dialect, get_dialect
from actions.dialects.base import MAX_CHARACTERS
from actions.dialects.text_dialect import Read, TextDialect
from actions.geometry import Frame, Point, Size
from actions.space import Action, Click, Drag, Prediction
from tests.actions.hostile import HOSTILE, PIECES
from tests.actions.strategies import actions, frames, texts

NAMES = [entry.name for entry in DIALECTS.entries() if entry.origin == "deftly"]
EACH = pytest.mark.parametrize("name", NAMES)
# One of each way of reading; the others share theirs.
READERS = ["uitars-1.5", "uitars-2", "opencua", "qwen3-vl", "anthropic", "openai", "glm-v", "holo", "ui-venus", "ui-venus-computer"]
SCREEN = Frame(Size(1920, 1080))


def points_of(action: Action) -> list[Point]:
    if isinstance(action, Drag):
        return list(action.path)
    place = getattr(action, "point", None)
    return [] if place is None else [place]


def without_points(action: Action) -> dict[str, object]:
    fields = {name: getattr(action, name) for name in action.__dataclass_fields__ if name not in ("type", "point", "path")}
    return fields | {"type": action.type, "points": len(points_of(action))}


def own(name: str) -> TextDialect:
    dialect = get_dialect(name)
    assert isinstance(dialect, TextDialect)
    return dialect


@EACH
@settings(max_examples=150)
@given(thought=texts, wanted=st.lists(actions, min_size=1, max_size=4), frame=frames)
def test_the_whole_action_space_survives_writing_and_reading(name: str, thought: str, wanted: list[Action], frame: Frame) -> None:
    dialect = own(name)
    try:
        text = dialect.format(Prediction(thought=thought, actions=tuple(wanted)), frame)
    except ValueError as error:
        assert "would be read as an action" in str(error)
        thought = "Why."
        text = dialect.format(Prediction(thought=thought, actions=tuple(wanted)), frame)
    got = dialect.parse(text, frame)
    assert got.error is None
    assert got.thought == thought.strip()
    assert [without_points(action) for action in got.actions] == [without_points(action) for action in wanted]
    space = dialect.space(frame)
    unit = 10.0**-space.decimals
    for before, after in zip(wanted, got.actions, strict=True):
        for point, again in zip(points_of(before), points_of(after), strict=True):
            # Where a family stops short of the far edge, at 999 thousandths, its last unit is as near as it can come.
            for one, other, width, last in ((point.x, again.x, space.width, space.last_x), (point.y, again.y, space.height, space.last_y)):
                assert abs(one - other) * width <= max(unit / 2, width * one - last) + 1e-6
    assert dialect.format(got, frame) == text, "writing what was read gives the same text"


@EACH
@given(thought=texts)
def test_a_thought_never_becomes_an_action(name: str, thought: str) -> None:
    dialect, wanted = get_dialect(name), (Click(point=Point(0.5, 0.5)),)
    try:
        text = dialect.format(Prediction(thought=thought, actions=wanted), SCREEN)
    except ValueError:
        return
    got = dialect.parse(text, SCREEN)
    assert (got.thought, len(got.actions)) == (thought.strip(), 1)


@EACH
@settings(max_examples=200)
@given(text=texts | st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=30).map("".join))
def test_any_text_at_all_is_read_or_an_error_but_never_raises(name: str, text: str) -> None:
    prediction = get_dialect(name).parse(text, SCREEN)
    assert (prediction.error is None) == bool(prediction.actions)
    assert prediction.text == text


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_long_texts_take_linear_time(name: str, kind: str) -> None:
    """Processor time of this thread: linear is some hundredths of a second, quadratic half a minute, and other jobs do not count."""
    text = HOSTILE[kind](MAX_CHARACTERS // 4)
    start = time.thread_time()
    get_dialect(name).parse(text, SCREEN)
    assert time.thread_time() - start < 5.0


@EACH
def test_a_text_that_is_too_long_is_an_error_that_says_so(name: str) -> None:
    assert f"at most {MAX_CHARACTERS} are read" in str(get_dialect(name).parse("a" * (MAX_CHARACTERS + 1), SCREEN).error)


@EACH
@pytest.mark.parametrize(
    "text", ["", " \n", "null", "Thought: hm", "I am done.", "{}", "[]", "Action:", "<tool_call></tool_call>", "```python\n```"]
)
def test_no_action_is_guessed_from_words(name: str, text: str) -> None:
    prediction = get_dialect(name).parse(text, SCREEN)
    assert prediction.error and prediction.actions == ()


def test_each_dialect_carries_the_name_under_which_it_is_found() -> None:
    assert [get_dialect(name).name for name in NAMES] == NAMES


def test_a_dialect_keeps_the_contract() -> None:
    dialects: list[Dialect] = [get_dialect(name) for name in NAMES]
    assert all(callable(dialect.parse) and callable(dialect.format) for dialect in dialects)


def test_a_reader_that_finds_neither_actions_nor_an_error_is_not_taken_at_its_word() -> None:
    class Silent(type(get_dialect("holo2"))):  # type: ignore[misc]
        def read(self, text: str, space: object) -> Read:
            return Read("t")

    read = Silent().parse("anything", Frame(screen=Size(100, 100)))
    assert (read.thought, read.actions) == ("t", ())
    assert "no action" in (read.error or "")
