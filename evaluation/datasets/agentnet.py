"""AgentNet, the data that OpenCUA was trained on (xlangai/AgentNet): one trajectory a line.

    *.jsonl: {"task_id", "instruction", "natural_language_task"?, "traj": [{"index", "image",
              "value": {"code", "thought", "action", "last_step_correct", …}}]}
    pictures in a folder whose name has `image` in it, as the hub's archives unpack

The recorded code is the ground truth; there are no boxes, so places are scored by distance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.datasets.base import lines_of, with_history
from evaluation.errors import DatasetError, Unreadable
from evaluation.pictures import Picture
from evaluation.steps import EvalStep, Wanted
from evaluation.vocabularies.agentnet import read

NAME = "agentnet"
METRIC = "agentnetbench"


def recognises(root: Path) -> bool:
    for file in files(root)[:1]:
        try:
            _, first = next(lines_of(file), (0, None))
        except DatasetError:
            return False
        return isinstance(first, dict) and isinstance(first.get("traj"), list)
    return False


def files(root: Path) -> Sequence[Path]:
    if root.is_file():
        return [root] if root.suffix == ".jsonl" else []
    return sorted(root.glob("*.jsonl"))


def load(root: Path) -> tuple[EvalStep, ...]:
    base = root if root.is_dir() else root.parent
    folders = [base, *(folder for folder in sorted(base.iterdir()) if folder.is_dir() and "image" in folder.name)]
    return tuple(step for file in files(root) for line, data in lines_of(file) for step in with_history(_steps(file, line, data, folders)))


def _steps(file: Path, line: int, data: Any, folders: Sequence[Path]) -> Iterator[EvalStep]:
    if not isinstance(data, dict) or not isinstance(data.get("traj"), list):
        raise DatasetError(f"{file}, line {line} is no AgentNet trajectory: it must be an object with traj")
    for number, step in enumerate(data["traj"]):
        try:
            value: Mapping[str, Any] = step["value"]
            code = str(value["code"])
            yield EvalStep(
                episode=str(data["task_id"]),
                step=int(step.get("index", number)),
                index=number,
                task=str(data.get("natural_language_task") or data.get("instruction") or ""),
                options=(tuple(Wanted(act=act) for act in read(code)),),
                picture=Picture.from_file(_find(str(step.get("image", "")), folders)),
                thought=str(value.get("action") or value.get("thought") or ""),
                code=code,
                tags={"correct": str(bool(value.get("last_step_correct", True))).lower()},
            )
        except Unreadable as error:
            raise DatasetError(f"{file}, line {line}, step {number}: its code cannot be read: {error}") from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
            raise DatasetError(f"{file}, line {line}, step {number}: {what}") from error


def _find(name: str, folders: Sequence[Path]) -> Path:
    return next((folder / name for folder in folders if name and (folder / name).is_file()), folders[-1] / name)
