"""Pictures for tests: drawn from a seed, in the form that engines take."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image

from inference.engines.base import Pixels


@dataclass(frozen=True, eq=False)
class Picture:
    """Pixels as an `ImageSource`."""

    rgb: Pixels

    @classmethod
    def drawn(cls, width: int, height: int, seed: int = 0) -> Picture:
        """Coloured tiles with some noise: unlike pure noise, resizing leaves something of it."""
        dice = np.random.default_rng(seed)
        tiles = dice.integers(0, 255, (height // 16 + 1, width // 16 + 1, 3))
        pixels = np.kron(tiles, np.ones((16, 16, 1), dtype=np.int64))[:height, :width]
        return cls(np.clip(pixels + dice.integers(-9, 9, pixels.shape), 0, 255).astype(np.uint8))

    @cached_property
    def png(self) -> bytes:
        file = io.BytesIO()
        Image.fromarray(self.rgb).save(file, format="PNG")
        return file.getvalue()

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(repr(self.rgb.shape).encode() + self.rgb.tobytes()).hexdigest()
