"""The action space refuses what no hand can do, and names the field."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import get_args

import pytest

from actions.geometry import Point
from actions.space import (
    ACTION_TYPES,
    Action,
    ButtonDown,
    ButtonUp,
    Click,
    Drag,
    Hotkey,
    KeyDown,
    KeyUp,
    Scroll,
    Wait,
)

HERE = Point(0.5, 0.5)


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (lambda: Click(point=HERE, button="wheel"), r"click\.button.*left, right, middle"),
        (lambda: Click(point=HERE, count=4), r"click\.count is 4"),
        (lambda: Click(point=HERE, count=0), r"click\.count is 0"),
        (lambda: Click(point=HERE, modifiers=("fn",)), r"click\.modifiers has 'fn'"),
        (lambda: Click(point=HERE, modifiers=("ctrl", "ctrl")), r"click\.modifiers.*once"),
        (lambda: Click(point=HERE, modifiers="ctrl"), "modifiers is the text"),
        (lambda: Drag(path=(HERE,)), r"drag\.path has 1"),
        (lambda: Drag(path=(HERE, HERE), button="x"), r"drag\.button"),
        (lambda: ButtonDown(button="x"), r"button_down\.button"),
        (lambda: ButtonUp(button="x"), r"button_up\.button"),
        (lambda: Scroll(dx=1001), r"scroll\.dx is 1001"),
        (lambda: Scroll(dy=0.5), r"scroll\.dy is 0\.5"),
        (lambda: Hotkey(keys=()), r"hotkey\.keys is empty"),
        (lambda: Hotkey(keys="ctrl"), "keys is the text 'ctrl'"),
        (lambda: Hotkey(keys=("ctrl", "nokey")), "nokey"),
        (lambda: KeyDown(key="nokey"), "nokey"),
        (lambda: KeyUp(key="nokey"), "nokey"),
        (lambda: Wait(seconds=-1), r"wait\.seconds is -1"),
        (lambda: Wait(seconds=math.nan), r"wait\.seconds is nan"),
        (lambda: Wait(seconds=math.inf), r"wait\.seconds is inf"),
        (lambda: Wait(seconds=3601), r"wait\.seconds is 3601"),
    ],
)
def test_an_action_that_no_hand_can_do_is_refused_by_field(build: Callable[[], Action], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        build()


def test_keys_are_kept_under_their_one_name() -> None:
    assert Hotkey(keys=("Control", "C")).keys == ("ctrl", "c")
    assert KeyDown(key="Return").key == KeyUp(key="enter").key == "enter"


def test_lists_become_tuples_so_that_actions_stay_hashable() -> None:
    assert hash(Drag(path=[HERE, Point(0, 0)])) == hash(Drag(path=(HERE, Point(0, 0))))  # type: ignore[arg-type]
    assert Hotkey(keys=["ctrl", "c"]).keys == ("ctrl", "c")  # type: ignore[arg-type]


def test_actions_are_frozen_and_every_type_has_its_own_name() -> None:
    assert len(ACTION_TYPES) == len(get_args(Action)) == 20
    for name, cls in ACTION_TYPES.items():
        assert cls.type == name
        assert dataclasses.is_dataclass(cls) and cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
