"""What can go wrong while acting on a screen.

HandError
├── DisplayGone       the screen cannot be reached (any more); also a ConnectionError
├── HandStopped       the stop event was set in the middle of an action
└── CannotPerform     the action is not one that hands can do here; also a ValueError
"""

from __future__ import annotations


class HandError(Exception):
    """Base of everything that the hands raise."""


class DisplayGone(HandError, ConnectionError):
    """The display cannot be reached: it was never there, or its server died."""


class HandStopped(HandError):
    """The hands were told to stop; whatever they held has been released."""


class CannotPerform(HandError, ValueError):
    """The action cannot be done by these hands; the message says which and why."""
