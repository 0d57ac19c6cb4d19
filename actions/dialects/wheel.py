"""Wheel clicks and pixels: models that scroll by pixels mean either pixels of the page or, trained on pyautogui, clicks of the wheel."""

from __future__ import annotations

PIXELS_PER_CLICK = 100  # what browsers scroll at one click, about
_CLICKS_BELOW = 20  # nobody scrolls a page by less: a smaller number counts clicks, as OSWorld's agent for Qwen takes all numbers


def clicks_of_pixels(pixels: float, clicks_below: float = _CLICKS_BELOW) -> int:
    """Whole wheel clicks, at least one unless `pixels` is 0; the sign stays. Numbers below `clicks_below` are clicks as they are."""
    if pixels == 0:
        return 0
    clicks = round(abs(pixels) if abs(pixels) < clicks_below else abs(pixels) / PIXELS_PER_CLICK)
    return max(1, clicks) * (1 if pixels > 0 else -1)


def pixels_of_clicks(clicks: int) -> int:
    """The pixels that `clicks_of_pixels` reads as `clicks`."""
    return clicks * PIXELS_PER_CLICK
