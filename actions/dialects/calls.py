r"""The call grammar that several dialects share, read by hand in one pass and written back.

    calls   = call { blank call }               blank: white space or ";"
    call    = name "(" [ arg { "," arg } ] ")"
    arg     = name "=" value
    value   = quoted | bare                     bare: a number, a word, (x,y), [x,y], <point>…</point>, box tokens

Inside quotes \n \r \t \\ \' \" are escapes and any other backslash is itself. Models forget to escape, so a raw newline is
text, and a quote ends its text only where the call can go on behind it: before `, name=` or `)` and then another call or the end.
What could be read in two ways is an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from actions.dialects.base import MAX_ACTIONS
from actions.dialects.matching import end_of

_BLANK = re.compile(r"[\s;]*")
_OPENING = re.compile(r"([A-Za-z_][\w.]*)\s*\(\s*")
_ARGUMENT = re.compile(r"([A-Za-z_]\w*)\s*=\s*")
_COMMA = re.compile(r"\s*,\s*")
_END = re.compile(r"\s*\)")
# An argument as most are written, with its comma or the call's end: in quotes, without quotes or backslashes inside.
_USUAL = re.compile(
    r"""([A-Za-z_]\w*)\s*=\s*(?:'([^'\\]*)'|"([^"\\]*)")
        (?:\s*,\s*(?=[A-Za-z_]\w*\s*=|\)) | \s*(\))(?=\s*(?:;|\Z|[A-Za-z_][\w.]*\s*\()))""",
    re.VERBOSE,
)
_BARE = re.compile(
    r"""<\|box_start\|>[^'"<>]*<\|box_end\|> | <point>[^'"<>]*</point> | <bbox>[^'"<>]*</bbox>
      | \([^()'"]*\) | \[[^\[\]'"]*\] | [\w.+-]+""",
    re.VERBOSE,
)
_PLAIN = {quote: re.compile(rf"[^\\{quote}]*") for quote in "'\""}
_AFTER_QUOTE = re.compile(r"\s*(?:,\s*(?:[A-Za-z_]\w*\s*=|\))|\)\s*(?:;|\Z|[A-Za-z_][\w.]*\s*\())")
# A text with quotes that were not escaped, and this in it, is rather a text that was never closed, with an action behind it.
_SWALLOWED = re.compile(r"""[\n\r;)][ \t]*[A-Za-z_]\w*\(\s*[A-Za-z_]\w*\s*=\s*['"]""")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", '"': '"'}
_ESCAPED = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


@dataclass(frozen=True, slots=True)
class Call:
    """One call as the model wrote it: its name, its arguments as texts, and its source for messages."""

    name: str
    args: Mapping[str, str]
    source: str


class CallError(ValueError):
    """Text that is no call; `at` is the character where reading stopped."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


def shown(text: str, at: int = 0, length: int = 48) -> str:
    """A short piece of `text` for a message, with what is not printable escaped."""
    piece = text[at : at + length + 1]
    return repr(piece if len(piece) <= length else piece[:length] + "…")


def read_calls(text: str, at: int = 0) -> list[Call]:
    """The calls that make up the whole of `text` from `at` on, at least one.

    Raises:
        CallError: something there is no call.
    """
    reader, calls = _Reader(text, at), list[Call]()
    while not calls or reader.more():
        if len(calls) == MAX_ACTIONS:
            raise CallError(f"there are more than {MAX_ACTIONS} actions: ask the model for fewer at a time", reader.at)
        calls.append(reader.call())
    return calls


def write_call(name: str, **args: str) -> str:
    """The call as text: one that `read_calls` reads back, whatever the arguments hold."""
    inner = ", ".join(f"{key}='{value.translate(_ESCAPED)}'" for key, value in args.items())
    return f"{name}({inner})"


class _Reader:
    """A place in a text that moves forward over calls."""

    __slots__ = ("at", "text")

    def __init__(self, text: str, at: int) -> None:
        self.text = text
        self.at = at
        self.more()

    def more(self) -> bool:
        """Skip what may stand between calls; whether anything is left."""
        self._skip(_BLANK)
        return self.at < len(self.text)

    def call(self) -> Call:
        start = self.at
        opening = self._skip(_OPENING)
        if not opening:
            raise self._error("an action such as click(…) was expected here")
        name, args = opening[1], dict[str, str]()
        while (usual := _USUAL.match(self.text, self.at)) and usual[1] not in args:
            self.at = usual.end()
            args[usual[1]] = usual[3] if usual[2] is None else usual[2]
            if usual[4]:
                return Call(name, args, self.text[start : self.at])
        while not self._skip(_END):
            key = self._skip(_ARGUMENT)
            if not key:
                raise self._error(f"{shown(name)} needs its arguments written as name='…' and closed with ')'")
            if key[1] in args:
                raise self._error(f"{shown(name)} names {shown(key[1])} twice")
            args[key[1]] = self._value(key[1])
            if not self._skip(_COMMA) and not _END.match(self.text, self.at):
                raise self._error(f"{shown(name)} is never closed: after {shown(key[1])} a ',' or ')' was expected")
        return Call(name, args, self.text[start : self.at])

    def _value(self, key: str) -> str:
        if self.text[self.at : self.at + 1] in _PLAIN:
            return self._quoted(key)
        bare = self._skip(_BARE)
        if not bare:
            raise self._error(f"{shown(key)} has no value: put it in quotes")
        return bare[0]

    def _quoted(self, key: str) -> str:
        text, quote, pieces, loose = self.text, self.text[self.at], list[str](), False
        plain, at = _PLAIN[quote], self.at + 1
        while True:
            end = end_of(plain, text, at)
            pieces.append(text[at:end])
            if end == len(text):
                raise self._error(f"the text of {shown(key)} is never closed: end it with {quote}")
            if text[end] == "\\":
                after = text[end + 1 : end + 2]
                pieces.append(_ESCAPES.get(after, "\\" + after))
                at = end + 2
            elif _AFTER_QUOTE.match(text, end + 1):
                if loose and _SWALLOWED.search(text, self.at, end):
                    raise self._error(f"the text of {shown(key)} holds what looks like another action: write {quote} in it as \\{quote}")
                self.at = end + 1
                return "".join(pieces)
            else:
                loose = True
                pieces.append(quote)
                at = end + 1

    def _skip(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def _error(self, message: str) -> CallError:
        where = shown(self.text, self.at) if self.at < len(self.text) else "the end of the text"
        return CallError(f"{message}, at {where}", self.at)
