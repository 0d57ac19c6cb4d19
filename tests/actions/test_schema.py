"""The JSON Schema of actions says what is read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from actions.schema import action_schema
from actions.space import ACTION_TYPES, Action
from actions.wire import WireError, action_from_json, action_to_json
from tests.actions.strategies import actions

VALIDATOR = Draft202012Validator(action_schema())


@given(actions)
def test_every_action_fits_its_schema(action: Action) -> None:
    VALIDATOR.validate(action_to_json(action))


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "click"},
        {"type": "click", "point": [0.5]},
        {"type": "click", "point": [0.5, 1.5]},
        {"type": "click", "point": [0.5, 0.5], "button": "fourth"},
        {"type": "click", "point": [0.5, 0.5], "colour": "red"},
        {"type": "type", "text": 5},
        {"type": "eval", "code": "1"},
    ],
)
def test_what_is_not_read_does_not_fit(wrong: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid(wrong)
    with pytest.raises(WireError):
        action_from_json(wrong)


def test_every_type_is_there_once() -> None:
    assert [each["properties"]["type"]["const"] for each in action_schema()["oneOf"]] == list(ACTION_TYPES)
