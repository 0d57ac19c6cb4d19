"""What can be wrong with a call of an attention kernel."""

from __future__ import annotations


class AttentionInputError(ValueError):
    """An argument does not fit; the message names it, says what is wrong and what would do."""


class AttentionUnavailable(ValueError):
    """The implementation that was asked for by name cannot compute this call; the message says why."""
