"""OSWorld-G (xlang-ai/OSWorld-G, benchmark/): 564 instructions, some of which name nothing on the screen and are to be refused.

    OSWorld-G.json, OSWorld-G_refined.json: [{"id", "image_path", "image_size", "instruction", "GUI_types": […],
        "box_type": "bbox" | "polygon" | "refusal", "box_coordinates": [x, y, width, height] or [x1, y1, x2, y2, …] in pixels}]
    images/*.png; maybe buckets.json {category: [GUI type]}, classification_result.json {"classified": {category: [ids]}}

Variants: `original` (default) and `refined`, whose instructions say more of what the target looks like.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from actions.geometry import Size
from evaluation.datasets.base import find_folder, peek_json, read_json
from evaluation.datasets.screenspot import sample_error, size_of
from evaluation.errors import DatasetError
from evaluation.pictures import Picture
from evaluation.steps import Box, EvalStep, Place, Wanted
from evaluation.vocabularies.grounding import POINT, REFUSAL

NAME = "osworld-g"
METRIC = "osworld-g"
VARIANTS = {"original": "OSWorld-G.json", "refined": "OSWorld-G_refined.json"}


def recognises(root: Path) -> bool:
    return bool(files(root))


def files(root: Path) -> Sequence[Path]:
    if root.is_file():
        return [root] if root.name in VARIANTS.values() else []
    return [file for folder in (root, root / "benchmark") for name in VARIANTS.values() if (file := folder / name).is_file()]


def load(root: Path, variant: str = "original") -> tuple[EvalStep, ...]:
    found = files(root)
    file = found[0] if root.is_file() else next((each for each in found if each.name == VARIANTS[variant]), None)
    if file is None:
        raise DatasetError(f"{root} has no {VARIANTS[variant]}: there is {', '.join(each.name for each in found)}")
    return tuple(_steps(file, find_folder(file.parent, "images"), _categories(file.parent)))


def _steps(file: Path, pictures: Path, categories: Mapping[str, set[str]]) -> Iterator[EvalStep]:
    for number, sample in enumerate(read_json(file)):
        try:
            size = size_of(sample["image_size"])
            kinds = {str(sample["id"]), *map(str, sample.get("GUI_types") or ())}
            yield EvalStep(
                episode=str(sample["id"]),
                step=0,
                index=0,
                task=str(sample["instruction"]),
                options=((_wanted(sample, size),),),
                picture=Picture.from_file(pictures / str(sample["image_path"]), size),
                platform="ubuntu",
                tags={
                    "box_type": str(sample["box_type"]),
                    "categories": ",".join(sorted(name for name, members in categories.items() if kinds & members)),
                },
            )
        except (KeyError, TypeError, ValueError) as error:
            raise sample_error(file, number, error) from error


def _wanted(sample: Mapping[str, Any], size: Size) -> Wanted:
    kind, numbers = sample["box_type"], [float(number) for number in sample.get("box_coordinates") or ()]
    if kind == "refusal":
        return Wanted(act=REFUSAL)
    if kind == "bbox":
        return Wanted(act=POINT, boxes=(Box.from_corner(*numbers[:4]).in_fractions_of(size),))
    if kind == "polygon" and len(numbers) >= 6 and len(numbers) % 2 == 0:
        corners = tuple(Place(x / size.width, y / size.height) for x, y in zip(numbers[::2], numbers[1::2], strict=True))
        return Wanted(act=POINT, polygons=(corners,))
    raise ValueError(
        f"box_type is {kind!r} with {len(numbers)} coordinates: a bbox has 4, a polygon an even number from 6 on, a refusal any"
    )


def _categories(folder: Path) -> dict[str, set[str]]:
    """What belongs to a category: GUI types, or samples by their id."""
    classified = peek_json(folder / "classification_result.json")
    if isinstance(classified, dict) and isinstance(classified.get("classified"), dict):
        return {
            name: {str(each["id"] if isinstance(each, dict) else each) for each in members}
            for name, members in classified["classified"].items()
        }
    buckets = peek_json(folder / "buckets.json")
    return {name: set(map(str, members)) for name, members in buckets.items()} if isinstance(buckets, dict) else {}
