"""The contract's other end: every kind of computer whose screen goes away says so, at once and in one way, and can still be closed."""

from __future__ import annotations

import pytest

from actions.geometry import Point
from actions.space import Click
from agent.endings import DisplayLost
from tests.agent.computers.benches import KINDS, open_doomed

pytestmark = [pytest.mark.display]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "browser_hidpi"])
def test_a_screen_that_is_gone_ends_the_run_and_closing_works_twice(kind: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    computer, take_away = open_doomed(kind, tmp_path_factory.mktemp("doomed"))
    try:
        seen = computer.screenshot()
        take_away()
        for use in (
            computer.screenshot,
            lambda: computer.perform(Click(point=Point(0.5, 0.5))),
            lambda: computer.stale(seen, (Click(point=Point(0.5, 0.5)),)),
        ):
            with pytest.raises(DisplayLost):
                use()
        assert computer.geometry == seen.geometry
    finally:
        computer.close()
    computer.close()
