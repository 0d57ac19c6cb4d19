"""Engines: chat requests in, text out. Ours by name, other people's by the entry-point group `deftly.engines`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from inference.engines.base import Engine

ENGINES: dict[str, str] = {
    "transformers": "inference.engines.transformers:TransformersEngine",
    "openai": "inference.engines.openai:OpenAIEngine",
    "scripted": "inference.engines.scripted:ScriptedEngine",
}
GROUP = "deftly.engines"


class UnknownEngine(ValueError):
    """No engine has that name, or it does not take that option."""


def engine_names() -> tuple[str, ...]:
    """Every engine that `open_engine` can open, ours first."""
    return (*ENGINES, *(point.name for point in _others() if point.name not in ENGINES))


def open_engine(name: str, /, **options: object) -> Engine:
    """The engine called `name`, started with `options`.

    Raises:
        UnknownEngine: no engine has that name, or an option is not one of its own.
        EngineError: the engine cannot start; the message says what to mend.
    """
    make = _find(name)
    known = inspect.signature(make).parameters
    for option in options:
        if option not in known:
            raise UnknownEngine(f"engine {name!r} has no option {option!r}: it takes {', '.join(known) or 'none'}")
    for option, parameter in known.items():
        if parameter.default is parameter.empty and option not in options:
            raise UnknownEngine(f"engine {name!r} needs the option {option!r}: give {option}=…")
    return make(**options)


def _find(name: str) -> Callable[..., Engine]:
    if name in ENGINES:
        module, _, attribute = ENGINES[name].partition(":")
        return cast("Callable[..., Engine]", getattr(import_module(module), attribute))
    for point in _others():
        if point.name == name:
            return cast("Callable[..., Engine]", point.load())
    raise UnknownEngine(f"no engine is called {name!r}: known are {', '.join(engine_names())}")


def _others() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))
