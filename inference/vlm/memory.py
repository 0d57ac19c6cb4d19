"""What the model need not compute again: the context it read last, and the pictures it has looked at."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from inference.vlm.cache_layers import LayerTensors, is_recurrent, layers_of
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

    def recall(self, keys: Ids, new_cache: Callable[[], DynamicCache]) -> Recalled:
        """The kept cache, cut back to what it has in common with `keys`, or a new one; the last token is always left to compute.

        States of recurrent layers cannot be cut back: then the kept cache is of use only where `keys` goes on from all of it.
        """
        kept, self._kept = self._kept, None
        if kept is None:
            return Recalled(new_cache(), 0)
        known, cache = kept
        length = shared_length(known, keys)
        if length == 0 or (length < len(known) and is_recurrent(layers_of(cache))):
            return Recalled(new_cache(), 0)
        if length < len(known):
            cache.crop(length - len(known))
        return Recalled(cache, length)

    def keep(self, keys: Ids, cache: DynamicCache) -> None:
        """Remember `cache` as what `keys` left behind, unless an interrupt left it half-written."""
        layers = layers_of(cache)
        written = all(tensor is not None for layer in layers for tensor in layer)
        lengths = {tensor.shape[-2] for layer in layers if isinstance(layer, LayerTensors) for tensor in layer} if written else set()
        if lengths == {len(keys)} and getattr(cache, "whole", True):
            self._kept = keys, cache

    def forget(self) -> None:
        self._kept = None


def shared_length(known: Ids, keys: Ids) -> int:
    """How much of `keys` need not be read by who has read `known`: pictures whole or not at all, and never the last token."""
    length = min(_common_prefix(known, keys), len(keys) - 1)
    while length > 0 and keys[length] < 0 and keys[length] == keys[length - 1]:
        length -= 1
    return length


def _common_prefix(a: Ids, b: Ids) -> int:
    """How many tokens `a` and `b` share at their beginning."""
    length = min(len(a), len(b))
    differ = np.flatnonzero(a[:length] != b[:length])
    return int(differ[0]) if len(differ) else length


class PictureMemory:
    """What the vision tower made of the last `size` pictures, by their hash."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._seen: OrderedDict[str, Any] = OrderedDict()
        self._lock = threading.Lock()

    def look(self, sha256: str, encode: Callable[[], Any]) -> Any:
        """The features of the picture with that hash; `encode` makes them when it is new."""
        with self._lock:
            if sha256 in self._seen:
                self._seen.move_to_end(sha256)
                return self._seen[sha256]
        features = encode()  # not under the lock: other threads may look at what is known meanwhile
        with self._lock:
            self._seen[sha256] = features
            while len(self._seen) > self._size:
                self._seen.popitem(last=False)
        return features

    def forget(self) -> None:
        self._seen.clear()
