"""From pictures to Kimi-VL's patches: shrunk if too large, padded at the right and the bottom, cut in raster order.

This file is copied beside saved weights, where servers load it by `trust_remote_code`: it imports nothing of Deftly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import BaseImageProcessor, BatchFeature
from transformers.image_utils import make_flat_list_of_images, to_numpy_array

MAX_SIDE = 512  # patches, as far as the model's rotary positions go


class KimiVLImageProcessor(BaseImageProcessor):  # type: ignore[misc]
    """`pixel_values` `[L, 3, p, p]` of all pictures, and `image_grid_hws` `[n, 2]`, the rows and columns of patches of each.

    A picture of more than `in_token_limit` patches is shrunk (bicubic) to about as many. Both sides are padded with black to multiples of
    `patch_size * merge`, before normalising; a server counts a picture's tokens by the same numbers.
    """

    model_input_names = ("pixel_values", "image_grid_hws")

    def __init__(
        self,
        patch_size: int = 14,
        pad_input: bool = True,
        image_mean: Sequence[float] = (0.5, 0.5, 0.5),
        image_std: Sequence[float] = (0.5, 0.5, 0.5),
        in_token_limit: int = 4096,
        merge_kernel_size: Sequence[int] = (2, 2),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.patch_size = patch_size
        self.pad_input = pad_input
        self.image_mean = tuple(image_mean)
        self.image_std = tuple(image_std)
        self.in_token_limit = in_token_limit
        self.merge_kernel_size = tuple(merge_kernel_size)

    def shrunk_size(self, width: int, height: int) -> tuple[int, int]:
        """The size in pixels before padding."""
        patches = (width // self.patch_size) * (height // self.patch_size)
        if patches <= self.in_token_limit:
            return width, height
        scale = math.sqrt(self.in_token_limit / patches)
        return int(width * scale), int(height * scale)

    def grid(self, width: int, height: int) -> tuple[int, int]:
        """Rows and columns of patches of a picture of `width x height` pixels.

        Raises:
            ValueError: the picture is too long and thin.
        """
        width, height = self.shrunk_size(width, height)
        rows, columns = (self._padded(side, merge) for side, merge in zip((height, width), self.merge_kernel_size, strict=True))
        if not 0 < rows < MAX_SIDE or not 0 < columns < MAX_SIDE:
            raise ValueError(f"a picture of {columns} x {rows} patches is too long and thin: each side must have from 1 to {MAX_SIDE - 1}")
        return rows, columns

    def num_tokens(self, width: int, height: int) -> int:
        rows, columns = self.grid(width, height)
        return rows * columns // (self.merge_kernel_size[0] * self.merge_kernel_size[1])

    def preprocess(self, images: Any, return_tensors: str | None = None, **_: Any) -> BatchFeature:
        pictures = [self._rgb(image) for image in make_flat_list_of_images(images)]
        patches, grids = zip(*(self._patches(picture) for picture in pictures), strict=True)
        data = {"pixel_values": torch.cat(patches), "image_grid_hws": torch.tensor(grids)}
        return BatchFeature(data=data, tensor_type=return_tensors)

    def __call__(self, images: Any, return_tensors: str | None = None, **options: Any) -> BatchFeature:
        return self.preprocess(images, return_tensors=return_tensors, **options)

    def _patches(self, picture: Image.Image) -> tuple[torch.Tensor, tuple[int, int]]:
        size, side = self.shrunk_size(*picture.size), self.patch_size
        rows, columns = self.grid(*picture.size)
        if picture.size != size:
            picture = picture.resize(size, Image.Resampling.BICUBIC)
        levels = torch.zeros(rows * side, columns * side, 3)
        seen = torch.from_numpy(np.array(picture)).float()[: rows * side, : columns * side]
        levels[: seen.shape[0], : seen.shape[1]] = seen
        mean, std = torch.tensor(self.image_mean), torch.tensor(self.image_std)
        squares = ((levels / 255 - mean) / std).view(rows, side, columns, side, 3)
        return squares.permute(0, 2, 4, 1, 3).reshape(rows * columns, 3, side, side), (rows, columns)

    def _padded(self, side_px: int, merge: int) -> int:
        """Patches along a side: what is left of a square of patches is filled up, or cut off where `pad_input` is false."""
        factor = merge * self.patch_size
        return (math.ceil(side_px / factor) if self.pad_input else side_px // factor) * merge

    @staticmethod
    def _rgb(image: Any) -> Image.Image:
        if isinstance(image, Image.Image):
            return image.convert("RGB")
        array = to_numpy_array(image)
        array = array.transpose(1, 2, 0) if array.shape[0] in (1, 3) and array.shape[-1] not in (1, 3) else array
        return Image.fromarray(np.ascontiguousarray(array).astype(np.uint8)).convert("RGB")
