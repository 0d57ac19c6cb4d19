"""How a UI-TARS text is laid out: which part is thought and which part is calls.

Thought: …            or  Reflection: … Action_Summary: …  or  <think>…</think>  or  <Thought>…</Thought>
Action: click(…)      what follows the last "Action:" counts, and all of it must be calls

drag(…)               further actions after a blank line
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from actions.dialects.calls import Call, CallError, read_calls
from actions.dialects.thinking import NEVER_CLOSED, joined, split_thinking, without_tails

_THOUGHT = re.compile(r"\s*\**Thought\**[ \t]*[:：]\**")
_SUMMARIES = re.compile(r"(?:\*\*)?\b(?:Thought|Reflection|Action_Summary)\**[ \t]*[:：]\**")
_IN_SUMMARIES = ("Thought", "Reflection", "Summary")  # finding these first takes a tenth of the time of the pattern
_TAGS = re.compile(r"</?(?:Output|answer|computer_env|think\w*|thought)>", re.IGNORECASE)
_LINE_MARK = re.compile(r"[ \t]*(?:[*#]+[ \t]*)?[Aa]ction\**[ \t]*[:：]\**")
_INLINE_MARK = re.compile(r"\bAction[ \t]*[:：]")
_FENCE = re.compile(r"\s*(?:```\w*)?")
_TAILS = ("```", "</Output>", "</answer>", "</computer_env>")
# Without "Action:", a call counts at the start of a line or behind a whole sentence; "I must not use finished()" is none.
_UNMARKED = re.compile(r"(?:\A|\n[ \t]*|[.!?]\s+|[。！？]\s*)(?=[A-Za-z_][\w.]*\s*\()")
# How many other places are tried where the obvious one is no call: a limit, so that hostile texts take linear time.
_TRIES = 4
_NO_ACTION = "there is no action: end with a line such as \"Action: click(point='<point>x y</point>')\""


class Said(NamedTuple):
    """A text taken apart: its thought, and its calls or what kept them from being read."""

    thought: str
    calls: list[Call]
    error: str | None = None


def read_layout(text: str) -> Said:
    """The thought and the calls of `text`. Never raises."""
    thinking, rest = split_thinking(text)
    if rest is None:
        return Said(thinking, [], NEVER_CLOSED)
    body = without_tails(rest, *_TAILS)
    found = _first_that_reads(body, _marks(body)) or _unmarked(body)
    if isinstance(found, CallError):
        mark = next(_marks(body), (len(body), len(body)))
        return Said(joined(thinking, _thought(body[: mark[0]])), [], str(found))
    start, calls = found
    return Said(joined(thinking, _thought(body[:start])), calls)


def _marks(text: str) -> Iterator[tuple[int, int]]:
    """Where "Action:" stands, the most likely place first.

    The last one at the start of a line comes first. The others matter when it lies within a typed text, or when it is
    followed by words and the real one comes on the same line. Reading must reach the end from wherever it starts, so
    trying them cannot make an action out of a thought.
    """
    last = _last_line_mark(text, len(text))
    if last:
        yield last
    inline = [found.span() for found in _INLINE_MARK.finditer(text)] if "Action" in text else []
    later = [mark for mark in inline if not last or mark[0] >= last[1]]
    yield from later[: -_TRIES - 1 : -1]
    if last:
        earlier = [mark for mark in inline if mark[1] < last[1]]
        yield from earlier[: -_TRIES - 1 : -1]


def _last_line_mark(text: str, end: int) -> tuple[int, int] | None:
    """The last "Action:" that begins a line; searched from behind, a line at a time."""
    while (word := text.rfind("ction", 0, end)) >= 0:
        line = text.rfind("\n", 0, word) + 1
        mark = _LINE_MARK.match(text, line)
        if mark:
            return mark.span()
        end = line
    return None


def _first_that_reads(text: str, marks: Iterable[tuple[int, int]]) -> tuple[int, list[Call]] | CallError | None:
    """The first mark behind which all is calls; without one the most telling error, `None` where there is no mark."""
    errors = []
    for start, end in marks:
        fence = _FENCE.match(text, end)
        try:
            return start, read_calls(text, fence.end() if fence else end)
        except CallError as error:
            errors.append(error)
    return max(errors, key=lambda error: error.at, default=None)  # the one that got furthest was the most like a call


def _unmarked(text: str) -> tuple[int, list[Call]] | CallError:
    """The calls that end the text, where no "Action:" says where they begin: the first thing like a call begins them.

    Beginning later, where that one cannot be read, would perform the rest of an answer without its beginning.
    """
    first = _UNMARKED.search(text)
    if not first:
        return CallError(_NO_ACTION, 0)
    try:
        return first.end(), read_calls(text, first.end())
    except CallError as error:
        return error


def _thought(text: str) -> str:
    """The words before the calls, without their labels. Behind "Thought:" everything is thought, tags and labels too."""
    label = _THOUGHT.match(text)
    if label:
        return text[label.end() :].strip()
    untagged = _TAGS.sub("", text)
    return joined(*_SUMMARIES.split(untagged)) if any(word in untagged for word in _IN_SUMMARIES) else untagged.strip()
