"""The messages of every family, frozen: deftly-tiny's weights depend on its, and other models on prompts that nobody changed unseen.

`DEFTLY_WRITE_GOLDEN=1 pytest` writes the files anew; look at the difference before it is committed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actions.geometry import Point
from actions.space import Click, Hotkey, TypeText
from agent.context import build_messages
from agent.step import Step
from inference.families import load_family
from inference.families.catalogue import FAMILIES
from plugins.entry import OURS

GOLDEN = Path(__file__).parent / "golden"
OUR_FAMILIES = [entry.name for entry in FAMILIES.entries() if entry.origin == OURS]


def as_text(messages: Any) -> str:
    """Messages as one text: a line for who speaks, then what is said, pictures as `<1280x720>`."""
    return "\n".join(f"--- {m.role}\n" + "".join(p if isinstance(p, str) else f"<{p.size}>" for p in m.content) for m in messages) + "\n"


def episode(make_step: Callable[..., Step], make_screen: Callable[..., Any]) -> tuple[list[Step], Any]:
    """Three steps on a 1280x720 screen, and the screen after them."""
    did = [Click(point=Point(0.25, 0.5)), TypeText(text="milk\n"), Hotkey(keys=("ctrl", "s"))]
    thoughts = ["Click the search box.", "Type what is wanted, and press Enter.", "Save the list with Ctrl+S."]
    feedback = ["", "", "hotkey was refused: not allowed here"]
    steps = []
    for index, (action, thought, told) in enumerate(zip(did, thoughts, feedback, strict=True)):
        steps.append(replace(make_step(index, action, thought=thought, feedback=told), seen=make_screen(index, 1280, 720)))
    return steps, make_screen(3, 1280, 720)


@pytest.mark.parametrize("name", OUR_FAMILIES)
def test_the_messages_of_a_family_are_those_of_its_golden_file(
    name: str, make_step: Callable[..., Step], make_screen: Callable[..., Any]
) -> None:
    steps, seen = episode(make_step, make_screen)
    text = as_text(build_messages("Put milk on the shopping list", steps, seen, load_family(name)))
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("DEFTLY_WRITE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")
