"""What a screen does all by itself: carets blink, spinners turn, videos play. Such changes are not news."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from actions.geometry import Size
from agent.change import Mask, Rect

TINY_PX = 1600  # a caret, a spinner or the seconds of a clock
RECURS = 3
CARET_WIDTH_PX, CARET_HEIGHT_PX = 3, 80
TILE_PX = 32
LOOKS = 14  # 0.8 s of watching; less does not tell a film from a page that is loading


def is_caret(rect: Rect) -> bool:
    """Whether a change has the shape of a text caret, which may blink for the first time at any moment."""
    return rect.right - rect.left <= CARET_WIDTH_PX and rect.bottom - rect.top <= CARET_HEIGHT_PX


class Flicker:
    """Learns the tiny places that change again and again."""

    def __init__(self) -> None:
        self._counts: Counter[Rect] = Counter()

    def learn(self, rects: Iterable[Rect]) -> None:
        """Another moment, in which these places changed."""
        for rect in rects:
            if rect.area <= TINY_PX:
                self._counts[self._known(rect) or rect] += 1

    def news(self, rects: Iterable[Rect]) -> tuple[Rect, ...]:
        """The changes that are neither carets nor known to recur."""
        return tuple(rect for rect in rects if not is_caret(rect) and not self._recurs(rect))

    def seen_again(self) -> tuple[Rect, ...]:
        """The places that changed more than once."""
        return tuple(rect for rect, times in self._counts.items() if times > 1)

    def _recurs(self, rect: Rect) -> bool:
        known = self._known(rect)
        return known is not None and self._counts[known] >= RECURS

    def _known(self, rect: Rect) -> Rect | None:
        if rect.area > TINY_PX:
            return None
        return next((known for known in self._counts if known.grown(2).contains(rect) or rect.grown(2).contains(known)), None)


class Restless:
    """Learns the places, however large, that never keep still; counted in tiles, so that a window over a film is news all the same."""

    def __init__(self, size: Size) -> None:
        self._changes = np.zeros((-(-size.height // TILE_PX), -(-size.width // TILE_PX)), np.int32)
        self._looks = 0

    def learn(self, rects: Iterable[Rect]) -> None:
        """Another moment, in which these places changed."""
        changed = np.zeros(self._changes.shape, bool)
        for rect in rects:
            changed[_tiles(rect)] = True
        self._changes += changed
        self._looks += 1

    def news(self, rects: Iterable[Rect]) -> tuple[Rect, ...]:
        """The changes that reach beyond the places that changed at more than half of all looks."""
        if self._looks < LOOKS:
            return tuple(rects)
        restless = _spread(self._changes > self._looks / 2)
        return tuple(rect for rect in rects if not restless[_tiles(rect)].all())


class Habits:
    """All that was learnt while nobody acted."""

    def __init__(self, size: Size) -> None:
        self._flicker = Flicker()
        self._restless = Restless(size)

    def learn(self, rects: tuple[Rect, ...]) -> None:
        self._flicker.learn(rects)
        self._restless.learn(rects)

    def news(self, rects: Iterable[Rect]) -> tuple[Rect, ...]:
        return self._restless.news(self._flicker.news(rects))

    def restless_places(self) -> tuple[Rect, ...]:
        """The small places that changed more than once."""
        return self._flicker.seen_again()


def _tiles(rect: Rect) -> tuple[slice, slice]:
    return (
        slice(rect.top // TILE_PX, (rect.bottom - 1) // TILE_PX + 1),
        slice(rect.left // TILE_PX, (rect.right - 1) // TILE_PX + 1),
    )


def _spread(tiles: Mask) -> Mask:
    """The tiles and their neighbours: what moves inside a picture seldom touches every tile of its rim each time."""
    padded = np.pad(tiles, 1)
    height, width = tiles.shape
    spread = np.zeros_like(tiles)
    for down in range(3):
        for right in range(3):
            spread |= padded[down : down + height, right : right + width]
    return spread
