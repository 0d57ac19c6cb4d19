"""How each model family writes thoughts and actions, found by name."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from actions.dialects.base import Dialect
from actions.resize import ImageRule

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["Dialect", "UnknownDialect", "dialect_names", "get_dialect"]

ENTRY_POINTS = "deftly.dialects"
_DIALECTS = {
    "uitars-1.0": "actions.dialects.uitars_1_0:UiTars10",
    "uitars-1.5": "actions.dialects.uitars_1_5:UiTars15",
}
_ALIASES = {
    "ui-tars-1.0": "uitars-1.0",
    "ui-tars-1.5": "uitars-1.5",
    "ui-tars-1.5-7b": "uitars-1.5",
    "uitars-1": "uitars-1.0",
    "uitars1.0": "uitars-1.0",
    "uitars1.5": "uitars-1.5",
}


class UnknownDialect(ValueError):
    """No dialect has that name; the message lists those that there are."""


def get_dialect(name: str, image_rule: ImageRule | None = None) -> Dialect:
    """The dialect called `name`; `image_rule` is the model's own, where it differs from its family's.

    Raises:
        UnknownDialect: no dialect of ours, or of an installed package, has that name.
    """
    wanted = name.strip().lower().replace("_", "-")
    wanted = _ALIASES.get(wanted, wanted)
    if wanted in _DIALECTS:
        module, _, attribute = _DIALECTS[wanted].partition(":")
        kind = getattr(import_module(module), attribute)
    else:
        others = _installed()
        if name not in others:
            raise UnknownDialect(f"no dialect is called {name!r}: there are {', '.join((*_DIALECTS, *others))}")
        kind = others[name].load()
    return cast(Dialect, kind(image_rule))


def dialect_names() -> tuple[str, ...]:
    """The names of our own dialects and of those that installed packages add."""
    return (*_DIALECTS, *_installed())


def _installed() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points  # costs more than all the rest of `actions`

    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}
