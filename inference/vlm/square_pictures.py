"""Pictures as Chameleon's tokenizer sees them: filled up with black to a square, at the right or the bottom, then given its one size.

Chameleon's own processor resizes the shorter side and cuts off what is left over at both ends of the longer one: of a screen of
1920x1080, 44 % are never seen. A square loses nothing in it. Its authors, too, pad the pictures of prompts when they fine-tune
(arXiv 2405.09818, section 3.2). What their processor makes of our square is bit for bit what is made here, in numpy.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from inference.engines.base import EngineError, Pixels
from inference.vlm.padded_pictures import Grid

if TYPE_CHECKING:
    from inference.vlm.pictures import PictureReader


def square_settings(folder: Path) -> dict[str, Any] | None:
    """What a `PictureReader` needs to know for a folder whose processor makes squares; None for other folders."""
    file = folder / "preprocessor_config.json"
    settings = json.loads(file.read_text()) if file.is_file() else {}
    if not str(settings.get("image_processor_type", "")).startswith("ChameleonImageProcessor"):
        return None
    eyes = json.loads((folder / "config.json").read_text()).get("vq_config") or {}
    side = int(settings["crop_size"]["height"])
    return {
        "patch_size": 2 ** (len(eyes.get("channel_multiplier", (1, 1, 2, 2, 4))) - 1),
        "merge_size": 1,
        "temporal_patch_size": 1,
        "min_pixels": side**2,
        "max_pixels": side**2,
        "mean": tuple(settings["image_mean"]),
        "std": tuple(settings["image_std"]),
        "rescale": float(settings["rescale_factor"]),
        "resample": int(settings["resample"]),
        "fit": "square",
        "positions": "line",
    }


def square_grid(reader: PictureReader, height: int, width: int) -> Grid:
    """Tokens in any picture.

    Raises:
        EngineError: the picture is empty.
    """
    if not height or not width:
        raise EngineError(f"a picture of {width}x{height} px cannot be shown to the model: it is empty")
    side = math.isqrt(reader.max_pixels) // reader.patch_size
    return Grid(side, side)


def squared(reader: PictureReader, rgb: Pixels) -> Pixels:
    """`rgb` in its square."""
    height, width = rgb.shape[:2]
    side = square_grid(reader, height, width).rows * reader.patch_size
    if height != width:
        whole = np.zeros((max(height, width),) * 2 + (3,), dtype=np.uint8)
        whole[:height, :width] = rgb
        rgb = whole
    if rgb.shape[0] == side:
        return rgb
    from PIL import Image

    return np.asarray(Image.fromarray(rgb).resize((side, side), resample=reader.resample))


def square_patches(reader: PictureReader, rgb: Pixels) -> npt.NDArray[np.float32]:
    """`[tokens, channels * patch * patch]`, row by row: what each token is made of."""
    grid, patch = square_grid(reader, *rgb.shape[:2]), reader.patch_size
    squares = squared(reader, rgb).reshape(grid.rows, patch, grid.columns, patch, 3)
    levels = np.ascontiguousarray(squares.transpose(0, 2, 4, 1, 3)).reshape(-1, 3, patch * patch)
    patches = np.stack([reader.normalised[channel][levels[:, channel]] for channel in range(3)], axis=1)
    return patches.reshape(len(levels), -1)
