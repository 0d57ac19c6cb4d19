"""Multimodal-Mind2Web (osunlp/Multimodal-Mind2Web), as the hub lays it out: data/test_task-*.parquet, test_website, test_domain, train.

    one row an action: annotation_id, action_uid, confirmed_task, website, domain, subdomain, target_action_index, action_reprs,
    target_action_reprs, operation (JSON: {"original_op", "op", "value"}), screenshot (the whole page),
    pos_candidates (JSON texts: {"backend_node_id", "attributes": JSON text with "bounding_box_rect": "x,y,width,height"})

A task's id is its annotation_id, a step's number its target_action_index. Rows without a positive candidate have nothing that could be
right; they stay, and count 0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.datasets.base import with_history
from evaluation.datasets.screenspot import sample_error
from evaluation.datasets.tables import columns_of, image_bytes, parquet_files, rows_of
from evaluation.pictures import Picture
from evaluation.steps import Act, Box, EvalStep, Option, Place, Wanted

NAME = "mind2web"
METRIC = "mind2web"
COLUMNS = (
    *("annotation_id", "action_uid", "confirmed_task", "website", "domain", "subdomain", "target_action_index"),
    *("target_action_reprs", "operation", "screenshot", "pos_candidates"),
)
VARIANTS = {"test": "the three test splits", "test_task": "", "test_website": "", "test_domain": "", "train": ""}
_SPLIT = re.compile(r"(train|test_task|test_website|test_domain)\b|(train|test_task|test_website|test_domain)-")


def recognises(root: Path) -> bool:
    return any({"annotation_id", "pos_candidates", "operation"} <= columns_of(file) for file in parquet_files(root)[:1])


def files(root: Path) -> Sequence[Path]:
    return parquet_files(root)


def load(root: Path, variant: str = "test") -> tuple[EvalStep, ...]:
    tasks: dict[tuple[str, str], list[EvalStep]] = {}
    for file in files(root):
        split = _split(file)
        if split == variant or not split or (variant == "test" and split != "train"):
            for step in _steps(file, split):
                tasks.setdefault((split, step.episode), []).append(step)
    return tuple(step for steps in tasks.values() for step in with_history(sorted(steps, key=lambda step: step.step)))


def _split(file: Path) -> str:
    match = _SPLIT.match(file.name)
    return (match[1] or match[2]) if match else ""


def _steps(file: Path, split: str) -> Iterator[EvalStep]:
    for number, row in enumerate(rows_of(file, COLUMNS)):
        try:
            picture = (
                Picture.from_bytes(image_bytes(row["screenshot"]), f"{file}, row {number}")
                if row.get("screenshot")
                else _nothing(file, number)
            )
            yield EvalStep(
                episode=str(row["annotation_id"]),
                step=int(row["target_action_index"]),
                index=0,
                task=str(row["confirmed_task"]),
                options=(_option(row, picture),),
                picture=picture,
                thought=str(row.get("target_action_reprs") or ""),
                platform="web",
                split=split,
                tags={name: str(row[name]) for name in ("website", "domain", "subdomain") if row.get(name)},
            )
        except (KeyError, TypeError, ValueError) as error:
            raise sample_error(file, number, error) from error


def _nothing(file: Path, number: int) -> Picture:
    return Picture.from_file(Path(f"{file}, row {number}: no screenshot"))


def _option(row: Mapping[str, Any], picture: Picture) -> Option:
    operation = json.loads(row["operation"])
    boxes = tuple(box.in_fractions_of(picture.size) for box in map(_box, row["pos_candidates"] or ()) if box is not None)
    if not boxes:
        return ()
    middle = Place((boxes[0].left + boxes[0].right) / 2, (boxes[0].top + boxes[0].bottom) / 2)
    return (Wanted(act=Act(type=str(operation["op"]), place=middle, text=str(operation.get("value") or "")), boxes=boxes),)


def _box(candidate: str) -> Box | None:
    """In pixels of the page; `None` where the candidate has none."""
    attributes = json.loads(candidate).get("attributes", "{}")
    rect = (json.loads(attributes) if isinstance(attributes, str) else attributes).get("bounding_box_rect")
    return Box.from_corner(*map(float, rect.split(","))) if rect else None
