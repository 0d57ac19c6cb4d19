"""What was read before, for whoever begins with the same: key-value caches of past prompts and answers, within a budget of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from inference.vlm.cache_layers import Layer, is_recurrent, put_back
from inference.vlm.memory import Recalled, shared_length
from inference.vlm.prompt import Ids

if TYPE_CHECKING:
    from transformers import DynamicCache


class Known(NamedTuple):
    """A context by its keys, and what it left behind in each layer; never written to again."""

    keys: Ids
    layers: Sequence[Layer]

    @property
    def num_bytes(self) -> int:
        return sum(tensor.nbytes for layer in self.layers for tensor in layer)

    def shared(self, keys: Ids) -> int:
        """How much of `keys` need not be read again; with states that cannot be cut back, all of this context or nothing."""
        length = shared_length(self.keys, keys)
        return 0 if length < len(self.keys) and is_recurrent(self.layers) else length


class ContextStore:
    """The last contexts that fit in `max_bytes`. Several requests may go on from the same one at once. Safe to use from several threads."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._num_bytes = 0
        self._known: OrderedDict[int, Known] = OrderedDict()
        self._next = 0
        self._lock = threading.Lock()

    @property
    def num_bytes(self) -> int:
        return self._num_bytes

    def recall(self, keys: Ids, new_cache: Callable[[], DynamicCache]) -> Recalled:
        """A cache with the longest beginning of `keys` that is known; it shares memory with what is kept, and grows by copying."""
        cache = new_cache()
        with self._lock:
            best = max(self._known, key=lambda number: self._known[number].shared(keys), default=None)
            length = 0 if best is None else self._known[best].shared(keys)
            if best is None or length == 0:
                return Recalled(cache, 0)
            self._known.move_to_end(best)
            layers = self._known[best].layers
        put_back(cache, layers, length)
        return Recalled(cache, length)

    def keep(self, keys: Ids, layers: Sequence[Layer]) -> None:
        """Remember `layers` as what `keys` left behind, in place of contexts that they contain: states contain none but their own."""
        new = Known(keys, layers)
        least = len(keys) if is_recurrent(layers) else 0
        with self._lock:
            for number in [n for n, old in self._known.items() if least <= len(old.keys) and _begins_with(keys, old.keys)]:
                self._drop(number)
            self._known[self._next] = new
            self._num_bytes += new.num_bytes
            self._next += 1
            while self._num_bytes > self._max_bytes:
                self._drop(next(iter(self._known)))

    def forget(self) -> None:
        with self._lock:
            self._known.clear()
            self._num_bytes = 0

    def _drop(self, number: int) -> None:
        self._num_bytes -= self._known.pop(number).num_bytes


def _begins_with(keys: Ids, beginning: Ids) -> bool:
    return len(beginning) <= len(keys) and bool((keys[: len(beginning)] == beginning).all())
