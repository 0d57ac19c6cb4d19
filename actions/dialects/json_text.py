r"""JSON as models write it: strictly where it is JSON, else by hand, forgiving only what cannot be read in two ways.

Forgiven are raw newlines, quotes that were not escaped, single quotes, Python's True, False and None, backslashes that escape
nothing ("C:\dir"), a comma too many, and, where the caller knows that the text was not cut off, closing brackets that are missing.
A name that stands twice is an error, as are numbers that are not finite.
"""

from __future__ import annotations

import json
import re
from typing import NoReturn

from actions.dialects.calls import shown
from actions.dialects.matching import end_of

_MAX_DEPTH = 20
_SPACE = re.compile(r"\s*")
_NUMBER = re.compile(r"-?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,3})?(?![\w.])")
_WORD = re.compile(r"(?:true|false|null|True|False|None)\b")
_WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}
_PLAIN = {quote: re.compile(rf"[^\\{quote}]*") for quote in "'\""}
# Behind a quote that ends a text the structure goes on; behind one that was not escaped, words do.
_AFTER_NAME = re.compile(r"\s*:")
_AFTER_VALUE = re.compile(r"""\s*(?:[}\]]|,\s*(?:["'][A-Za-z_][\w-]*["']\s*:|[}\]])|\Z)""")
_AFTER_ITEM = re.compile(r"""\s*(?:\]|,\s*(?:["'{\[\d.-]|\])|\Z)""")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "/": "/", "\\": "\\", "'": "'", '"': '"'}
_UNICODE = re.compile(r"u([0-9a-fA-F]{4})")


class JsonError(ValueError):
    """Text that is no JSON; `at` is the character where reading stopped."""

    def __init__(self, message: str, text: str, at: int) -> None:
        super().__init__(f"{message}, at {shown(text, at) if at < len(text) else 'its end'}")
        self.at = at


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return values


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no finite number")


_DECODER = json.JSONDecoder(strict=False, object_pairs_hook=_once, parse_constant=_refuse)


def decode_json(text: str, at: int = 0) -> tuple[object, int]:
    """The strict JSON value that begins at `at`, and where it ends.

    Raises:
        ValueError: there is none.
        RecursionError: it is nested too deeply.
    """
    return _DECODER.raw_decode(text, at)


def read_json(text: str, at: int = 0, *, whole: bool = False) -> tuple[object, int]:
    """The JSON value that begins at `at`, and where it ends. `whole` says that `text` was not cut off: its end may close brackets.

    Raises:
        JsonError: there is none.
    """
    try:
        return decode_json(text, at)
    except RecursionError:
        raise JsonError("it is nested too deeply", text, at) from None
    except ValueError:
        reader = _Reader(text, at, whole)
        return reader.value(0), reader.at


class _Reader:
    """A place in a text that moves forward over JSON."""

    __slots__ = ("at", "text", "whole")

    def __init__(self, text: str, at: int, whole: bool) -> None:
        self.text = text
        self.at = at
        self.whole = whole

    def value(self, depth: int, after: re.Pattern[str] = _AFTER_VALUE) -> object:
        if depth > _MAX_DEPTH:
            raise self._error("it is nested too deeply")
        first = self._peek()
        if first == "{":
            return self._object(depth)
        if first == "[":
            return self._list(depth)
        if first in _PLAIN:
            return self._string(after)
        if number := _NUMBER.match(self.text, self.at):
            self.at = number.end()
            return float(number[0]) if set(number[0]) & set(".eE") else int(number[0])
        if word := _WORD.match(self.text, self.at):
            self.at = word.end()
            return _WORDS[word[0]]
        raise self._error('a value such as 5 or "text" was expected')

    def _object(self, depth: int) -> dict[str, object]:
        values: dict[str, object] = {}
        self.at += 1
        while not self._closed("}"):
            if self._peek() not in _PLAIN:
                raise self._error('a name in quotes was expected, as in {"action": …}')
            name = self._string(_AFTER_NAME)
            if name in values:
                raise self._error(f"the name {shown(name)} stands twice")
            if self._peek() != ":":
                raise self._error(f"':' was expected behind {shown(name)}")
            self.at += 1
            values[name] = self.value(depth + 1)
            self._comma("}")
        return values

    def _list(self, depth: int) -> list[object]:
        items: list[object] = []
        self.at += 1
        while not self._closed("]"):
            items.append(self.value(depth + 1, _AFTER_ITEM))
            self._comma("]")
        return items

    def _closed(self, bracket: str) -> bool:
        found = self._peek()
        if found == bracket:
            self.at += 1
            return True
        return self.whole and found == ""

    def _comma(self, bracket: str) -> None:
        found = self._peek()
        if found == ",":
            self.at += 1
        elif found != bracket and not (self.whole and found == ""):
            raise self._error(f"',' or '{bracket}' was expected")

    def _string(self, after: re.Pattern[str]) -> str:
        text, quote, start, pieces = self.text, self.text[self.at], self.at, list[str]()
        plain, at = _PLAIN[quote], self.at + 1
        while True:
            end = end_of(plain, text, at)
            pieces.append(text[at:end])
            if end == len(text):
                self.at = start
                raise self._error("a text is never closed")
            if text[end] == "\\":
                piece, at = _escape(text, end + 1)
                pieces.append(piece)
            elif after.match(text, end + 1):
                self.at = end + 1
                return "".join(pieces)
            else:
                pieces.append(quote)
                at = end + 1

    def _peek(self) -> str:
        self.at = end_of(_SPACE, self.text, self.at)
        return self.text[self.at : self.at + 1]

    def _error(self, message: str) -> JsonError:
        return JsonError(message, self.text, self.at)


def _escape(text: str, at: int) -> tuple[str, int]:
    """What the escape behind a backslash stands for, and where it ends."""
    if code := _UNICODE.match(text, at):
        return chr(int(code[1], 16)), code.end()
    after = text[at : at + 1]
    return _ESCAPES.get(after, "\\" + after), at + 1
