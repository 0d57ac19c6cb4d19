"""From pixels to the patches that a Qwen vision tower reads: bit for bit what the model's own image processor makes, in numpy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from inference.engines.base import EngineError, Pixels
from inference.vlm.padded_pictures import Grid, padded_grid, padded_patches, stored
from inference.vlm.square_pictures import square_grid, square_patches, squared

MAX_ASPECT = 200  # of the published smart-resize rule


@dataclass(frozen=True, kw_only=True)
class PictureReader:
    """Resizes, normalises and cuts pictures, with the numbers of a model's `preprocessor_config.json`.

    `fit` is how a picture gets to whole patches: `resize` as Qwen does, `pad` as MoonViT does, for which see `padded_pictures`, or
    `square` as Chameleon needs it, for which see `square_pictures`.
    `positions` is how the language model counts a picture's tokens: by rows and columns (M-RoPE), or in line like those of a text.
    """

    patch_size: int
    merge_size: int
    temporal_patch_size: int
    min_pixels: int
    max_pixels: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    rescale: float = 1 / 255
    resample: int = 3  # Pillow's bicubic
    fit: Literal["resize", "pad", "square"] = "resize"
    positions: Literal["grid", "line"] = "grid"

    def grid(self, height: int, width: int) -> Grid:
        """Patches in a picture of `height` x `width` pixels, once resized.

        Raises:
            EngineError: the picture is too long and thin for the model.
        """
        if self.fit == "pad":
            return padded_grid(self, height, width)
        if self.fit == "square":
            return square_grid(self, height, width)
        factor = self.patch_size * self.merge_size
        if not height or not width or max(height, width) / min(height, width) > MAX_ASPECT:
            raise EngineError(
                f"a picture of {width}x{height} px cannot be shown to the model: its sides may differ {MAX_ASPECT} times at most"
            )
        rows, columns = round(height / factor), round(width / factor)
        if rows * columns * factor**2 > self.max_pixels:
            shrink = math.sqrt(height * width / self.max_pixels)
            rows, columns = (max(1, math.floor(side / shrink / factor)) for side in (height, width))
        elif rows * columns * factor**2 < self.min_pixels:
            grow = math.sqrt(self.min_pixels / (height * width))
            rows, columns = (math.ceil(side * grow / factor) for side in (height, width))
        return Grid(rows * self.merge_size, columns * self.merge_size)

    def patches(self, rgb: Pixels) -> npt.NDArray[np.float32]:
        """`[rows * columns, channels * temporal * patch * patch]`, a merged square side by side, or a row if padded or square."""
        if self.fit == "pad":
            return padded_patches(self, rgb)
        if self.fit == "square":
            return square_patches(self, rgb)
        grid, patch, merge = self.grid(*rgb.shape[:2]), self.patch_size, self.merge_size
        rgb = self.resized(rgb)
        squares = rgb.reshape(grid.rows // merge, merge, patch, grid.columns // merge, merge, patch, 3)
        levels = np.ascontiguousarray(squares.transpose(0, 3, 1, 4, 6, 2, 5)).reshape(-1, 3, patch * patch)
        patches = np.empty((len(levels), 3, self.temporal_patch_size, patch * patch), np.float32)
        for channel in range(3):
            # A still picture is the same picture at both moments that the tower reads.
            patches[:, channel] = self.normalised[channel][levels[:, channel]][:, None]
        return patches.reshape(len(levels), -1)

    def resized(self, rgb: Pixels) -> Pixels:
        """`rgb` at the size in which the model looks at it; of padded ones, what may be kept for `patches`."""
        if self.fit == "pad":
            return stored(self, rgb)
        if self.fit == "square":
            return squared(self, rgb)
        grid = self.grid(*rgb.shape[:2])
        height, width = grid.rows * self.patch_size, grid.columns * self.patch_size
        if rgb.shape[:2] == (height, width):
            return rgb
        from PIL import Image

        return np.asarray(Image.fromarray(rgb).resize((width, height), resample=self.resample))

    @cached_property
    def normalised(self) -> npt.NDArray[np.float32]:
        """`[3, 256]`: what each level of each channel becomes. Rounded where the image processor rounds, so that results are equal."""
        levels = (np.arange(256, dtype=np.float64) * self.rescale).astype(np.float32)
        mean, std = (np.asarray(values, dtype=np.float32)[:, None] for values in (self.mean, self.std))
        return (levels - mean) / std
