"""A screen of a data set, as an engine is shown it."""

from __future__ import annotations

import hashlib
from functools import cached_property

from agent.screenshot import Screenshot


class RecordedScreen(Screenshot):
    """Known by its file rather than by its pixels, so that a server can be asked about it without decoding it here."""

    @cached_property
    def sha256(self) -> str:
        """Hex digest of the PNG; pictures of the same pixels in different files are different pictures."""
        return hashlib.sha256(self.png).hexdigest()
