"""AgentNet trajectories (OpenCUA's training data, a JSON object a line) and those of AgentNetBench (a JSON file each) as exchanges."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from actions.dialects import Dialect, get_dialect
from actions.geometry import Frame
from actions.space import Prediction
from agent.step import Step
from inference.families import Family
from training.data.episodes import screen_of, steps_as_exchanges
from training.data.exchange import Items, LeftOut, Problem

CODE_DIALECT = "opencua"  # pyautogui calls with places from 0 to 1


def read_agentnet(file: Path, family: Family, *, images: Path | None = None) -> Items:
    """The trajectories in `file` (.jsonl, or .json for one), their pictures in `images` or in `images/` beside it.

    A step that its annotators called wrong or needless is shown as history and not learnt.
    """
    folder = images or (file.parent / "images" if (file.parent / "images").is_dir() else file.parent)
    for number, text in enumerate(_objects(file), start=1):
        source = f"{file}:{number}"
        try:
            trajectory = json.loads(text)
            task, rows = _task(trajectory), _rows(trajectory)
        except (ValueError, KeyError, TypeError) as error:
            yield Problem(source=source, name="", what=f"not an AgentNet trajectory: {_words(error)}")
            continue
        if not rows:
            yield Problem(source=source, name="", what="the trajectory has no steps")
        yield from _exchanges(task, rows, folder, family, source)


def _exchanges(task: str, rows: list[Mapping[str, Any]], folder: Path, family: Family, source: str) -> Items:
    dialect = get_dialect(CODE_DIALECT)
    steps: list[Step] = []
    for index, row in enumerate(rows):
        try:
            steps.append(_step(index, row, folder, dialect))
        except (ValueError, KeyError, TypeError) as error:
            yield Problem(source=source, name=f"step {index + 1}", what=_words(error))
            return  # the steps after it would be shown a history with a hole in it
        if row.get("last_step_correct", row.get("step_correct", True)) is False:
            yield LeftOut(source=source, name=f"step {index + 1}", why="its annotators called it wrong")
            continue
        yield from list(steps_as_exchanges(task, steps, family, source=source))[-1:]


def _step(index: int, row: Mapping[str, Any], folder: Path, dialect: Dialect) -> Step:
    seen = screen_of(folder / str(row["image"]))
    code = str(row["code"])
    read = dialect.parse(f"```python\n{code}\n```", Frame(screen=seen.size))
    if read.error is not None:
        raise ValueError(read.error)
    thought = str(row.get("thought") or row.get("action_words") or "")
    return Step(index=index, seen=seen, prediction=Prediction(thought=thought, actions=read.actions))


def _objects(file: Path) -> Iterator[str]:
    if file.suffix == ".json":
        yield file.read_text(encoding="utf-8")
    else:
        with file.open(encoding="utf-8") as lines:
            yield from (line for line in lines if line.strip())


def _task(trajectory: Mapping[str, Any]) -> str:
    for key in ("instruction", "natural_language_task", "user_task_description", "high_level_task_description"):
        if trajectory.get(key):
            return str(trajectory[key])
    raise ValueError("it has no instruction")


def _rows(trajectory: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Steps with the keys image, code and thought, from either form."""
    if "traj" in trajectory:
        return [{"image": step["image"], **step["value"], "action_words": step["value"].get("action")} for step in trajectory["traj"]]
    return [
        {"image": step["image"], "code": step["action"], "thought": step.get("inner_monologue", {}).get("thought")}
        for step in trajectory["steps"]
    ]


def _words(error: Exception) -> str:
    return f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
