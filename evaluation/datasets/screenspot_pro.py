"""ScreenSpot-Pro: professional programs at their full resolution (likaixin/ScreenSpot-Pro).

annotations/*.json: [{"id", "img_filename", "bbox": [left, top, right, bottom] in pixels, "img_size": [width, height], "instruction",
                      "application", "platform", "ui_type": "text" | "icon", "group"}]
images/<application>/*.png
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from evaluation.datasets.base import find_folder, peek_json, read_json
from evaluation.datasets.screenspot import sample_error, size_of
from evaluation.pictures import Picture
from evaluation.steps import Box, EvalStep, Wanted
from evaluation.vocabularies.grounding import POINT

NAME = "screenspot-pro"
METRIC = "screenspot-pro"


def recognises(root: Path) -> bool:
    for file in files(root)[:1]:
        samples = peek_json(file)
        return (
            isinstance(samples, list)
            and bool(samples)
            and isinstance(samples[0], dict)
            and {"img_size", "ui_type", "bbox"} <= set(samples[0])
        )
    return False


def files(root: Path) -> Sequence[Path]:
    return [root] if root.is_file() else sorted(root.glob("annotations/*.json"))


def load(root: Path) -> tuple[EvalStep, ...]:
    base = root if root.is_dir() else root.parent.parent
    return tuple(step for file in files(root) for step in _steps(file, find_folder(base, "images")))


def _steps(file: Path, pictures: Path) -> Iterator[EvalStep]:
    for number, sample in enumerate(read_json(file)):
        try:
            size = size_of(sample["img_size"])
            yield EvalStep(
                episode=str(sample["id"]),
                step=0,
                index=0,
                task=str(sample["instruction"]),
                options=((Wanted(act=POINT, boxes=(Box(*map(float, sample["bbox"])).in_fractions_of(size),)),),),
                picture=Picture.from_file(pictures / str(sample["img_filename"]), size),
                platform=str(sample.get("platform", "")),
                tags={name: str(sample[name]) for name in ("ui_type", "application", "group") if name in sample},
            )
        except (KeyError, TypeError, ValueError) as error:
            raise sample_error(file, number, error) from error
