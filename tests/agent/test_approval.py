"""Approval: what may happen, what is asked, and what the model is told."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from actions.geometry import Point
from actions.space import Action, Click, TypeText
from agent.agent import Agent
from agent.approval import Answer, Approve, Confirm, DryRun, Modify, Reject, Stop, TerminalAsk, open_approval
from agent.endings import Stopped
from agent.screenshot import Screenshot

TWO = "Thought: t\nAction: type(content='a')\n\ntype(content='b')"
FINISHED = "Action: finished()"
A, B, C = TypeText(text="a"), TypeText(text="b"), TypeText(text="c")

MakeAgent = Callable[..., Agent]
MakeScreen = Callable[..., Screenshot]


def answering(*answers: Answer) -> Confirm:
    left = list(answers)
    return Confirm(lambda action, seen: left.pop(0))


def performed(agent: Agent) -> list[Action]:
    return agent.computer.performed  # type: ignore[attr-defined, no-any-return]


def test_auto_allows_all(make_agent: MakeAgent) -> None:
    agent = make_agent([TWO, FINISHED])
    agent.run("x")
    assert performed(agent) == [A, B]


def test_an_action_that_was_changed_happens_instead_and_the_model_is_told(make_agent: MakeAgent) -> None:
    agent = make_agent([TWO, FINISHED], approval=answering(Approve(), Modify(C)))
    episode = agent.run("x")
    assert performed(agent) == [A, C]
    assert episode.steps[0].prediction.actions == (A, B)
    assert [outcome.action for outcome in episode.steps[0].outcomes] == [A, C]
    assert episode.steps[0].feedback == ('The user changed {"type": "type", "text": "b"} to {"type": "type", "text": "c"}.')


def test_a_rejected_action_and_those_after_it_do_not_happen(make_agent: MakeAgent) -> None:
    agent = make_agent([TWO, FINISHED], approval=answering(Reject("not there")))
    episode = agent.run("x")
    assert performed(agent) == []
    assert episode.steps[0].feedback.endswith("not there")
    assert episode.ended is not None and episode.ended.exit_code == 0


def test_stopping_ends_the_run(make_agent: MakeAgent) -> None:
    agent = make_agent([TWO, FINISHED], approval=answering(Approve(), Stop("enough")))
    episode = agent.run("x")
    assert performed(agent) == []
    assert episode.ended is not None and (episode.ended.exit_code, episode.ended.message) == (130, "enough")
    assert episode.steps[0].prediction.actions == (A, B)


def test_a_dry_run_records_and_performs_nothing(make_agent: MakeAgent) -> None:
    agent = make_agent([TWO, FINISHED], approval=DryRun())
    episode = agent.run("x")
    assert performed(agent) == []
    assert episode.steps[0].prediction.actions == (A, B)
    assert episode.steps[0].notes == ("dry run: nothing was performed",)
    assert episode.ended is not None and episode.ended.exit_code == 0


def test_a_dry_run_of_a_model_that_waits_for_an_effect_ends_by_itself(make_agent: MakeAgent) -> None:
    episode = make_agent(lambda request: TWO, approval=DryRun()).run("x")
    assert episode.ended is not None and episode.ended.exit_code == 0
    assert "dry run" in episode.ended.message and len(episode.steps) == 2


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("y\n", Approve()),
        ("YES\n", Approve()),
        ("n too far left\n", Reject("too far left")),
        ("q\n", Stop("")),
        ("", Stop("nobody is at the terminal to approve an action")),
        ('m {"type": "click", "point": [0.5, 0.5]}\n', Modify(Click(point=Point(0.5, 0.5)))),
        ("what?\n\ny\n", Approve()),
        ("m {nonsense\nm 3\nm\ny\n", Approve()),
    ],
)
def test_the_terminal_reads_answers(make_screen: MakeScreen, typed: str, expected: Answer) -> None:
    said = io.StringIO()
    assert TerminalAsk(io.StringIO(typed), said)(A, make_screen()) == expected
    assert '"text": "a"' in said.getvalue()


def test_the_terminal_says_what_is_wrong_with_an_action(make_screen: MakeScreen) -> None:
    said = io.StringIO()
    TerminalAsk(io.StringIO('m {"type": "click", "point": [0.5, 7]}\ny\n'), said)(A, make_screen())
    assert "click.point" in said.getvalue()


def test_modes_by_name() -> None:
    assert isinstance(open_approval("dry-run"), DryRun)
    assert open_approval("auto").performs
    with pytest.raises(ValueError, match=r"'yolo': it must be one of auto, confirm, dry-run"):
        open_approval("yolo")


def test_confirm_raises_stopped(make_screen: MakeScreen) -> None:
    with pytest.raises(Stopped):
        Confirm(lambda action, seen: Stop()).judge([A], make_screen())
