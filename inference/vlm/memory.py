"""What the model need not compute again: the context it read last, and the pictures it has looked at."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from inference.vlm.prompt import Ids

if TYPE_CHECKING:
    from transformers import DynamicCache


class Recalled(NamedTuple):
    """A key-value cache, and how many tokens of the prompt are in it already."""

    cache: DynamicCache
    length: int


class ContextMemory:
    """The key-value cache of the last context. While a context only grows, the part that was read before is not read again.

    The cache is handed out by `recall` and given back by `keep`; whoever asks meanwhile starts afresh.
    """

    def __init__(self) -> None:
        self._kept: tuple[Ids, DynamicCache] | None = None

    def recall(self, keys_T: Ids, new_cache: Callable[[], DynamicCache]) -> Recalled:
        """The kept cache, cut back to what it has in common with `keys_T`, or a new one; the last token is always left to compute."""
        kept, self._kept = self._kept, None
        if kept is None:
            return Recalled(new_cache(), 0)
        keys, cache = kept
        length = min(_common_prefix(keys, keys_T), len(keys_T) - 1)
        while 0 < length and keys_T[length] < 0 and keys_T[length] == keys_T[length - 1]:
            length -= 1  # a picture is read as a whole
        if length == 0:
            return Recalled(new_cache(), 0)
        if length < len(keys):
            cache.crop(length - len(keys))
        return Recalled(cache, length)

    def keep(self, keys_T: Ids, cache: DynamicCache) -> None:
        """Remember `cache` as what `keys_T` left behind, unless an interrupt left it half-written."""
        tensors = [tensor for layer in cache.layers for tensor in (layer.keys, layer.values)]
        if all(tensor is not None and tensor.shape[-2] == len(keys_T) for tensor in tensors):
            self._kept = keys_T, cache

    def forget(self) -> None:
        self._kept = None


def _common_prefix(a_T: Ids, b_T: Ids) -> int:
    """How many tokens `a_T` and `b_T` share at their beginning."""
    length = min(len(a_T), len(b_T))
    differ = np.flatnonzero(a_T[:length] != b_T[:length])
    return int(differ[0]) if len(differ) else length


class PictureMemory:
    """What the vision tower made of the last `size` pictures, by their hash."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._seen: OrderedDict[str, Any] = OrderedDict()

    def look(self, sha256: str, encode: Callable[[], Any]) -> Any:
        """The features of the picture with that hash; `encode` makes them when it is new."""
        if sha256 in self._seen:
            self._seen.move_to_end(sha256)
            return self._seen[sha256]
        features = encode()
        self._seen[sha256] = features
        while len(self._seen) > self._size:
            self._seen.popitem(last=False)
        return features

    def forget(self) -> None:
        self._seen.clear()
