"""The arguments of a call, turned from texts into values one by one, with errors that name the argument."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

from actions.coordinates import ModelSpace
from actions.dialects.calls import Call, shown
from actions.dialects.places import read_place
from actions.geometry import Point

_WHOLE = re.compile(r"[+-]?[0-9]{1,9}")
_DECIMAL = re.compile(r"\+?(?:[0-9]{1,15}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,3})?")

Word = TypeVar("Word", bound=str)


class Arguments:
    """The arguments of one call, taken one by one; what is left at the end was not understood."""

    def __init__(self, call: Call, space: ModelSpace) -> None:
        self.word = call.name.lower()
        self._left = dict(call.args)
        self._known: list[str] = []
        self._space = space

    def take(self, *names: str) -> str | None:
        """The argument that has one of these names, `None` when there is none."""
        return self._take(names)[1]

    def need(self, *names: str) -> str:
        value = self.take(*names)
        if value is None:
            raise ValueError(f"{self.word} needs {names[0]}='…'")
        return value

    def place(self, *names: str) -> Point:
        written, value = self._take(names)
        if value is None:
            raise ValueError(f"{self.word} needs {names[0]}='…'")
        return self._place(written, value)

    def place_or_none(self, *names: str) -> Point | None:
        written, value = self._take(names)
        return None if value is None else self._place(written, value)

    def places(self, name: str) -> list[Point]:
        value = self.take(name)
        return [] if value is None else [self._place(name, each) for each in value.split(";")]

    def choice(self, name: str, known: Sequence[Word], default: Word | None = None) -> Word:
        """One of `known`; without a default it must be given."""
        if default is not None and not self.has(name):
            self.take(name)
            return default
        value = self.need(name)
        for each in known:
            if each == value.strip().lower():
                return each
        raise ValueError(f"{name} is {shown(value)}: it must be one of {', '.join(known)}")

    def whole(self, name: str, default: int) -> int:
        value = self.take(name)
        if value is None:
            return default
        if not _WHOLE.fullmatch(value.strip()):
            raise ValueError(f"{name} is {shown(value)}: it must be a whole number")
        return int(value)

    def decimal(self, names: tuple[str, ...], default: float) -> float:
        written, value = self._take(names)
        if value is None or not value.strip():  # the prompts themselves show time=''
            return default
        if not _DECIMAL.fullmatch(value.strip()):
            raise ValueError(f"{written} is {shown(value)}: it must be a number, 0 or more")
        return float(value)

    def has(self, *names: str) -> bool:
        """Whether one of these is there, still to be taken."""
        return any(name in self._left for name in names)

    def finish(self) -> None:
        """Refuse what was not taken."""
        for name in self._left:
            raise ValueError(f"{self.word} has no argument {shown(name)}: it takes {', '.join(self._known) or 'none'}")

    def _take(self, names: tuple[str, ...]) -> tuple[str, str | None]:
        """Which of `names` the model used, and its value."""
        self._known.append(names[0])
        written = None
        for name in names:
            if name in self._left:
                if written is not None:
                    raise ValueError(f"{written} and {name} say the same thing: give one of them")
                written = name
        return (names[0], None) if written is None else (written, self._left.pop(written))

    def _place(self, name: str, value: str) -> Point:
        try:
            return read_place(value, self._space)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
