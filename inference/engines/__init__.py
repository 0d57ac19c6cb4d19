"""Engines: chat requests in, text out. Ours by name, other people's by the entry-point group `deftly.engines`."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from inference.engines.base import Engine
from plugins.errors import UnknownName
from plugins.registry import Registry


class UnknownEngine(UnknownName):
    """No engine has that name, or it does not take that option."""


ENGINES: Registry[Callable[..., Engine]] = Registry(
    "engine",
    group="deftly.engines",
    ours={
        "transformers": "inference.engines.transformers:TransformersEngine",
        "openai": "inference.engines.openai:OpenAIEngine",
        "scripted": "inference.engines.scripted:ScriptedEngine",
    },
    unknown=UnknownEngine,
)


def engine_names() -> tuple[str, ...]:
    """Every engine that `open_engine` can open, ours first."""
    return ENGINES.names()


def open_engine(name: str, /, **options: object) -> Engine:
    """The engine called `name`, started with `options`.

    Raises:
        UnknownEngine: no engine has that name, or an option is not one of its own.
        PluginError: an installed package's engine of that name is broken, or there are two.
        EngineError: the engine cannot start; the message says what to mend.
    """
    make = ENGINES.get(name)
    known = inspect.signature(make).parameters
    for option in options:
        if option not in known:
            raise UnknownEngine(f"engine {name!r} has no option {option!r}: it takes {', '.join(known) or 'none'}")
    for option, parameter in known.items():
        if parameter.default is parameter.empty and option not in options:
            raise UnknownEngine(f"engine {name!r} needs the option {option!r}: give {option}=…")
    return make(**options)
