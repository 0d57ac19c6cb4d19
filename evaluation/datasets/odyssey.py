"""GUI-Odyssey (OpenGVLab/GUI-Odyssey), as the hub lays it out, at the root or under `data/`.

    annotations/*.json: {"episode_id", "device_info": {"device_name", "w", "h"}, "task_info": {"category", "instruction"}, "step_length",
        "steps": [{"step", "screenshot", "action", "info", "sam2_bbox"?, "low_level_instruction"?}]}
    screenshots/**/*.png    splits/{random,app,device,task}_split.json: {"train": […], "test": […]}, names of annotation files

Places are from 0 to 1000. Variants are the splits, of which the test part is read (`random` by default where there are splits), and `all`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from actions.geometry import Size
from evaluation.datasets.base import find_folder, peek_json, read_json, with_history
from evaluation.datasets.screenspot import sample_error
from evaluation.errors import DatasetError
from evaluation.pictures import Picture
from evaluation.steps import Act, Box, EvalStep, Place, Wanted
from evaluation.vocabularies.odyssey import BARE, POINTED, SCALE, finger_way

NAME = "odyssey"
METRIC = "odyssey"
VARIANTS = {"random": "", "app": "", "device": "", "task": "", "all": "every annotation"}
_BUTTONS = {"KEY_HOME": "PRESS_HOME", "KEY_BACK": "PRESS_BACK", "KEY_APPSELECT": "PRESS_RECENT"}
_NAMES = {"TEXT": "TYPE", "INCOMPLETE": "IMPOSSIBLE", "HOME": "PRESS_HOME", "BACK": "PRESS_BACK", "RECENT": "PRESS_RECENT"}


def recognises(root: Path) -> bool:
    for file in files(root)[:1]:
        data = peek_json(file)
        return isinstance(data, dict) and {"episode_id", "device_info", "task_info", "steps"} <= set(data)
    return False


def files(root: Path) -> Sequence[Path]:
    if root.is_file():
        return [root] if root.suffix == ".json" else []
    return sorted((_base(root) / "annotations").glob("*.json"))


def load(root: Path, variant: str = "random") -> tuple[EvalStep, ...]:
    base = _base(root if root.is_dir() else root.parent.parent)
    split = base / "splits" / f"{variant}_split.json"
    chosen = files(root)
    if variant != "all" and root.is_dir() and (base / "splits").is_dir():
        chosen = [base / "annotations" / _json_name(name) for name in _test_part(split)]
    pictures = {file.name: file for file in base.glob("screenshots/**/*.png")}
    return tuple(step for file in chosen for step in with_history(_steps(file, pictures, variant)))


def _base(root: Path) -> Path:
    return find_folder(root, "data") if not (root / "annotations").is_dir() else root


def _json_name(name: str) -> str:
    return name if name.endswith(".json") else f"{name}.json"


def _test_part(split: Path) -> list[str]:
    data = read_json(split)
    if not isinstance(data, dict) or not isinstance(data.get("test"), list):
        raise DatasetError(f"{split} must be an object with the lists train and test")
    return list(map(str, data["test"]))


def _steps(file: Path, pictures: Mapping[str, Path], variant: str) -> Iterator[EvalStep]:
    data = read_json(file)
    try:
        device, task, steps = data["device_info"], data["task_info"], data["steps"]
        size = Size(int(device["w"]), int(device["h"]))
        episode = str(data["episode_id"])
    except (KeyError, TypeError, ValueError) as error:
        raise sample_error(file, 0, error) from error
    for number, step in enumerate(steps):
        try:
            name = str(step["screenshot"])
            yield EvalStep(
                episode=episode.removesuffix(".json"),
                step=int(step["step"]),
                index=number,
                task=str(task["instruction"]),
                options=((Wanted(act=_act(step), boxes=_boxes(step)),),),
                picture=Picture.from_file(pictures.get(Path(name).name, file.parent.parent / "screenshots" / name), size),
                thought=str(step.get("low_level_instruction") or ""),
                platform=str(device.get("device_name", "android")),
                split=variant,
                tags={"category": str(task["category"])} if task.get("category") else {},
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise sample_error(file, number, error) from error


def _act(step: Mapping[str, Any]) -> Act:
    kind, info = str(step["action"]), step.get("info", "")
    kind = _NAMES.get(kind, kind)
    if kind in POINTED and isinstance(info, str):
        return Act(type=_BUTTONS[info])
    if kind in POINTED:
        return Act(type=kind, place=_place(info[0]))
    if kind == "SCROLL":
        return Act(type=kind, value=finger_way((_place(info[0]), _place(info[1]))))
    if kind == "TYPE":
        return Act(type=kind, text=str(info))
    if kind in BARE:
        return Act(type=kind)
    raise ValueError(f"action is {kind!r}: it must be one of CLICK, LONG_PRESS, SCROLL, TYPE, {', '.join(BARE)}")


def _place(pair: Sequence[float]) -> Place:
    return Place(float(pair[0]) / SCALE, float(pair[1]) / SCALE)


def _boxes(step: Mapping[str, Any]) -> tuple[Box, ...]:
    box = step.get("sam2_bbox")
    return (Box(*(float(side) / SCALE for side in box)),) if box else ()
