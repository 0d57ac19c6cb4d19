r"""Code in a text, read and never run: Python's own parser makes a tree, of which only calls with literal arguments are taken.

    ## Thought: …            words are the thought
    ## Action: …
    ## Code:
    ```python
    pyautogui.click(x=0.32, y=0.26)
    ```

What could make the parser slow or deep is refused before it sees the code: anything but calls, names, literals and brackets. Quotes in a
written text that were not escaped are mended where only one reading is possible.
"""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

from actions.dialects.base import MAX_ACTIONS
from actions.dialects.calls import shown
from actions.dialects.matching import end_of
from actions.dialects.thinking import NEVER_CLOSED, joined, split_thinking, without_tails
from actions.dialects.usual_code import CodeCall, Literal, read_usual_calls

MAX_CODE_CHARACTERS = 64 * 1024
_MAX_LINES = 2000
_CODE_LABEL = re.compile(r"(?:\A|\n)[ \t]*(?:#{1,3}[ \t]*|\*\*)?Code\**[ \t]*(?:[:：]\**|(?=\n))")
_FENCE = re.compile(r"(?:\A|\n)[ \t]*```\w*[ \t]*(?=\n)")
_BARE = re.compile(r"(?:(?:\A|\n)[ \t]*|\b(?:Action|Code)[ \t]*[:：][ \t]*)(?=import pyautogui\b|pyautogui\.|computer\.)")
_LEADING_FENCE = re.compile(r"\s*```\w*[ \t]*\n?")
_STEP = re.compile(r"\s*#[ \t]*Step[ \t]*\d*[ \t]*[:：]?[ \t]*\n")
_LABEL = re.compile(r"\s*(?:#{1,3}[ \t]*|\*\*)?(Observation|Thought|Action)\**[ \t]*(?:[:：]\**|(?=\n))")
# All that calls with literal arguments are made of. A text in quotes is one token; two signs in a row, or an operator, are none.
_STRING = r"""[rRuUbB]{0,2}(?:'''(?:[^'\\]|\\.|'(?!''))*'''|\"\"\"(?:[^"\\]|\\.|"(?!""))*\"\"\"|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")"""
_NAME = r"""(?!(?:not|lambda|if|else|and|or|is|in|for|await|yield|async)\b)[A-Za-z_]\w*+(?!['"])"""
_TOKENS = re.compile(rf"(?:\s+|\#[^\n]*|{_STRING}|{_NAME}|[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?!\w)|[.,=()\[\];])*+", re.DOTALL)
_RAW = re.compile(r"[^\w][rR]['\"]")
_BACKSLASH = re.compile(r"\\(.)", re.DOTALL)
_VALID_ESCAPES = frozenset("\n\\'\"abfnrtvx01234567NuU")
# A text to be written, whose quotes were not escaped; and what must follow its last quote.
_WRITE = re.compile(r"((?:\A|\n|;)[ \t]*(?:pyautogui\.)?(?:write|typewrite)\(\s*(?:(?:message|text)\s*=\s*)?)(['\"])")
_WRITTEN = {
    quote: re.compile(
        rf"{quote}\s*+(?:,\s*+interval\s*+=\s*+[\d.]{{1,12}}\s*+)?\)[ \t]*+(?=;|\Z|#|\n\s*(?:pyautogui|computer|time)\.|\s*\Z)"
    )
    for quote in "'\""
}
_ANOTHER = re.compile(r"[\n;)][ \t]*(?:pyautogui|computer)\.\w+\(")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", '"': '"'}
_IMPORTS = {"pyautogui", "time", "computer"}


class CodeText(NamedTuple):
    """A text taken apart: its thought, and its calls or what kept them from being read."""

    thought: str
    calls: list[CodeCall]
    error: str | None = None


class CodeError(ValueError):
    """Code that is no sequence of calls with literal arguments."""


def read_code(text: str) -> CodeText:
    """The thought and the calls of `text`. Never raises."""
    thinking, rest = split_thinking(text)
    if rest is None:
        return CodeText(thinking, [], NEVER_CLOSED)
    body = without_tails(rest)
    found = _split(body)
    if found is None:
        return CodeText(joined(thinking, _words(body)), [], "there is no code: end with a line such as pyautogui.click(x=0.5, y=0.5)")
    words, code = found
    thought = joined(thinking, _words(words))
    try:
        return CodeText(thought, read_calls(code))
    except CodeError as error:
        return CodeText(thought, [], str(error))


def _split(body: str) -> tuple[str, str] | None:
    """The words and the code: behind the last "Code:", else in the last fenced block, else from the first line of code on."""
    if label := _last_label(body):
        return body[: label.start()], _unfenced(body[label.end() :])
    fences = list(_FENCE.finditer(body.removesuffix("```"))) if body.endswith("```") else []
    if fences:
        return body[: fences[-1].start()], _unfenced(body[fences[-1].start() :])
    bare = _BARE.search(body)
    return (body[: bare.start()], body[bare.end() :]) if bare else None


def _last_label(body: str) -> re.Match[str] | None:
    """The last "Code:" that begins a line; searched from behind, a line at a time."""
    end = len(body)
    while (word := body.rfind("Code", 0, end)) >= 0:
        line = max(0, body.rfind("\n", 0, word))
        if label := _CODE_LABEL.match(body, line):
            return label
        end = line
    return None


def _unfenced(code: str) -> str:
    fence = _LEADING_FENCE.match(code)
    return without_tails(code[fence.end() :], "```") if fence else without_tails(code)


def _words(text: str) -> str:
    """The words before the code without the first label; later labels are a part of them."""
    step = _STEP.match(text)
    start = step.end() if step else 0
    label = _LABEL.match(text, start)
    return text[label.end() if label else start :].strip()


def read_calls(code: str) -> list[CodeCall]:
    """The calls that make up the whole of `code`.

    Raises:
        CodeError: something in it is no call with literal arguments.
    """
    if len(code) > MAX_CODE_CHARACTERS:
        raise CodeError(f"the code has {len(code)} characters: at most {MAX_CODE_CHARACTERS} are read")
    if usual := read_usual_calls(code):
        return usual
    return parse_calls(code)


def parse_calls(code: str) -> list[CodeCall]:
    """The calls that make up the whole of `code`, by Python's own parser.

    Raises:
        CodeError: something in it is no call with literal arguments.
    """
    if code.count("\n") > _MAX_LINES:
        raise CodeError(f"the code has more than {_MAX_LINES} lines: ask the model for fewer actions at a time")
    try:
        tree = _parse(code)
    except CodeError as error:
        mended = _mended(code)
        if mended is None:
            raise error
        tree = _parse(mended)
        code = mended
    statements = [statement for statement in tree.body if not _is_import(statement)]
    if not statements:
        raise CodeError("the code holds no action: write one such as pyautogui.click(x=0.5, y=0.5)")
    if len(statements) > MAX_ACTIONS:
        raise CodeError(f"there are more than {MAX_ACTIONS} actions: ask the model for fewer at a time")
    lines = code.strip().split("\n")  # Python also ends lines at a lone carriage return, so it may count more
    return [_call(statement, lines[min(statement.lineno, len(lines)) - 1][:120]) for statement in statements]


def _parse(code: str) -> ast.Module:
    end = end_of(_TOKENS, code)
    if end < len(code):
        raise CodeError(f"only calls with literal arguments are read, not {shown(code, end)}")
    if "\\" in code and not _RAW.search(code):  # "C:\dir": Python warns of such escapes, and keeps them as they are
        code = _BACKSLASH.sub(lambda found: found[0] if found[1] in _VALID_ESCAPES else "\\" + found[0], code)
    try:
        return ast.parse(code.strip())
    except (SyntaxError, ValueError) as error:
        raise CodeError(f"the code cannot be read: {error.args[0] if error.args else error}") from None
    except (RecursionError, MemoryError):
        raise CodeError("the code is nested too deeply") from None


def _mended(code: str) -> str | None:
    """`code` with the texts to be written in proper quotes, `None` where nothing was found to mend or it could mean two things."""
    pieces: list[str] = []
    at = 0
    while found := _WRITE.search(code, at):
        closing = _WRITTEN[found[2]].search(code, found.end())
        if not closing:
            return None
        text = code[found.end() : closing.start()]
        if _ANOTHER.search(text):
            return None
        pieces += [
            code[at : found.end(1)],
            repr(_BACKSLASH.sub(lambda each: _ESCAPES.get(each[1], each[0]), text)),
            code[closing.start() + 1 : closing.end()],
        ]
        at = closing.end()
    return "".join([*pieces, code[at:]]) if pieces else None


def _is_import(statement: ast.stmt) -> bool:
    """Whether the statement imports what the calls come from, which has no meaning here."""
    return isinstance(statement, ast.Import) and all(each.name in _IMPORTS and each.asname is None for each in statement.names)


def _call(statement: ast.stmt, source: str) -> CodeCall:
    """The call that the statement is; `source` is its first line, for messages."""
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        raise CodeError(f"{shown(source, length=80)} is no call such as pyautogui.click(x=0.5, y=0.5)")
    call = statement.value
    kwargs: dict[str, Literal] = {}
    for keyword in call.keywords:
        if keyword.arg is None or keyword.arg in kwargs:
            raise CodeError(f"{shown(source, length=80)} names an argument twice, or none")
        kwargs[keyword.arg] = _literal(keyword.value, source)
    return CodeCall(_dotted(call.func, source), tuple(_literal(each, source) for each in call.args), kwargs, source)


def _dotted(func: ast.expr, source: str) -> str:
    match func:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id=module), attr=name):
            return f"{module}.{name}"
    raise CodeError(f"{shown(source, length=80)} calls something other than pyautogui or computer")


def _literal(node: ast.expr, source: str) -> Literal:
    match node:
        case ast.Constant(value=str() | int() | float() | bool() | None as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.UnaryOp(op=ast.UAdd(), operand=ast.Constant(value=int() | float() as value)):
            return +value
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_literal(item, source) for item in items]
    raise CodeError(f"{shown(source, length=80)} has an argument that is no literal: write numbers and texts")
