"""One step of an episode: what was seen, what the model said, what was done, and what it cost; and its one form as JSON."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from actions.geometry import Geometry
from actions.space import Action, Prediction
from actions.wire import action_from_json, action_to_json
from agent.approval import Verdict
from agent.change import Rect
from agent.computers.base import Outcome
from agent.endings import performable
from agent.screenshot import Screenshot

_SCREEN_FILE = re.compile(r"screens/[0-9]{4,9}\.png")


class Fate(NamedTuple):
    """An action and what became of it."""

    action: Action
    note: str
    performed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Look, decide, act: once.

    `outcomes` are the actions as they were really done. `feedback` is what the model is told about them beside the next screen: that
    one was refused, rejected or changed. `notes` are for people. `timing` holds seconds by stage, `trace` what the model cost.
    `restless` are the small places of the screen that changed again and again while the model thought: a clock, a spinner.
    """

    index: int
    seen: Screenshot
    prediction: Prediction
    outcomes: tuple[Outcome, ...] = ()
    feedback: str = ""
    notes: tuple[str, ...] = ()
    timing: Mapping[str, float] = field(default_factory=dict)
    trace: Mapping[str, Any] = field(default_factory=dict)
    restless: tuple[Rect, ...] = ()

    def fates(self) -> tuple[Fate, ...]:
        """What became of each action, in order: those that were done, those that were not, and how the model ended the task."""
        asked = performable(self.prediction.actions)
        done = [Fate(outcome.action, outcome.note, True) for outcome in self.outcomes]
        dropped = [Fate(action, "not performed", False) for action in asked[len(done) :]]
        endings = [Fate(action, "", True) for action in self.prediction.actions[len(asked) :]]
        return (*done, *dropped, *endings)


class StepDraft:
    """A step while it happens; whatever interrupts it, `finished` is the part that did happen."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.seen: Screenshot | None = None  # as it is kept
        self.shown: Screenshot | None = None  # as the model sees it
        self.prediction = Prediction()
        self.outcomes: list[Outcome] = []
        self.feedback: list[str] = []
        self.notes: list[str] = []
        self.timing: dict[str, float] = {}
        self.trace: Mapping[str, Any] = {}
        self.restless: tuple[Rect, ...] = ()

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Adds the seconds of the block to `stage`, also when the block fails."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.timing[stage] = self.timing.get(stage, 0.0) + time.perf_counter() - started

    def heed(self, verdict: Verdict) -> None:
        """Keep what an approval had to say."""
        self.feedback.extend(verdict.feedback)
        self.notes.extend(verdict.notes)

    def finished(self) -> Step | None:
        """The step so far; `None` when not even the screen was seen."""
        if self.seen is None:
            return None
        return Step(
            index=self.index,
            seen=self.seen,
            prediction=self.prediction,
            outcomes=tuple(self.outcomes),
            feedback="\n".join(self.feedback),
            notes=tuple(self.notes),
            timing=dict(self.timing),
            trace=dict(self.trace),
            restless=self.restless,
        )


def step_to_json(step: Step, screen_file: str) -> dict[str, Any]:
    """`step` as one JSON object; its screen lies in `screen_file`, relative to the episode."""
    where = step.seen.geometry
    return {
        "index": step.index,
        "screen": {
            "file": screen_file,
            "sha256": step.seen.sha256,
            "geometry": {"left": where.left, "top": where.top, "width": where.width, "height": where.height},
            "taken_at": step.seen.taken_at,
            "condition": step.seen.condition,
            "restless": [list(rect) for rect in step.restless],
        },
        "text": step.prediction.text,
        "thought": step.prediction.thought,
        "actions": [action_to_json(action) for action in step.prediction.actions],
        "error": step.prediction.error,
        "outcomes": [{"action": action_to_json(o.action), "seconds": round(o.seconds, 6), "note": o.note} for o in step.outcomes],
        "feedback": step.feedback,
        "notes": list(step.notes),
        "timing": {stage: round(seconds, 6) for stage, seconds in step.timing.items()},
        "trace": dict(step.trace),
    }


def step_from_json(data: Mapping[str, Any], folder: Path) -> Step:
    """The step that `data` tells, of the episode in `folder`; its picture is read when someone looks at it.

    Raises:
        ValueError: a field is missing or wrong; the message names it.
    """
    try:
        return Step(
            index=int(data["index"]),
            seen=_screen_from_json(data["screen"], folder),
            prediction=Prediction(
                thought=str(data["thought"]),
                actions=tuple(action_from_json(action) for action in data["actions"]),
                text=str(data["text"]),
                error=data["error"],
            ),
            outcomes=tuple(_outcome_from_json(outcome) for outcome in data["outcomes"]),
            feedback=str(data.get("feedback", "")),
            notes=tuple(map(str, data.get("notes", ()))),
            timing={str(stage): float(seconds) for stage, seconds in data.get("timing", {}).items()},
            trace=dict(data.get("trace", {})),
            restless=tuple(Rect(*map(int, rect)) for rect in data["screen"].get("restless", ())),
        )
    except KeyError as error:
        raise ValueError(f"{error.args[0]!r} is missing") from error
    except (TypeError, AttributeError) as error:
        raise ValueError(f"a field has the wrong type ({error})") from error


def _outcome_from_json(data: Mapping[str, Any]) -> Outcome:
    return Outcome(action=action_from_json(data["action"]), seconds=float(data["seconds"]), note=str(data["note"]))


def _screen_from_json(data: Mapping[str, Any], folder: Path) -> Screenshot:
    file = str(data["file"])
    if not _SCREEN_FILE.fullmatch(file):
        raise ValueError(f"screen.file is {file!r}: it must be like screens/0000.png, inside the episode")
    return Screenshot.from_file(
        folder / file,
        geometry=Geometry(**{side: int(data["geometry"][side]) for side in ("left", "top", "width", "height")}),
        taken_at=float(data["taken_at"]),
        condition="blank" if data.get("condition") == "blank" else "ok",
        sha256=str(data["sha256"]),
    )
