"""The fields of one JSON object or call with literal values, taken one by one, with errors that name the field."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

from actions.coordinates import ModelSpace
from actions.dialects.calls import shown
from actions.dialects.key_names import read_key_list, read_keys
from actions.dialects.places import read_place
from actions.geometry import Point
from actions.space import MODIFIERS, Modifier

Word = TypeVar("Word", bound=str)


def shown_value(value: object) -> str:
    """A short form of any value for a message; nothing huge is ever turned into text."""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, Mapping | list | tuple):
        return f"a{'n object' if isinstance(value, Mapping) else ' list'} of {len(value)}"
    return "a huge number" if isinstance(value, int) and value.bit_length() > 128 else repr(value)[:48]


def finite(value: object) -> float | None:
    """`value` as a finite number, `None` where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


class Fields:
    """The fields of what a model asked for with `word`; what is left at the end was not understood. A `null` is as good as absent."""

    def __init__(self, word: str, values: Mapping[str, object], space: ModelSpace) -> None:
        self.word = word
        self.space = space
        self._left = {name: value for name, value in values.items() if value is not None}
        self._known: list[str] = []

    def has(self, *names: str) -> bool:
        """Whether one of these is there, still to be taken."""
        return any(name in self._left for name in names)

    def take(self, *names: str) -> object | None:
        """The field that has one of these names, `None` when there is none."""
        self._known.append(names[0])
        present = [name for name in names if name in self._left]
        if len(present) > 1:
            raise ValueError(f"{present[0]} and {present[1]} say the same thing: give one of them")
        return self._left.pop(present[0]) if present else None

    def need(self, *names: str) -> object:
        value = self.take(*names)
        if value is None:
            raise ValueError(f"{self.word} needs {names[0]}")
        return value

    def rest(self) -> dict[str, object]:
        """All that was not taken, taken now."""
        left, self._left = self._left, {}
        return left

    def text(self, *names: str) -> str:
        return self._as_text(names[0], self.need(*names))

    def text_or_none(self, *names: str) -> str | None:
        value = self.take(*names)
        return None if value is None else self._as_text(names[0], value)

    def number(self, names: tuple[str, ...], default: float | None = None) -> float:
        """A finite number; without a default it must be given. Texts that are numbers pass for them."""
        value = self.take(*names)
        if value is None or (default is not None and isinstance(value, str) and not value.strip()):
            if default is None:
                raise ValueError(f"{self.word} needs {names[0]}")
            return default
        number = finite(_from_text(value))
        if number is None:
            raise ValueError(f"{names[0]} is {shown_value(value)}: it must be a finite number")
        return number

    def whole(self, names: tuple[str, ...], default: int | None = None) -> int:
        number = self.number(names, None if default is None else float(default))
        if number != int(number):
            raise ValueError(f"{names[0]} is {number:g}: it must be a whole number")
        return int(number)

    def flag(self, *names: str) -> bool:
        """Whether a yes-or-no field says yes; absent is no."""
        value = self.take(*names)
        if value in (None, False, 0, "false", "False", "0"):
            return False
        if value in (True, 1, "true", "True", "1"):
            return True
        raise ValueError(f"{names[0]} is {shown_value(value)}: it must be true or false")

    def choice(self, name: str, known: Sequence[Word], default: Word | None = None) -> Word:
        value = self.take(name)
        if value is None and default is not None:
            return default
        for each in known:
            if isinstance(value, str) and value.strip().lower() == each.lower():
                return each
        raise ValueError(f"{name} is {shown_value(value)}: it must be one of {', '.join(known)}")

    def keys(self, *names: str) -> tuple[str, ...]:
        value = self.need(*names)
        if isinstance(value, str):
            return read_keys(value) if len(value) > 1 else read_key_list([value])
        if isinstance(value, int) and not isinstance(value, bool):
            return read_key_list([value])
        if not isinstance(value, list | tuple):
            raise ValueError(f"{names[0]} is {shown_value(value)}: it must be a list of keys, as in ['ctrl', 'c']")
        return read_key_list(value)

    def modifiers(self, *names: str) -> tuple[Modifier, ...]:
        """The keys to hold meanwhile; absent or empty is none."""
        if not self.has(*names):
            self.take(*names)
            return ()
        held = self.keys(*names)
        for key in held:
            if key not in MODIFIERS:
                raise ValueError(f"{names[0]} has {shown(key)}: known are {', '.join(MODIFIERS)}")
        return tuple(m for key in held for m in MODIFIERS if m == key)

    def point(self, *names: str) -> Point:
        return self._as_point(names[0], self.need(*names))

    def point_or_none(self, *names: str) -> Point | None:
        value = self.take(*names)
        return None if value is None else self._as_point(names[0], value)

    def finish(self) -> None:
        """Refuse what was not taken."""
        for name in self._left:
            raise ValueError(f"{self.word} has no field {shown(name)}: it takes {', '.join(self._known) or 'none'}")

    def _as_text(self, name: str, value: object) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool) and finite(value) is not None:
            return str(value)  # models forget the quotes around what is to be typed into a field of numbers
        raise ValueError(f"{name} is {shown_value(value)}: it must be a text")

    def _as_point(self, name: str, value: object) -> Point:
        try:
            return point_of(value, self.space)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None


def point_of(value: object, space: ModelSpace) -> Point:
    """The point that `[x, y]`, `[x1, y1, x2, y2]` (of a box, its middle), `{"x": …, "y": …}` or a text in a point's place means.

    Raises:
        ValueError: it means none, or one outside `space`.
    """
    if isinstance(value, str):
        return read_place(value, space)
    if isinstance(value, Mapping) and set(value) == {"x", "y"}:
        value = [value["x"], value["y"]]
    while isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    if isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(part, list | tuple) and len(part) == 2 for part in value):
        value = [*value[0], *value[1]]
    numbers = [finite(_from_text(part)) for part in value] if isinstance(value, list | tuple) and len(value) in (2, 4) else []
    found = [number for number in numbers if number is not None]
    if len(found) not in (2, 4) or len(found) < len(numbers):
        raise ValueError(f"{shown_value(value)} is no point: write two finite numbers, as in [x, y]")
    x, y, *corner = found
    first = space.point(x, y)
    if not corner:
        return first
    space.point(*corner)
    return space.point((x + corner[0]) / 2, (y + corner[1]) / 2)


def _from_text(value: object) -> object:
    """A number that came as a text, such as "500"; everything else as it is."""
    if isinstance(value, str) and len(value) <= 32 and value.strip().lstrip("+-").replace(".", "", 1).isdecimal() and value.isascii():
        return float(value)
    return value
