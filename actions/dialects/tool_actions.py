"""From tool calls to actions, by a family's own reader: all of them, or an error that names the one that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from actions.coordinates import ModelSpace
from actions.dialects.calls import shown
from actions.dialects.fields import Fields
from actions.dialects.text_dialect import Read
from actions.dialects.tool_calls import ToolCall
from actions.dialects.wire_words import is_wire, read_wire
from actions.geometry import Point
from actions.space import ACTION_TYPES, Action, ButtonDown, ButtonUp, Click, Drag, Move

# A reader appends to the actions that came before it, since what a word means may depend on where they left the pointer.
ReadWord = Callable[[Fields, list[Action]], None]


def read_each_tool(
    thought: str, calls: Sequence[ToolCall], space: ModelSpace, words: dict[str, ReadWord], word_fields: Sequence[str] = ("action",)
) -> Read:
    """What `calls` mean, in order. `words` maps the family's words to their readers; our own words stand in for those that it lacks."""
    actions: list[Action] = []
    for index, call in enumerate(calls, start=1):
        try:
            _read_one(call, space, words, word_fields, actions)
        except ValueError as error:
            which = f"action {index} of {len(calls)}, " if len(calls) > 1 else ""
            return Read(thought, error=f"{which}{shown(call.source, length=80)}: {error}")
    return Read(thought, actions)


def _read_one(call: ToolCall, space: ModelSpace, words: dict[str, ReadWord], word_fields: Sequence[str], actions: list[Action]) -> None:
    arguments = dict(call.arguments)
    named = next((name for name in word_fields if name in arguments), None)
    word = arguments.pop(named) if named else call.name
    if not isinstance(word, str) or not word:
        raise ValueError(f"it does not say which action: give {word_fields[0]!r}, one of {', '.join(words)}")
    word = word.strip()
    if word not in words and word.lower() in (*words, *ACTION_TYPES):
        word = word.lower()
    given, reader = Fields(word, arguments, space), words.get(word)
    if is_wire(given) or (reader is None and given.word in ACTION_TYPES):
        actions.append(read_wire(given))
        return
    if reader is None:
        raise ValueError(f"there is no action called {shown(word)}: use one of {', '.join(words)}")
    reader(given, actions)
    given.finish()


def pointer_after(actions: Sequence[Action]) -> Point | None:
    """Where `actions` leave the pointer, `None` where they do not say."""
    for action in reversed(actions):
        if isinstance(action, Drag):
            return action.path[-1]
        if isinstance(action, Click | Move | ButtonDown | ButtonUp) and action.point is not None:
            return action.point
    return None


def drag_from_pointer(end: Point, actions: list[Action]) -> None:
    """A drag to `end` from where the pointer is: a move that led there just before becomes its beginning."""
    if actions and isinstance(actions[-1], Move):
        start = actions.pop()
        assert isinstance(start, Move)
        actions.append(Drag(path=(start.point, end)))
    elif start_point := pointer_after(actions):
        actions.append(Drag(path=(start_point, end)))
    else:
        actions += [ButtonDown(), ButtonUp(point=end)]
