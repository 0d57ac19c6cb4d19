"""One public name: what it stands for, who published it, and how to load it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from plugins.errors import BrokenPlugin

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")

OURS = "deftly"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Generic[T]):
    """A `kind` of thing called `name`.

    `target` says where it is; `origin` who published it: `deftly`, a package and its version, or a folder.
    """

    kind: str
    name: str
    target: str
    origin: str
    loader: Callable[[], T] = field(compare=False, repr=False)

    @property
    def key(self) -> str:
        """The name as it is compared with others: case does not count, and `_` is `-`."""
        return key_of(self.name)

    def load(self) -> T:
        """The thing itself; whatever its modules import is imported now.

        Raises:
            BrokenPlugin: it cannot be loaded.
        """
        try:
            return self.loader()
        except Exception as error:  # a boundary: importing other people's modules can raise anything, and must not break the rest
            raise BrokenPlugin(f"{self} cannot be loaded: {type(error).__name__}: {error}") from error

    def __str__(self) -> str:
        return f"the {self.kind} {self.name!r} of {self.origin} ({self.target})"


def key_of(name: str) -> str:
    """`name` in the form in which names are compared."""
    return name.strip().lower().replace("_", "-")


def own_entry(kind: str, name: str, target: str) -> Entry[Any]:
    """One of Deftly's own things; `target` is `module:attribute`, or a module."""
    return Entry(kind=kind, name=name, target=target, origin=OURS, loader=lambda: _thing(target))


def installed_entries(kind: str, group: str) -> list[Entry[Any]]:
    """What installed packages publish in the entry-point `group`."""
    from importlib.metadata import entry_points  # 60 ms, more than all the rest of `actions`

    return [_installed_entry(kind, point) for point in sorted(entry_points(group=group), key=lambda point: (point.name, point.value))]


def _installed_entry(kind: str, point: EntryPoint) -> Entry[Any]:
    whose = f"{point.dist.name} {point.dist.version}" if point.dist is not None else "an unknown package"
    return Entry(kind=kind, name=point.name, target=point.value, origin=whose, loader=point.load)


def _thing(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute) if attribute else import_module(module)
