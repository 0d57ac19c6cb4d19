"""What only a touch screen knows: part of the action space, and refused in words by hands that have a mouse and a keyboard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from actions.geometry import Point

MAX_PRESS_SECONDS = 60.0
PRESS_SECONDS = 1.0  # where a model does not say how long


@dataclass(frozen=True, slots=True, kw_only=True)
class LongPress:
    """Keep a finger on `point` for `seconds`."""

    type: ClassVar[str] = "long_press"
    point: Point
    seconds: float = PRESS_SECONDS

    def __post_init__(self) -> None:
        if not 0.0 < self.seconds <= MAX_PRESS_SECONDS:  # false for NaN too
            raise ValueError(f"long_press.seconds is {self.seconds!r}: it must be a number above 0, at most {MAX_PRESS_SECONDS:g}")
        object.__setattr__(self, "seconds", float(self.seconds))


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenApp:
    """Open the app that the phone calls `app_name`."""

    type: ClassVar[str] = "open_app"
    app_name: str

    def __post_init__(self) -> None:
        if not self.app_name.strip():
            raise ValueError("open_app.app_name is empty: name the app to open")


@dataclass(frozen=True, slots=True, kw_only=True)
class PressHome:
    """Go to the home screen."""

    type: ClassVar[str] = "press_home"


@dataclass(frozen=True, slots=True, kw_only=True)
class PressBack:
    """Go back to where the phone was before."""

    type: ClassVar[str] = "press_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class PressRecent:
    """Show the apps that were open lately."""

    type: ClassVar[str] = "press_recent"


PhoneAction = LongPress | OpenApp | PressHome | PressBack | PressRecent
