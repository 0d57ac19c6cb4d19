"""Lines of code as data: `pyautogui.click(x=0.3, y=0.6)` becomes a name and its literal arguments, and nothing is ever executed.

As in AgentNetBench's own extractor (xlang-ai/OpenCUA, evaluation/agentnetbench/agent/opencua.py: parse_response), lines that begin with
`pyautogui.` or `computer.` count; only when there are none, such a call anywhere in a line does. A line that cannot be read says nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MAX_CALL_CHARACTERS = 20_000  # of one call; what is longer is a model that ran away
MAX_NESTING = 8  # of brackets: calls with literal arguments need two

_HEAD = re.compile(r"(?:pyautogui|computer)\.(\w+)\s*\(")
_BETWEEN = re.compile(r"\s*;\s*")
# A text with quotes that the model forgot to escape: it ends at the last quote that an argument or the call's end can follow.
_LOOSE_TEXT = re.compile(
    r"\(\s*(?:message\s*=\s*|text\s*=\s*)?(['\"])(?P<text>.*)\1\s*(?:,\s*\w+\s*=[^'\"]*)?\)\s*;?\s*(?:```)?\s*$", re.DOTALL
)
_TYPING = ("write", "typewrite")


@dataclass(frozen=True, slots=True)
class CodeCall:
    """One call: the function's name without its module, and its arguments as Python literals."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def argument(self, name: str, position: int, default: Any = None) -> Any:
        """The argument called so, or the one at that position."""
        if name in self.kwargs:
            return self.kwargs[name]
        return self.args[position] if position < len(self.args) else default


def read_calls(text: str) -> list[CodeCall]:
    """The calls in `text`, in order; what is no such call is passed over."""
    lines = [line.strip() for line in text.split("\n")]
    found = [call for line in lines if line.startswith(("pyautogui.", "computer.")) for call in _calls_at(line, 0)]
    if found or any(line.startswith(("pyautogui.", "computer.")) for line in lines):
        return found
    return [call for line in lines if (head := _HEAD.search(line)) for call in _calls_at(line, head.start())]


def _calls_at(line: str, at: int) -> Iterator[CodeCall]:
    """The calls that follow each other in `line` from `at` on, apart by semicolons."""
    while head := _HEAD.match(line, at):
        end = _end_of_call(line, head.end())
        call = _literal_call(head[1], line[head.end() - 1 : end]) if end else None
        if call is None:
            call, end = _loose_call(head[1], line[head.end() - 1 :]), None
        if call is not None:
            yield call
        gap = _BETWEEN.match(line, end) if end else None
        if gap is None:
            return
        at = gap.end()


def _end_of_call(line: str, start: int) -> int | None:
    """Where the bracket that opened before `start` is closed, quotes minded; `None` when it is not."""
    depth, quote, at = 1, "", start
    while at < len(line) and at - start < MAX_CALL_CHARACTERS:
        char = line[at]
        if quote:
            at += 1 if char == "\\" else 0
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "([{":
            depth += 1
            if depth > MAX_NESTING:
                return None
        elif char in ")]}":
            depth -= 1
            if depth == 0:
                return at + 1
        at += 1
    return None


def _literal_call(name: str, arguments: str) -> CodeCall | None:
    """The call, `None` when an argument is more than a literal; `arguments` come with their brackets."""
    try:
        tree = ast.parse(f"_{arguments}", mode="eval").body
        if not isinstance(tree, ast.Call) or any(keyword.arg is None for keyword in tree.keywords):
            return None
        args = tuple(ast.literal_eval(each) for each in tree.args)
        return CodeCall(name, args, {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in tree.keywords})
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return None


def _loose_call(name: str, rest: str) -> CodeCall | None:
    """`write('it's fine')`: the text between the outer quotes."""
    loose = _LOOSE_TEXT.match(rest) if name in _TYPING and len(rest) <= MAX_CALL_CHARACTERS else None
    return CodeCall(name, (), {"message": loose["text"]}) if loose else None
