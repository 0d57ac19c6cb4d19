"""From the calls of a text to its actions, by a family's own reader: all of them, or an error that names the one that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from actions.coordinates import ModelSpace
from actions.dialects.calls import Call, shown
from actions.dialects.text_dialect import Read
from actions.space import Action

# Some words of some families stand for several actions in a row.
ReadAction = Callable[[Call, ModelSpace], Action | tuple[Action, ...]]


def read_each(thought: str, calls: Sequence[Call], space: ModelSpace, read_action: ReadAction) -> Read:
    """What `calls` mean, in order."""
    actions: list[Action] = []
    for index, call in enumerate(calls, start=1):
        try:
            read = read_action(call, space)
        except ValueError as error:
            which = f"action {index} of {len(calls)}, " if len(calls) > 1 else ""
            return Read(thought, error=f"{which}{shown(call.source, length=80)}: {error}")
        if isinstance(read, tuple):
            actions.extend(read)
        else:
            actions.append(read)
    return Read(thought, actions)
