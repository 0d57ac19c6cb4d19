"""AndroidControl as Google publishes it (gs://gresearch/android_control; google-research/google-research, android_control/README.md).

    android_control-00000-of-00020 …   gzipped TFRecords, one Example an episode: episode_id, goal, screenshots, accessibility_trees,
        screenshot_widths, screenshot_heights, actions (JSON objects, one less than screenshots), step_instructions
    splits.json {"train" | "validation" | "test": [episode ids]}, test_subsplits.json {"IDD" | "app_unseen" | …: [episode ids]}

Where there is splits.json, the test episodes alone are read. Variants: `high` (default), the goal of the episode; `low`, with the
instruction of the step as well. The whole data set is 50 GB: shards are read in order, and their screenshots kept compressed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from actions.geometry import Size
from evaluation.datasets.android_tree import read_nodes, target_box
from evaluation.datasets.base import read_json, with_history
from evaluation.datasets.tfrecord import is_record_file, read_example, read_records
from evaluation.errors import DatasetError
from evaluation.pictures import Picture
from evaluation.steps import EvalStep, Wanted
from evaluation.vocabularies.androidcontrol import act_of

NAME = "androidcontrol"
METRIC = "androidcontrol"
VARIANTS = {"high": "", "low": ""}


def recognises(root: Path) -> bool:
    return any(is_record_file(file) for file in _shards(root)[:1])


def files(root: Path) -> Sequence[Path]:
    beside = [
        file for name in ("splits.json", "test_subsplits.json") if (file := (root if root.is_dir() else root.parent) / name).is_file()
    ]
    return [*_shards(root), *beside]


def load(root: Path, variant: str = "high") -> tuple[EvalStep, ...]:
    folder = root if root.is_dir() else root.parent
    wanted, subsplits = _test_ids(folder), _subsplits(folder)
    return tuple(
        step
        for shard in _shards(root)
        for number, record in enumerate(read_records(shard))
        for step in with_history(_steps(shard, number, record, variant, wanted, subsplits))
    )


def _shards(root: Path) -> list[Path]:
    return [root] if root.is_file() else sorted(file for file in root.glob("android_control*") if file.is_file())


def _test_ids(folder: Path) -> set[int] | None:
    file = folder / "splits.json"
    return set(map(int, read_json(file)["test"])) if file.is_file() else None


def _subsplits(folder: Path) -> Mapping[int, list[str]]:
    file, members = folder / "test_subsplits.json", dict[int, list[str]]()
    for name, ids in (read_json(file) if file.is_file() else {}).items():
        for each in ids:
            members.setdefault(int(each), []).append(name)
    return members


def _steps(
    shard: Path, number: int, record: bytes, variant: str, wanted: set[int] | None, subsplits: Mapping[int, list[str]]
) -> Iterator[EvalStep]:
    where = f"{shard}, record {number}"
    try:
        episode = read_example(record)
        (name,) = _numbers(episode["episode_id"])
        sizes = list(map(Size, _numbers(episode["screenshot_widths"]), _numbers(episode["screenshot_heights"])))
        goal = _text(episode["goal"][0])
    except (KeyError, IndexError, ValueError) as error:
        raise DatasetError(f"{where}: {error.args[0] if error.args else error!r} is missing or damaged") from error
    if wanted is not None and name not in wanted:
        return
    actions: Sequence[bytes | int] = episode.get("actions", [])
    for index, action in enumerate(actions):
        try:
            said = _text(episode["step_instructions"][index])
            yield EvalStep(
                episode=str(name),
                step=index,
                index=index,
                task=goal if variant == "high" else f"{goal}\n{said}",
                options=((_wanted(_data(action), episode["accessibility_trees"][index], sizes[index]),),),
                picture=Picture.from_bytes(_data(episode["screenshots"][index]), f"{where}, screenshot {index}", sizes[index]),
                thought=said,
                platform="android",
                split="test" if wanted is not None else "",
                tags={"subsplits": ",".join(subsplits.get(name, ()))},
            )
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise DatasetError(f"{where} (episode {name}), step {index}: {error}") from error


def _wanted(action: bytes, tree: bytes | int, size: Size) -> Wanted:
    act = act_of(json.loads(action), size)
    box = target_box(read_nodes(_data(tree), size), act.place) if act.place is not None else None
    return Wanted(act=act, boxes=(box,) if box is not None else ())


def _numbers(values: list[bytes] | list[int]) -> list[int]:
    return [int(value) for value in values]


def _data(value: bytes | int) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("a number stands where bytes belong")
    return value


def _text(value: bytes | int) -> str:
    return _data(value).decode("utf-8", errors="replace")
