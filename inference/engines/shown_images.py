"""Which pictures a server has seen already, as far as its client knows: they need not be sent again, only named.

vLLM keeps what it made of a picture under the `uuid` that came with it, and takes a part that has a `uuid` and no picture (0.32,
`--mm-processor-cache-gb`). It may forget at any time, and then refuses; the client sends everything again. After `MAX_REFUSALS` of these
nothing is left out any more: the cache is too small, off, or one of several behind a balancer.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Set

from inference.engines.base import ChatRequest

NUM_KNOWN = 4096
MAX_REFUSALS = 3


class ShownImages:
    """Digests of the pictures that were last shown to one server. Used by all of its clients in this process."""

    def __init__(self) -> None:
        self._digests: OrderedDict[str, None] = OrderedDict()
        self._num_refusals = 0

    def known(self, request: ChatRequest) -> Set[str]:
        """The pictures of `request` that the server should have."""
        return frozenset() if self._num_refusals >= MAX_REFUSALS else images_of(request) & self._digests.keys()

    def shown(self, request: ChatRequest) -> None:
        """The server has read `request`."""
        for digest in images_of(request):
            self._digests[digest] = None
            self._digests.move_to_end(digest)
        while len(self._digests) > NUM_KNOWN:
            self._digests.popitem(last=False)

    def refused(self) -> None:
        """It did not have what was left out."""
        self._digests.clear()
        self._num_refusals += 1


def images_of(request: ChatRequest) -> Set[str]:
    """The digests of all pictures in `request`."""
    return frozenset(part.sha256 for message in request.messages for part in message.content if not isinstance(part, str))
