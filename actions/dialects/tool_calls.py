"""Tool calls in a text: `<tool_call>` blocks that hold JSON, or functions in tags, or the JSON alone; and the words before them.

    Action: Click the button.                        words are the thought
    <tool_call>
    {"name": "computer_use", "arguments": {…}}       or  <function=click><parameter=point>17 58</parameter></function>
    </tool_call>

Several blocks, and several calls in one, are several calls. Behind the first that counts, nothing but calls may stand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from actions.dialects.base import MAX_ACTIONS
from actions.dialects.calls import shown
from actions.dialects.function_tags import OPENING_FUNCTION, read_function
from actions.dialects.json_text import JsonError, decode_json, read_json
from actions.dialects.matching import end_of
from actions.dialects.thinking import NEVER_CLOSED, joined, split_thinking, without_tails

_OPENING = re.compile(r"<(?:seed:)?tool_call>", re.IGNORECASE)
_CLOSING = re.compile(r"\s*</(?:seed:)?tool_call>", re.IGNORECASE)
_USUAL_OPENING, _USUAL_CLOSING = "<tool_call>\n{", "</tool_call>"
_BETWEEN = re.compile(r"(?:\s|,|;|```(?:\w*))*")
_BARE = re.compile(
    r"""(?:\A|\n)[ \t]*(?:```\w*\s*)?(?:(?:Action|Tool|Call)[ \t]*[:：][ \t]*)?(?=\[?\s{0,8}\{)
      | (?P<mark>[.!?。！？:：])\s*(?:```\w*\s*)?(?=\{\s{0,8}["'])""",
    re.VERBOSE,
)
_CONCLUSION = ("<conclusion>", "</conclusion>")
_LABEL = re.compile(r"\s*(?:#{1,3}[ \t]*|\*\*)?(?:Thought|Action)\**[ \t]*[:：]\**")
_ACTION_LINE = re.compile(r"(?:\A|\n)[ \t]*Action[ \t]*[:：]")
_TAILS = ("```", "</answer>", "</action>")
_TRIES = 4  # how many places are tried as the first call: a limit, so that hostile texts take linear time
NO_CALL = 'there is no tool call: end with one such as <tool_call>{"name": …, "arguments": {…}}</tool_call>'


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call as the model wrote it: the tool or the word, its arguments, and its source for messages."""

    name: str
    arguments: Mapping[str, object]
    source: str


class ToolText(NamedTuple):
    """A text taken apart: its thought, and its calls or what kept them from being read."""

    thought: str
    calls: list[ToolCall]
    error: str | None = None


def read_tool_calls(text: str, missing: str = NO_CALL, *, padded: bool = False) -> ToolText:
    """The thought and the calls of `text`. Never raises. `missing` is the error where there is no call; `padded` says that the values
    between tags stand on lines of their own."""
    thinking, rest = split_thinking(text)
    if rest is None:
        return ToolText(thinking, [], NEVER_CLOSED)
    body, conclusion = without_tails(rest), ""
    if body.endswith(_CONCLUSION[1]):
        body, _, conclusion = body.removesuffix(_CONCLUSION[1]).rpartition(_CONCLUSION[0])
    body = without_tails(body, *_TAILS)
    error: JsonError | None = None
    starts = _starts(body)
    for words_end, start in starts:
        try:
            calls = _read_from(body, start, padded)
        except JsonError as wrong:
            error = max((error, wrong), key=lambda each: each.at) if error else wrong  # the one that got furthest
        else:
            return ToolText(joined(thinking, _words(body[:words_end]), conclusion), calls)
    words = body[: starts[0][0]] if starts else body
    return ToolText(joined(thinking, _words(words)), [], str(error) if error else missing)


def labelled(thought: str) -> str:
    """`thought` under the label that the families ask for: "Thought:" where an "Action:" line follows in it, else "Action:"."""
    if not thought:
        return ""
    return f"{'Thought' if _ACTION_LINE.search(thought) else 'Action'}: {thought}\n"


def _starts(body: str) -> list[tuple[int, int]]:
    """Where the words end and the calls may begin: at a tag, or where there is none, at JSON that begins a line."""
    tags = [tag.start() for tag in _OPENING.finditer(body)]
    if tags:
        return [(tag, tag) for tag in dict.fromkeys(tags[:_TRIES] + tags[-_TRIES:])]
    if functions := OPENING_FUNCTION.search(body):
        return [(functions.start(), functions.start())]
    bare = _BARE.search(body)
    return [(bare.end("mark") if bare["mark"] else bare.start(), bare.end())] if bare else []


def _read_from(body: str, at: int, padded: bool) -> list[ToolCall]:
    """The calls from `at` to the end of `body`, at least one."""
    calls: list[ToolCall] = []
    while at < len(body):
        if (usual := _read_usual(body, at)) is not None and len(calls) < MAX_ACTIONS:
            call, at = usual
            calls.append(call)
            continue
        opening = _OPENING.match(body, at)
        if not opening:
            at = _read_some(body, at, calls, padded, whole=False)
        else:
            closing = _closing(body, opening.end())
            inner = body[: closing.start()] if closing else body
            at = _read_some(inner, opening.end(), calls, padded, whole=closing is not None)
            if not closing and _OPENING.match(body, at):
                raise JsonError("the tool call before this one is never closed", body, at)
            if closing and at < len(inner):
                raise JsonError("a tool call was expected", inner, at)
            at = end_of(_BETWEEN, body, closing.end() if closing else at)
    if not calls:
        raise JsonError("the tool call is empty", body, at)
    return calls


def _read_usual(body: str, at: int) -> tuple[ToolCall, int] | None:
    """The call at `at` and where the next begins, where it is written as most are: an object alone in its tags, with no other tag in it.

    What is read here means the same to the reader of all forms, which costs twice the time.
    """
    if not body.startswith(_USUAL_OPENING, at):
        return None
    start, closing = at + len(_USUAL_OPENING) - 1, body.find("</", at)
    if closing < 0 or not body.startswith(_USUAL_CLOSING, closing):
        return None
    after = end_of(_BETWEEN, body, closing + len(_USUAL_CLOSING))
    if after < len(body) and not _OPENING.match(body, after):
        return None
    try:
        value, end = decode_json(body, start)
        return (_call_of(value, body, start, end), after) if body[end:closing].isspace() else None
    except (ValueError, RecursionError):
        return None


def _closing(body: str, at: int) -> re.Match[str] | None:
    """The tag that closes the block: the last before the next block that begins a line, since a typed text may hold tags."""
    first = _CLOSING.search(body, at)
    while first:
        rest = end_of(_BETWEEN, body, first.end())
        if rest == len(body) or _OPENING.match(body, rest):
            return first
        first = _CLOSING.search(body, first.end())
    return None


def _read_some(text: str, at: int, calls: list[ToolCall], padded: bool, whole: bool) -> int:
    """Read calls from `at` to the end of `text` or to the next block; returns where reading ended."""
    at = end_of(_BETWEEN, text, at)
    while at < len(text) and not _OPENING.match(text, at):
        start = at
        if OPENING_FUNCTION.match(text, at):
            name, arguments, at = read_function(text, at, padded=padded)
            calls.append(ToolCall(name, arguments, text[start:at]))
        else:
            value, at = read_json(text, at, whole=whole)
            for each in value if isinstance(value, list) else [value]:
                calls.append(_call_of(each, text, start, at))
        if len(calls) > MAX_ACTIONS:
            raise JsonError(f"there are more than {MAX_ACTIONS} actions: ask the model for fewer at a time", text, start)
        at = end_of(_BETWEEN, text, at)
    return at


def _call_of(value: object, text: str, start: int, end: int) -> ToolCall:
    """The call that a JSON object is: `{"name", "arguments"}`, or the arguments alone."""
    if not isinstance(value, dict):
        raise JsonError('a tool call must be an object, as in {"name": …, "arguments": {…}}', text, start)
    source = text[start : min(end, start + 120)]
    name, arguments = value.get("name"), value.get("arguments")
    if "arguments" not in value:
        arguments = next((value[key] for key in ("parameters", "input") if key in value), None)
    if not isinstance(name, str):
        return ToolCall("", value, source)
    if isinstance(arguments, str) and arguments.strip():
        arguments, _ = read_json(arguments.strip())
    if arguments in (None, ""):
        arguments = {key: each for key, each in value.items() if key not in ("name", "arguments", "parameters", "input", "type", "id")}
    if not isinstance(arguments, dict):
        raise JsonError(f"the arguments of {shown(name)} must be an object", text, start)
    return ToolCall(name, arguments, source)


def _words(text: str) -> str:
    """The words before the calls without their first label. Behind "Thought:" everything is thought."""
    label = _LABEL.match(text)
    return (text[label.end() :] if label else text).strip()
