"""Pictures as MoonViT sees them: shrunk if they have too many patches, padded with black, cut row by row.

The same numbers as `inference/models/kimi_vl/image_processing_kimi_vl.py`, which vLLM runs, and bit for bit its patches; in numpy, and
split so that a stored picture need not be padded.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from inference.engines.base import EngineError, Pixels

if TYPE_CHECKING:
    from inference.vlm.pictures import PictureReader

MAX_SIDE = 512  # patches


class Grid(NamedTuple):
    """A picture's size in patches."""

    rows: int
    columns: int


def padded_settings(folder: Path) -> dict[str, Any] | None:
    """What a `PictureReader` needs to know for a folder whose processor pads; None for other folders."""
    file = folder / "preprocessor_config.json"
    settings = json.loads(file.read_text()) if file.is_file() else {}
    if "in_token_limit" not in settings:
        return None
    side, merge = int(settings.get("patch_size", 14)), settings.get("merge_kernel_size", (2, 2))
    return {
        "patch_size": side,
        "merge_size": int(merge[0]),
        "temporal_patch_size": 1,
        "min_pixels": 1,
        "max_pixels": int(settings["in_token_limit"]) * side**2,
        "mean": tuple(settings["image_mean"]),
        "std": tuple(settings["image_std"]),
        "fit": "pad",
        "positions": "line",
    }


def padded_grid(reader: PictureReader, height: int, width: int) -> Grid:
    """Patches in a picture of `height` x `width` pixels.

    Raises:
        EngineError: the picture is empty, or too long and thin for the model.
    """
    factor = reader.patch_size * reader.merge_size
    rows, columns = (math.ceil(side / factor) * reader.merge_size for side in _shrunk_size(reader, height, width))
    if not 0 < rows < MAX_SIDE or not 0 < columns < MAX_SIDE:
        raise EngineError(
            f"a picture of {width}x{height} px cannot be shown to the model: it would have {columns} x {rows} patches, "
            f"and each side may have from 1 to {MAX_SIDE - 1}"
        )
    return Grid(rows, columns)


def stored(reader: PictureReader, rgb: Pixels) -> Pixels:
    """What may be kept in the place of `rgb`: it shrunk, not padded.

    Rarely, of long and thin pictures, what was shrunk would be shrunk again; then it is `rgb` itself.
    """
    height, width = _shrunk_size(reader, *rgb.shape[:2])
    return _shrunk(reader, rgb) if _shrunk_size(reader, height, width) == (height, width) else rgb


def _shrunk(reader: PictureReader, rgb: Pixels) -> Pixels:
    height, width = _shrunk_size(reader, *rgb.shape[:2])
    if rgb.shape[:2] == (height, width):
        return rgb
    from PIL import Image

    return np.asarray(Image.fromarray(rgb).resize((width, height), resample=reader.resample))


def padded_patches(reader: PictureReader, rgb: Pixels) -> npt.NDArray[np.float32]:
    """`[rows * columns, channels * patch * patch]`, row by row."""
    grid, side = padded_grid(reader, *rgb.shape[:2]), reader.patch_size
    seen = _shrunk(reader, rgb)
    whole = np.zeros((grid.rows * side, grid.columns * side, 3), dtype=np.uint8)
    whole[: seen.shape[0], : seen.shape[1]] = seen
    squares = whole.reshape(grid.rows, side, grid.columns, side, 3)
    levels = np.ascontiguousarray(squares.transpose(0, 2, 4, 1, 3)).reshape(-1, 3, side * side)
    patches = np.stack([reader.normalised[channel][levels[:, channel]] for channel in range(3)], axis=1)
    return patches.reshape(len(levels), -1)


def _shrunk_size(reader: PictureReader, height: int, width: int) -> tuple[int, int]:
    side = reader.patch_size
    limit, patches = reader.max_pixels // side**2, (width // side) * (height // side)
    if patches <= limit:
        return height, width
    scale = math.sqrt(limit / patches)
    return int(height * scale), int(width * scale)
