"""The arguments of a call in code, by position or by name, taken one by one with errors that name the argument."""

from __future__ import annotations

from collections.abc import Set
from typing import TypeVar

from actions.coordinates import ModelSpace, space_of
from actions.dialects.calls import shown
from actions.dialects.fields import Fields, finite, point_of, shown_value
from actions.dialects.key_names import read_key_list, read_keys
from actions.dialects.usual_code import CodeCall
from actions.geometry import Frame, Point, Size
from actions.resize import ImageRule

Word = TypeVar("Word", bound=str)
_ABSENT = object()
_FRACTIONS = space_of("fraction", Frame(Size(1, 1)), ImageRule(1, 1, 1))


class Values:
    """The arguments of one call. `either` says that fractions are taken where the space has pixels; else they are an error there."""

    def __init__(self, call: CodeCall, space: ModelSpace, either: bool) -> None:
        self.word = call.name.rpartition(".")[2].lower().replace("_", "")
        if self.word == "leftclick":
            self.word = "click"
        self._space = space
        self._either = either
        self._args = list(call.args)
        self._kwargs = dict(call.kwargs)
        self._known: list[str] = []

    def as_fields(self, word: str) -> Fields:
        """The named arguments as fields, for our own words, which have no positions."""
        if self._args:
            raise ValueError(f"{word} takes its arguments by name: write {word}(name=…)")
        return Fields(word, self._kwargs, self._space)

    def take(self, *names: str) -> object:
        """The argument of one of these names, or the next one by position; `None` is as good as absent."""
        self._known.append(names[0])
        present = [name for name in names if name in self._kwargs]
        if self._args and present:
            raise ValueError(f"{present[0]} comes by position and by name: give it once")
        if self._args:
            return self._args.pop(0)
        if len(present) > 1:
            raise ValueError(f"{present[0]} and {present[1]} say the same thing: give one of them")
        return self._kwargs.pop(present[0]) if present else None

    def point_or_none(self) -> Point | None:
        if self._args and isinstance(self._args[0], list):
            return self._place(self._args.pop(0))
        x, y = self.take("x"), self.take("y")
        if x is None and y is None:
            return None
        return self._place([x, y])

    def point(self) -> Point:
        point = self.point_or_none()
        if point is None:
            raise ValueError(f"{self.word} needs x and y")
        return point

    def number(self, name: str, default: float | None, *others: str) -> float:
        value = self.take(name, *others)
        if value is None and default is not None:
            return default
        number = finite(value)
        if number is None:
            raise ValueError(f"{name} is {shown_value(value)}: it must be a finite number")
        return number

    def whole(self, name: str, default: int | None, *others: str) -> int:
        number = self.number(name, default, *others)
        if number != int(number):
            raise ValueError(f"{name} is {number:g}: it must be a whole number")
        return int(number)

    def choice(self, name: str, known: tuple[Word, ...], default: Word | None, *aliases: str) -> Word:
        """One of `known`; `aliases` are pairs of another word and the known one that it means."""
        value = self.take(name)
        if value is None and default is not None:
            return default
        other = dict(zip(aliases[::2], aliases[1::2], strict=True))
        word = value.strip().lower() if isinstance(value, str) else value
        word = other.get(word, word) if isinstance(word, str) else word
        if word not in known:
            raise ValueError(f"{name} is {shown_value(value)}: it must be one of {', '.join(known)}")
        return word

    def text_or_none(self, *names: str) -> str | None:
        value = self.take(*names)
        if value is None or isinstance(value, str):
            return value
        if finite(value) is not None:
            return str(value)
        raise ValueError(f"{names[0]} is {shown_value(value)}: it must be a text")

    def text(self, *names: str) -> str:
        text = self.text_or_none(*names)
        if text is None:
            raise ValueError(f"{self.word} needs {names[0]}")
        return text

    def keys(self, *names: str) -> tuple[str, ...]:
        """A key, or a list of keys."""
        value = self.take(*names)
        keys = read_key_list(value) if isinstance(value, list) else read_key_list([value]) if isinstance(value, str) and value else ()
        if not keys or (self.word in ("keydown", "keyup") and len(keys) != 1):
            raise ValueError(f"{names[0]} is {shown_value(value)}: name a key, as in {self.word}('shift')")
        return keys

    def all_keys(self, *names: str) -> tuple[str, ...]:
        """All arguments by position as the keys of one chord, or a list of them."""
        if not self._args:
            return self._chord(self.take(*names))
        args, self._args = self._args, []
        return self._chord(args[0] if len(args) == 1 else args)

    def drop(self, *names: str) -> None:
        """Leave out what says how fast, not what."""
        for name in names:
            self._kwargs.pop(name, None)

    def finish(self, ignored: Set[str]) -> None:
        """Refuse what was not taken, save the names that are `ignored`."""
        if any(not isinstance(each, int | float) for each in self._args) or len(self._args) > 2:
            raise ValueError(f"{self.word} has {len(self._args)} argument(s) too many: it takes {', '.join(self._known) or 'none'}")
        for name in self._kwargs.keys() - ignored:
            raise ValueError(f"{self.word} has no argument {shown(name)}: it takes {', '.join(self._known) or 'none'}")

    def _chord(self, value: object) -> tuple[str, ...]:
        if isinstance(value, list):
            return read_key_list(value)
        if isinstance(value, str) and value:
            return read_keys(value) if len(value) > 1 else read_key_list([value])
        raise ValueError(f"keys is {shown_value(value)}: name the keys, as in hotkey('ctrl', 'c')")

    def _place(self, value: list[object] | object) -> Point:
        pair = value if isinstance(value, list) else [value]
        if not self._space.decimals and len(pair) == 2 and _are_fractions(pair):
            if not self._either:
                raise ValueError(f"x={pair[0]}, y={pair[1]} are fractions, but this model writes places as in {self._space.name}")
            return point_of(pair, _FRACTIONS._replace(region=self._space.region))
        return point_of(pair, self._space)


def _are_fractions(pair: list[object]) -> bool:
    """Whether both numbers were written with a point and lie in [0, 1]; a corner may be either."""
    return all(isinstance(each, float) and 0 <= each <= 1 for each in pair) and any(pair)
