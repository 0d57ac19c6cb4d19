"""Screens with labelled buttons, drawn from a seed, and the tasks that go with them: what the bundled model was made for."""

from __future__ import annotations

import base64
import random
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from inference.engines.base import Message
from tests.inference.picture import Picture

WORDS = ("OK", "Cancel", "Submit", "Next", "Yes", "No", "Open", "Save", "Close", "Help", "Back", "Login")
RULER = "16 48 80 112 144 176 208 240 272 304"  # of the family deftly-tiny
SIZES = ((320, 320), (320, 320), (400, 300), (640, 360))


@dataclass(frozen=True, kw_only=True)
class Screen:
    """A picture and a task on it."""

    picture: Picture
    task: str

    @property
    def data_url(self) -> str:
        return "data:image/png;base64," + base64.b64encode(self.picture.png).decode()

    @property
    def text(self) -> str:
        return f"Task: {self.task}\nDone: nothing\nNext:"

    def messages(self) -> tuple[Message, ...]:
        """As engines are asked."""
        return Message(role="system", content=(RULER,)), Message(role="user", content=(self.picture, self.text))

    def chat(self) -> list[dict[str, Any]]:
        """As OpenAI's API is asked."""
        parts = [{"type": "image_url", "image_url": {"url": self.data_url}}, {"type": "text", "text": self.text}]
        return [{"role": "system", "content": RULER}, {"role": "user", "content": parts}]


def draw_screen(seed: int) -> Screen:
    """A page with three to six buttons, of one of several sizes."""
    dice = random.Random(seed)
    width, height = SIZES[seed % len(SIZES)]
    image = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=14)
    words = dice.sample(WORDS, dice.randint(3, 6))
    for index, word in enumerate(words):
        left, top = dice.randrange(10, width - 90), 10 + index * (height - 20) // len(words)
        pen.rectangle((left, top, left + 80, top + 24), fill=(225, 225, 225), outline=(120, 120, 120))
        pen.text((left + 12, top + 4), word, fill="black", font=font)
    return Screen(picture=Picture(np.asarray(image)), task=f'Click on the "{dice.choice(words)}" button.')
