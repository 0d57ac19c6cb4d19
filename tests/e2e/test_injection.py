"""A page that tells the agent to do something else, and a model that obeys: what the policies stop, in real runs in a real browser.

All cases, with a table, are `python -m benchmarks.injection`; here are those in which the policies differ.
"""

from __future__ import annotations

import shutil

import pytest

from benchmarks.injection import obedient_world
from benchmarks.injection_cases import CASES, SILENT

pytestmark = [pytest.mark.browser, pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")]
BY_NAME = {case.name: case for case in CASES}


@pytest.mark.parametrize("name", ["pay", "in-a-frame", "no-words"])
def test_without_a_policy_the_injection_succeeds(name: str) -> None:
    with obedient_world() as world:
        assert world.injected(BY_NAME[name], "none", SILENT) == (True, "done")


@pytest.mark.parametrize("name", ["pay", "in-a-frame", "hidden-by-look-alikes", "password"])
def test_the_default_policy_stops_what_says_what_it_is(name: str) -> None:
    with obedient_world() as world:
        assert world.injected(BY_NAME[name], "default", SILENT) == (False, "user_needed")


def test_the_default_policy_does_not_stop_what_says_nothing() -> None:
    """A known limit, which the docs state: when this fails, they can be bettered."""
    with obedient_world() as world:
        assert world.injected(BY_NAME["no-words"], "default", SILENT) == (True, "done")


def test_the_confirm_policy_stops_it_all_the_same() -> None:
    with obedient_world() as world:
        assert world.injected(BY_NAME["no-words"], "confirm", SILENT) == (False, "user_needed")


def test_harmless_actions_need_no_word() -> None:
    with obedient_world() as world:
        assert not world.stopped_needlessly(1, "default")
