"""What a run prints: each step once, on lines of its own, and no model text that could take over the terminal."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from actions.geometry import Point
from actions.space import Click, Finished, Prediction
from agent.computers.base import Outcome
from agent.screenshot import Screenshot
from agent.step import Step
from deftly.progress import LONGEST, end_line, shown, step_lines

SEEN = Screenshot.from_rgb(np.zeros((4, 4, 3), np.uint8))
CLICK = Click(point=Point(0.5, 0.25))


def printed(step: Step) -> list[str]:
    sink = io.StringIO()
    console = Console(file=sink, width=400, highlight=False)
    for line in step_lines(step):
        console.print(line)
    return [line.rstrip() for line in sink.getvalue().splitlines()]


def test_a_step_tells_thought_action_note_and_timing() -> None:
    said = Prediction(thought="Press OK.", actions=(CLICK, Finished(answer="yes")))
    outcome = Outcome(action=CLICK, seconds=0.1, note="moved first")
    step = Step(index=2, seen=SEEN, prediction=said, outcomes=(outcome,), timing={"look": 0.25, "check": 0.001}, notes=("it moved",))
    assert printed(step) == [
        "   3  Press OK.  look 0.25 s",
        "      → click at 50 %, 25 %",
        "      → finished: yes",
        "      moved first",
        "      it moved",
    ]


def test_an_answer_that_could_not_be_read_is_said() -> None:
    lines = printed(Step(index=0, seen=SEEN, prediction=Prediction(text="?", error="no action")))
    assert lines == ["   1  nothing that could be read", "      ! no action"]


@pytest.mark.parametrize("hostile", ["\x1b[2J\x1b]0;title\x07", "a\rb\x08", "[bold red]x[/]", "\u202eabc"])
def test_model_text_cannot_steer_the_terminal(hostile: str) -> None:
    lines = printed(Step(index=0, seen=SEEN, prediction=Prediction(thought=hostile, error=hostile)))
    assert len(lines) == 2
    assert all(char.isprintable() for line in lines for char in line)


def test_markup_in_model_text_is_shown_as_it_is() -> None:
    assert printed(Step(index=0, seen=SEEN, prediction=Prediction(thought="[bold]x[/bold]")))[0] == "   1  [bold]x[/bold]"


def test_long_text_is_cut() -> None:
    assert len(shown("word " * 10_000)) == LONGEST


def test_the_end_names_its_status() -> None:
    assert end_line("limit_reached", 3, "30 steps\nwere not enough").plain == "limit reached: 30 steps were not enough"
