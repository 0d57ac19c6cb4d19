r"""Code as most models write it, read by one pattern an argument instead of by Python's parser, which takes half the time of a parse.

    pyautogui.click(x=966, y=546)                 a call a line, its names in ASCII, its arguments numbers, texts, None, True, False,
    pyautogui.write(message='it\'s\n')            or a flat list or tuple of those; positions before names
    Click(box=(376, 465))

Everything else is left to `actions.dialects.code_text`, and what is read here means the same there: a test compares both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from keyword import iskeyword

from actions.dialects.base import MAX_ACTIONS

Literal = object

_NUMBER = r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?"
# Control characters and lone surrogates are left to Python's parser, which ends lines at some of them and refuses others.
_STRING = "|".join(
    rf"{quote}[^{quote}\\\x00-\x1f\ud800-\udfff]*+(?:\\[ntr\\'\"][^{quote}\\\x00-\x1f\ud800-\udfff]*+)*+{quote}" for quote in "'\""
)
_ONE = rf"(?:{_NUMBER}|{_STRING}|None|True|False)"
_MANY = rf"\({_ONE}(?:, ?{_ONE})++\)|\[(?:{_ONE}(?:, ?{_ONE})*+)?\]"
_LITERAL = re.compile(_ONE)
_OPENING = re.compile(r"([A-Za-z]\w*)(?:\.([A-Za-z]\w*))?\(", re.ASCII)
_ARGUMENT = re.compile(rf"(?:([A-Za-z]\w*)=)?(?:({_ONE})|({_MANY}))(?:, ?(?!\))|(\) *)(?=\n|\Z))", re.ASCII)
_BACKSLASH = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", '"': '"'}
_WORDS: dict[str, Literal] = {"None": None, "True": True, "False": False}


@dataclass(frozen=True, slots=True)
class CodeCall:
    """One call as the model wrote it: its dotted name, its literal arguments, and its source for messages."""

    name: str
    args: tuple[Literal, ...]
    kwargs: dict[str, Literal]
    source: str


def read_usual_calls(code: str) -> list[CodeCall] | None:
    """The calls that make up the whole of `code`, `None` where it has another form."""
    code = code.strip()
    calls: list[CodeCall] = []
    at = 0
    while at < len(code):
        read = _read_call(code, at)
        if read is None or len(calls) == MAX_ACTIONS:
            return None
        call, end = read
        calls.append(call)
        at = end + 1
    return calls or None


def _read_call(code: str, start: int) -> tuple[CodeCall, int] | None:
    """The call at `start`, and where its line ends."""
    opening = _OPENING.match(code, start)
    if opening is None or iskeyword(opening[1]) or (opening[2] is not None and iskeyword(opening[2])):
        return None
    args: list[Literal] = []
    kwargs: dict[str, Literal] = {}
    at = opening.end()
    if code.startswith(")", at):
        end = at + 1
        return (CodeCall(opening[0][:-1], (), {}, code[start:end][:120]), end) if end == len(code) or code[end] == "\n" else None
    while argument := _ARGUMENT.match(code, at):
        name, one, many, closed = argument.groups()
        value = _value(one) if many is None else [_value(each) for each in _LITERAL.findall(many)]
        if name is None:
            if kwargs:
                return None
            args.append(value)
        elif name in kwargs or iskeyword(name):
            return None
        else:
            kwargs[name] = value
        at = argument.end()
        if closed is not None:
            return CodeCall(opening[0][:-1], tuple(args), kwargs, code[start:at][:120]), at
    return None


def _value(literal: str) -> Literal:
    first = literal[0]
    if first in "'\"":
        inner = literal[1:-1]
        return _BACKSLASH.sub(lambda found: _ESCAPES[found[1]], inner) if "\\" in inner else inner
    if first in "NTF":
        return _WORDS[literal]
    return float(literal) if "." in literal else int(literal)
