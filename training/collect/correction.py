"""Better answers to steps that went wrong: from an expert who looks at the page, or from a person's list of edits.

The method is UI-TARS's (Qin et al., 2025, https://arxiv.org/abs/2501.12326, section 4.5): a failed step and what should have been done
there make a pair. Of that, error correction is learnt; the reflection on a step after it has gone wrong is not written by these.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actions.space import Action, Click, Drag, Prediction
from actions.wire import action_from_json
from agent.step import Step
from training.errors import BadData

NEAR = 0.04  # of the screen: two clicks so close are the same click


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What should have been said at a step, who says so, and whether what was said comes to the same."""

    better: Prediction
    by: str
    agrees: bool


def compared(said: Prediction, better: Prediction, by: str) -> Correction:
    """`better` as a correction of `said`."""
    agrees = len(said.actions) == len(better.actions) and all(map(alike, said.actions, better.actions))
    return Correction(better=better, by=by, agrees=agrees)


def alike(one: Action, other: Action) -> bool:
    """The same action, places being the same when they are near."""
    if isinstance(one, Click) and isinstance(other, Click):
        same = (one.button, one.count, one.modifiers) == (other.button, other.count, other.modifiers)
        return same and _near(one.point, other.point)
    if isinstance(one, Drag) and isinstance(other, Drag):
        return _near(one.path[0], other.path[0]) and _near(one.path[-1], other.path[-1])
    return one == other


def _near(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    return bool(abs(one.x - other.x) <= NEAR and abs(one.y - other.y) <= NEAR)


Edits = Mapping[tuple[str, int], Prediction]


def read_edits(file: Path) -> Edits:
    """A person's edits: JSON lines, or an array, of `{"episode", "step", "thought", "actions"}`; steps are counted from 1, as shown.

    Raises:
        BadData: an edit cannot be read; the message says which.
    """
    try:
        text = file.read_text(encoding="utf-8")
        rows = json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in text.splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise BadData(f"the edits in {file} cannot be read: {error}") from error
    edits: dict[tuple[str, int], Prediction] = {}
    for number, row in enumerate(rows, start=1):
        try:
            key = str(row["episode"]), int(row["step"])
            actions = tuple(action_from_json(action) for action in row["actions"])
            if not actions or key[1] < 1:
                raise ValueError("it needs an action at least, and a step counted from 1")
        except (KeyError, TypeError, ValueError) as error:
            what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
            raise BadData(f"{file}, edit {number}: {what}") from error
        if key in edits:
            raise BadData(f"{file}, edit {number}: there is another one of {key[0]}, step {key[1]}")
        edits[key] = Prediction(thought=str(row.get("thought", "")), actions=actions)
    return edits


def edit_of(edits: Edits, episode: str, step: Step) -> Correction | None:
    """What the person says of `step` of the episode called `episode`."""
    better = edits.get((episode, step.index + 1))
    return None if better is None else compared(step.prediction, better, "person")
