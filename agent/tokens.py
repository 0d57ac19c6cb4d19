"""How much of a model's context things take: exact for pictures, by the family's image rule; estimated from above for text."""

from __future__ import annotations

import math

from actions.geometry import Size
from actions.resize import ImageRule
from inference.families import ImageSpec

# The tokenizers of these families put about 4 bytes of English, 3 of code and one character of Chinese (3 bytes) into a token.
BYTES_A_TOKEN = 3
MESSAGE_TOKENS = 5  # what a chat template puts around a message, and around a picture


def image_rule(image: ImageSpec) -> ImageRule:
    """The rule by which coordinates are read."""
    return ImageRule(image.factor, image.min_pixels, image.max_pixels)


def seen_size(size: Size, image: ImageSpec) -> Size:
    """The size, in pixels, at which the model sees a screenshot of `size`.

    Raises:
        ValueError: no model takes a picture of that size.
    """
    rule = image_rule(image)
    match image.fit:
        case "resize":
            return rule.resized(size)
        case "pad":
            return rule.padded(size)[1]
        case "square":
            side = rule.fitted(size)[1]
            return Size(side, side)


def image_tokens(size: Size, image: ImageSpec) -> int:
    """Tokens of the picture alone that a screenshot of `size` becomes.

    Raises:
        ValueError: no model takes a picture of that size.
    """
    width, height = seen_size(size, image)
    return width * height // image.factor**2


def text_tokens(text: str) -> int:
    """Tokens that `text` takes, with its message; rather too many than too few, so that a budget is kept without a tokenizer."""
    return math.ceil(len(text.encode()) / BYTES_A_TOKEN) + MESSAGE_TOKENS


def screen_tokens(size: Size, image: ImageSpec) -> int:
    """Tokens that a screenshot takes, with its message."""
    return image_tokens(size, image) + MESSAGE_TOKENS
