"""Actions as JSON: the one form, read back exactly, and strict about everything else."""

from __future__ import annotations

import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.geometry import Point
from actions.space import (
    ACTION_TYPES,
    Action,
    ButtonDown,
    CallUser,
    Click,
    Drag,
    Failed,
    Finished,
    Hotkey,
    KeyUp,
    Move,
    Prediction,
    Scroll,
    TakeScreenshot,
    TypeText,
    Wait,
)
from actions.wire import _FIELDS, WireError, action_from_json, action_to_json, prediction_to_json
from tests.actions.strategies import actions

PLACE = Point(0.5, 0.25)


@pytest.mark.parametrize(
    ("action", "form"),
    [
        (Click(point=PLACE), '{"type": "click", "point": [0.5, 0.25], "button": "left", "count": 1, "modifiers": []}'),
        (Move(point=PLACE), '{"type": "move", "point": [0.5, 0.25]}'),
        (Drag(path=(PLACE, Point(1, 0))), '{"type": "drag", "path": [[0.5, 0.25], [1.0, 0.0]], "button": "left"}'),
        (ButtonDown(), '{"type": "button_down", "button": "left", "point": null}'),
        (Scroll(point=PLACE, dy=-3), '{"type": "scroll", "point": [0.5, 0.25], "dx": 0, "dy": -3}'),
        (TypeText(text="a\n"), '{"type": "type", "text": "a\\n"}'),
        (Hotkey(keys=("ctrl", "c")), '{"type": "hotkey", "keys": ["ctrl", "c"]}'),
        (KeyUp(key="shift"), '{"type": "key_up", "key": "shift"}'),
        (Wait(), '{"type": "wait", "seconds": 5.0}'),
        (TakeScreenshot(), '{"type": "screenshot"}'),
        (Finished(), '{"type": "finished", "answer": null}'),
        (Failed(reason="no"), '{"type": "failed", "reason": "no"}'),
        (CallUser(question="?"), '{"type": "call_user", "question": "?"}'),
    ],
)
def test_each_action_has_the_form_that_others_rely_on(action: Action, form: str) -> None:
    assert json.dumps(action_to_json(action)) == form
    assert action_from_json(json.loads(form)) == action


@given(actions)
def test_every_action_comes_back_from_json_as_it_was(action: Action) -> None:
    text = json.dumps(action_to_json(action), allow_nan=False)
    assert action_from_json(json.loads(text)) == action


def test_every_type_and_field_is_on_the_wire() -> None:
    assert {kind: set(fields) for kind, fields in _FIELDS.items()} == {
        kind: set(cls.__dataclass_fields__) - {"type"} for kind, cls in ACTION_TYPES.items()
    }


def test_fields_with_a_default_may_be_absent() -> None:
    assert action_from_json({"type": "click", "point": [0, 1]}) == Click(point=Point(0.0, 1.0))
    assert action_from_json({"type": "wait"}) == Wait()
    assert action_from_json({"type": "finished"}) == Finished()


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (None, "action is None"),
        ([], "action is a list of 0"),
        ("click", "action is 'click'"),
        ({}, r"action\.type is None"),
        ({1: 2}, "field called 1"),
        ({"type": "tap"}, r"action\.type is 'tap'.*click"),
        ({"type": ["click"]}, r"action\.type is a list"),
        ({"type": "click"}, r"click\.point is missing"),
        ({"type": "click", "point": [0.1, 0.2], "colour": 1}, r"click\.colour is unknown.*modifiers"),
        ({"type": "screenshot", "x": 1}, r"screenshot\.x is unknown: screenshot has no fields"),
        ({"type": "click", "point": None}, r"click\.point is None: it must be a list"),
        ({"type": "click", "point": {"x": 1}}, r"click\.point is an object"),
        ({"type": "click", "point": "0.5,0.5"}, r"click\.point is '0.5,0.5'"),
        ({"type": "click", "point": [0.5]}, r"click\.point has 1 numbers"),
        ({"type": "click", "point": [0.5, "0.5"]}, r"click\.point\[1\] is '0.5'"),
        ({"type": "click", "point": [0.5, True]}, r"click\.point\[1\] is True"),
        ({"type": "click", "point": [math.nan, 0.5]}, r"click\.point\[0\] is nan"),
        ({"type": "click", "point": [0.5, math.inf]}, r"click\.point\[1\] is inf"),
        ({"type": "click", "point": [0.5, 1.5]}, r"click\.point\[1\] is 1\.5"),
        ({"type": "click", "point": [10**5000, 0]}, r"click\.point\[0\] is a huge number"),
        ({"type": "click", "point": [0.5, 0.5], "button": "wheel"}, r"click\.button"),
        ({"type": "click", "point": [0.5, 0.5], "button": 1}, r"click\.button is 1"),
        ({"type": "click", "point": [0.5, 0.5], "count": 1.0}, r"click\.count is 1\.0"),
        ({"type": "click", "point": [0.5, 0.5], "count": 9}, r"click\.count is 9"),
        ({"type": "click", "point": [0.5, 0.5], "modifiers": "ctrl"}, r"click\.modifiers is 'ctrl'"),
        ({"type": "click", "point": [0.5, 0.5], "modifiers": [1]}, r"click\.modifiers\[0\] is 1"),
        ({"type": "click", "point": [0.5, 0.5], "modifiers": ["fn"]}, r"click\.modifiers has 'fn'"),
        ({"type": "drag", "path": [[0, 0]]}, r"drag\.path has 1"),
        ({"type": "drag", "path": [[0, 0], [0, 2]]}, r"drag\.path\[1\]\[1\] is 2"),
        ({"type": "scroll", "dy": "3"}, r"scroll\.dy is '3'"),
        ({"type": "scroll", "dy": 10**6}, r"scroll\.dy is 1000000"),
        ({"type": "type", "text": None}, r"type\.text is None"),
        ({"type": "hotkey", "keys": []}, r"hotkey\.keys is empty"),
        ({"type": "hotkey", "keys": ["nokey"]}, "nokey"),
        ({"type": "wait", "seconds": None}, r"wait\.seconds is None"),
        ({"type": "wait", "seconds": -1}, r"wait\.seconds is -1"),
        ({"type": "finished", "answer": 5}, r"finished\.answer is 5"),
    ],
)
def test_what_is_no_action_is_refused_by_its_dotted_field(value: Any, named: str) -> None:
    with pytest.raises(WireError, match=named):
        action_from_json(value)


def test_a_huge_value_is_not_repeated_whole() -> None:
    with pytest.raises(WireError) as refused:
        action_from_json({"type": "x" * 10**6})
    assert len(str(refused.value)) < 400


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "point", "path", "keys", "x"]), inner, max_size=3),
    max_leaves=8,
)


@given(json_values | st.fixed_dictionaries({"type": st.sampled_from(sorted(ACTION_TYPES)), "point": json_values, "keys": json_values}))
def test_any_json_gives_an_action_or_one_clear_error(value: Any) -> None:
    with contextlib.suppress(WireError):
        action_from_json(value)


def test_a_prediction_shows_thought_actions_and_error() -> None:
    assert prediction_to_json(Prediction(thought="t", actions=(Wait(),), text="raw")) == {
        "thought": "t",
        "actions": [{"type": "wait", "seconds": 5.0}],
        "error": None,
    }
