"""What can be wrong with a call of the gated delta rule."""

from __future__ import annotations


class DeltaRuleInputError(ValueError):
    """An argument does not fit; the message names it, says what is wrong and what would do."""
