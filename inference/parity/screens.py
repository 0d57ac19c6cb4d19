"""The screens on which ways are compared: drawn by rule, of sizes that resize, pad and shrink, and one question without a picture."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from inference.engines.base import Message, Pixels


@dataclass(frozen=True)
class Still:
    """A picture in memory, as engines read it."""

    rgb: Pixels

    @cached_property
    def png(self) -> bytes:
        from PIL import Image

        file = io.BytesIO()
        Image.fromarray(self.rgb).save(file, "PNG")
        return file.getvalue()

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(repr(self.rgb.shape).encode() + self.rgb.tobytes()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """`messages` about no, one or several pictures."""

    name: str
    messages: tuple[Message, ...]


SIZES = {"small": (200, 150), "wide": (410, 120), "tall": (130, 300)}


def built_in_screens() -> tuple[Screen, ...]:
    """One of each size, two pictures in one question, and text alone."""
    stills = {name: drawn(*size, seed=seed) for seed, (name, size) in enumerate(SIZES.items())}
    one = [Screen(name=name, messages=(_user(still, "Click the button."),)) for name, still in stills.items()]
    two = Screen(name="two pictures", messages=(_user(stills["small"], "Then:", stills["wide"], "What has changed?"),))
    return (Screen(name="text only", messages=(_user("What can you do on a screen?"),)), *one, two)


def screen_of_file(file: Path, question: str = "Click the button.") -> Screen:
    """A screenshot of the caller's own.

    Raises:
        ValueError: it is no picture.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        rgb = np.asarray(Image.open(file).convert("RGB"))
    except (OSError, UnidentifiedImageError) as error:
        raise ValueError(f"--screen {file} cannot be read as a picture: {error}") from error
    return Screen(name=file.name, messages=(_user(Still(rgb), question),))


def drawn(width: int, height: int, *, seed: int) -> Still:
    """A window with a title bar, rows of text-like strokes and a few buttons; the same pixels everywhere."""
    rng = np.random.default_rng(seed)
    rgb = np.full((height, width, 3), 236, dtype=np.uint8)
    rgb[: height // 10] = (52, 73, 94)
    for row in range(height // 6, height - 12, 11):
        for column in range(6, width - 16, 14):
            rgb[row : row + 5, column : column + int(rng.integers(3, 13))] = rng.integers(0, 120)
    for _ in range(3):
        x, y = int(rng.integers(0, width - 50)), int(rng.integers(height // 8, height - 20))
        rgb[y : y + 18, x : x + 46] = rng.integers(0, 255, 3)
    return Still(rgb)


def _user(*content: str | Still) -> Message:
    return Message(role="user", content=content)
