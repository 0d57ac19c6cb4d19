"""AgentNetBench: one JSON file an episode, screenshots under `images/` (xlang-ai/OpenCUA, evaluation/agentnetbench).

    {"task_id", "high_level_task_description", "meta_info"?: {"system", …},
     "steps": [{"step_num", "image", "action", "milestone", "inner_monologue": {"thought", "low_level_instruction"},
                "ground_truth_actions": [action], "alternative_options": [[action]]}]}
    action: {"type", "params": {"position": {"x", "y"}, "text" | "content", "keys", "amount", "status"},
             "metadata": {"bboxes": [{"rel_bbox": [x, y, width, height]}]}}

Steps have gaps in their numbers. All coordinates are fractions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.datasets.base import find_folder, peek_json, read_json, with_history
from evaluation.errors import DatasetError
from evaluation.pictures import Picture
from evaluation.steps import Act, Box, EvalStep, Option, Place, Wanted

NAME = "agentnetbench"
METRIC = "agentnetbench"
_PLATFORMS = {"darwin": "macos", "windows": "windows", "linux": "ubuntu"}


def recognises(root: Path) -> bool:
    return any(_is_episode(peek_json(file)) for file in files(root)[:3])


def files(root: Path) -> Sequence[Path]:
    return [root] if root.is_file() and root.suffix == ".json" else sorted(root.glob("*.json"))


def load(root: Path) -> tuple[EvalStep, ...]:
    images = find_folder(root if root.is_dir() else root.parent, "images")
    return tuple(step for file in files(root) for step in with_history(_steps(file, images)))


def _is_episode(data: object) -> bool:
    steps = data.get("steps") if isinstance(data, dict) else None
    return isinstance(steps, list) and bool(steps) and isinstance(steps[0], dict) and "ground_truth_actions" in steps[0]


def _steps(file: Path, images: Path) -> Iterator[EvalStep]:
    episode = read_json(file)
    if not isinstance(episode, dict) or not isinstance(episode.get("steps"), list):
        raise DatasetError(f"{file} is no AgentNetBench episode: it must be an object with steps")
    meta = episode.get("meta_info") or {}
    system = str(meta.get("system", "")).lower()
    for number, step in enumerate(episode["steps"]):
        try:
            yield EvalStep(
                episode=str(episode["task_id"]),
                step=int(step.get("step_num", number)),
                index=number,
                task=str(episode.get("high_level_task_description") or episode.get("instruction") or ""),
                options=(_option(step["ground_truth_actions"]), *map(_option, step.get("alternative_options") or ())),
                picture=Picture.from_file(images / str(step.get("image", ""))),
                thought=_thought(step.get("inner_monologue") or {}),
                code=str(step.get("action") or ""),
                platform=_PLATFORMS.get(system, system),
                milestone=bool(step.get("milestone", False)),
                tags={"domain": str(meta["domain"])} if meta.get("domain") else {},
            )
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
            which = step.get("step_num", number) if isinstance(step, dict) else number
            raise DatasetError(f"{file}, step {which}: {what}") from error


def _thought(monologue: Mapping[str, Any]) -> str:
    return str(monologue.get("low_level_instruction") or monologue.get("thought") or "")


def _option(actions: Sequence[Mapping[str, Any]]) -> Option:
    return tuple(Wanted(act=_act(action), boxes=_boxes(action)) for action in actions)


def _act(action: Mapping[str, Any]) -> Act:
    params = action.get("params") or {}
    where, keys = params.get("position"), params.get("keys", ())
    amount = params.get("amount", params.get("pixels"))
    return Act(
        type=str(action["type"]),
        place=Place(float(where["x"]), float(where["y"])) if where else None,
        text=str(params.get("content") or params.get("text") or ""),
        keys=tuple(map(str, keys)) if isinstance(keys, list) else (str(keys),) if keys else (),
        value=str(params.get("status", "")),
        amount=float(amount) if isinstance(amount, int | float) else None,
    )


def _boxes(action: Mapping[str, Any]) -> tuple[Box, ...]:
    boxes = (action.get("metadata") or {}).get("bboxes") or ()
    return tuple(Box.from_corner(*map(float, box["rel_bbox"])) for box in boxes)
