"""Answers as the APIs of Anthropic and OpenAI return them: items in JSON, some of which are words and some calls.

    [{"type": "text", "text": "…"}, {"type": "tool_use", "name": "computer", "input": {"action": …}}]
    {"output": [{"type": "reasoning", "summary": […]}, {"type": "computer_call", "action": {"type": …}}]}

Also an action alone, one a line, or words with an action behind them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from actions.dialects.json_text import JsonError, read_json
from actions.dialects.thinking import joined, without_tails
from actions.dialects.tool_calls import ToolCall, ToolText, read_tool_calls

_LISTS = ("content", "output", "summary")
_WORDS = ("text", "output_text", "summary_text", "reasoning_text", "thinking", "message", "reasoning")
_MAX_DEPTH = 5


def read_items(text: str, missing: str) -> ToolText:
    """The thought and the calls of `text`. Never raises. `missing` is the error where there is no call."""
    body = without_tails(text, "```").strip().removeprefix("```json").removeprefix("```").strip()
    if body.startswith(("{", "[")):
        try:
            value, end = read_json(body)
        except JsonError:
            end = -1
        if end == len(body):
            return _from_items(value, missing)
    said = read_tool_calls(text, missing)
    calls = [each for call in said.calls for each in _unwrapped(call)]
    return said._replace(calls=calls)


def _from_items(value: object, missing: str) -> ToolText:
    words: list[str] = []
    calls: list[ToolCall] = []
    for item in _flat(value, 0):
        if isinstance(item, str):
            words.append(item)
        else:
            calls.append(item)
    return ToolText(joined(*words), calls, None if calls else missing)


def _flat(value: object, depth: int) -> Iterator[str | ToolCall]:
    """The words and the calls in `value`, in order."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, list):
        for each in value:
            yield from _flat(each, depth + 1)
    elif isinstance(value, Mapping):
        inner = next((value[name] for name in _LISTS if isinstance(value.get(name), list)), None)
        if inner is not None:
            yield from _flat(inner, depth + 1)
        elif value.get("type") in _WORDS and not _is_action(value):
            yield str(next((value[name] for name in ("text", "thinking", "content") if isinstance(value.get(name), str)), ""))
        else:
            yield from _calls_of(value)


def _is_action(value: Mapping[str, object]) -> bool:
    return "action" in value or "input" in value


def _calls_of(value: Mapping[str, object]) -> Iterator[ToolCall]:
    """The calls of one item: `tool_use`, `computer_call` with one action or several, or an action alone."""
    source = repr(value)[:120] if len(value) < 12 else "an item"
    several = value.get("actions")
    if isinstance(several, list):
        for each in several:
            yield from _calls_of(each) if isinstance(each, Mapping) else [ToolCall("", {"action": each}, source)]
    elif isinstance(value.get("action"), Mapping):
        yield from _calls_of(value["action"])  # type: ignore[arg-type] # it was just seen to be one
    elif isinstance(value.get("input"), Mapping):
        yield ToolCall(str(value.get("name", "")), value["input"], source)  # type: ignore[arg-type] # likewise
    else:
        yield ToolCall("", value, source)


def _unwrapped(call: ToolCall) -> list[ToolCall]:
    if isinstance(call.arguments.get("action"), Mapping) or isinstance(call.arguments.get("actions"), list):
        return list(_calls_of(call.arguments))
    return [call]
