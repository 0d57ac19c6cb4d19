"""ScreenSpot and ScreenSpot-v2: one instruction, one target each.

    screenspot_mobile.json … (v1) or screenspot_mobile_v2.json … (v2), and a folder of pictures beside them:
        [{"img_filename", "bbox": [x, y, width, height] in pixels, "instruction", "data_type": "text" | "icon", "data_source": "ios" | …}]
    or the hub's parquet (rootsautomation/ScreenSpot): file_name, bbox (two corners), instruction, data_type, data_source, image

Samples have no ids: the episode of sample n of `screenspot_web.json` is `screenspot_web:n`, its step 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from actions.geometry import Size
from evaluation.datasets.base import find_folder, read_json
from evaluation.datasets.tables import columns_of, image_bytes, parquet_files, rows_of
from evaluation.errors import DatasetError
from evaluation.pictures import Picture
from evaluation.steps import Box, EvalStep, Wanted
from evaluation.vocabularies.grounding import POINT

NAME = "screenspot"
METRIC = "screenspot"
COLUMNS = ("file_name", "bbox", "instruction", "data_type", "data_source", "image")
PICTURES = ("screenspotv2_image", "screenspot_imgs", "images")
_FILE = re.compile(r"screenspot_(mobile|desktop|web)(_v2)?\.json")
_PLATFORMS = {"ios": "mobile", "android": "mobile", "macos": "desktop", "windows": "desktop"}


def recognises(root: Path) -> bool:
    return bool(_lists(root)) or any({"bbox", "instruction", "data_source"} <= columns_of(file) for file in parquet_files(root)[:1])


def files(root: Path) -> Sequence[Path]:
    return _lists(root) or parquet_files(root)


def load(root: Path) -> tuple[EvalStep, ...]:
    if lists := _lists(root):
        return tuple(step for file in lists for step in _from_list(file, find_folder(file.parent, *PICTURES)))
    return tuple(step for file in parquet_files(root) for step in _from_table(file))


def _lists(root: Path) -> list[Path]:
    candidates = [root] if root.is_file() else sorted(root.glob("screenspot_*.json"))
    return [file for file in candidates if _FILE.fullmatch(file.name)]


def _from_list(file: Path, pictures: Path) -> Iterator[EvalStep]:
    match = _FILE.fullmatch(file.name)
    for number, sample in enumerate(read_json(file)):
        try:
            picture = Picture.from_file(pictures / str(sample["img_filename"]))
            box = Box.from_corner(*map(float, sample["bbox"])).in_fractions_of(picture.size)
            yield _step(f"{file.stem}:{number}", sample, picture, box, match[1] if match else "")
        except (KeyError, TypeError, ValueError) as error:
            raise sample_error(file, number, error) from error


def _from_table(file: Path) -> Iterator[EvalStep]:
    for number, sample in enumerate(rows_of(file, COLUMNS)):
        try:
            picture = Picture.from_bytes(image_bytes(sample["image"]), f"{file}, row {number}")
            box = Box(*map(float, sample["bbox"]))
            yield _step(f"{file.stem}:{number}", sample, picture, box if max(box) <= 1 else box.in_fractions_of(picture.size), "")
        except (KeyError, TypeError, ValueError) as error:
            raise sample_error(file, number, error) from error


def _step(name: str, sample: Mapping[str, Any], picture: Picture, box: Box, platform: str) -> EvalStep:
    source = str(sample.get("data_source", "")).lower()
    return EvalStep(
        episode=name,
        step=0,
        index=0,
        task=str(sample["instruction"]),
        options=((Wanted(act=POINT, boxes=(box,)),),),
        picture=picture,
        platform=platform or _PLATFORMS.get(source, "web"),
        tags={"ui_type": str(sample["data_type"]), "source": source},
    )


def sample_error(file: Path, number: int, error: Exception) -> DatasetError:
    """What is wrong with sample `number` of `file`."""
    if isinstance(error, DatasetError):
        return DatasetError(f"{file}, sample {number}: {error}")
    what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
    return DatasetError(f"{file}, sample {number}: {what}")


def size_of(value: Any) -> Size:
    """A size that is written as [width, height]."""
    width, height = map(int, value)
    return Size(width, height)
