"""The registry: a thing of some kind is published once, under one public name, and loaded when somebody asks for it.

    ours = {"uitars-1.5": "actions.dialects.uitars_1_5:UiTars15"}
    DIALECTS: Registry[type[Dialect]] = Registry("dialect", group="deftly.dialects", ours=ours)

    DIALECTS.get("uitars-1.5")           imports the module, and returns the class

    @DIALECTS.publish("shouting")        in a program of one's own
    class Shouting: ...

    [project.entry-points."deftly.dialects"]      in the pyproject.toml of a package of one's own
    shouting = "my_package.shouting:Shouting"

The idea of one public name apart from the module's path is TensorFlow's `tf_export`; other people's join by entry points, as in pytest.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Generic, TypeVar, cast

from plugins.entry import Entry, installed_entries, key_of, own_entry
from plugins.errors import NameClash, PluginError, UnknownName

T = TypeVar("T")
P = TypeVar("P")


class Registry(Generic[T]):
    """All things of one `kind`, ours and others', by public name.

    `ours` maps names to `module:attribute`; `group` is the entry-point group in which packages add theirs; `aliases` map further names to
    the names that they mean. `more` yields entries that come from elsewhere, such as files. `check` raises a
    `PluginError` where an entry cannot be used. `unknown` is raised where nothing has a name.
    """

    def __init__(
        self,
        kind: str,
        *,
        group: str,
        ours: Mapping[str, str] | None = None,
        aliases: Mapping[str, str] | None = None,
        more: Callable[[], Iterable[Entry[T]]] = tuple,
        check: Callable[[Entry[T]], object] = Entry.load,
        unknown: type[PluginError] = UnknownName,
    ) -> None:
        self.kind = kind
        self.group = group
        self._ours: list[Entry[T]] = [own_entry(kind, name, target) for name, target in (ours or {}).items()]
        self._aliases = {key_of(alias): key_of(name) for alias, name in (aliases or {}).items()}
        self._more = more
        self.check = check
        self._unknown = unknown
        self._published: dict[str, Entry[T]] = {}
        self._installed_on: dict[tuple[str, ...], tuple[Entry[T], ...]] = {}

    def get(self, name: str) -> T:
        """What is published under `name`, loaded.

        Raises:
            UnknownName: nothing is (or this registry's own kind of it).
            NameClash: two things are.
            BrokenPlugin: it cannot be loaded.
        """
        return self.find(name).load()

    def find(self, name: str) -> Entry[T]:
        """The entry called `name`, not loaded.

        Raises:
            UnknownName: there is none (or this registry's own kind of it).
            NameClash: there are two.
        """
        key = key_of(name)
        keys = {key, self._aliases.get(key, key)}
        found = [entry for entry in self.entries() if entry.key in keys]
        if not found:
            raise self._unknown(self._no_such(name))
        if len(found) > 1:
            raise NameClash(self._clash(found[0], found[1]))
        return found[0]

    def names(self) -> tuple[str, ...]:
        """Every name that `find` knows, ours first, each once."""
        return tuple({entry.key: entry.name for entry in self.entries()}.values())

    def entries(self) -> tuple[Entry[T], ...]:
        """Every entry: ours, those of installed packages, and those of this program. Two may have the same name: then `find` refuses it."""
        return (*self._ours, *self._more(), *self._installed(), *self._published.values())

    def aliases_of(self, entry: Entry[T]) -> tuple[str, ...]:
        """Further names by which `entry` is found."""
        return tuple(alias for alias, name in self._aliases.items() if name == entry.key)

    def publish(self, name: str) -> Callable[[P], P]:
        """Decorator: publishes a class or function of the running program as `name`.

        Raises:
            NameClash: the name is taken. Publishing the same thing again, as a notebook does, replaces it.
        """

        def decorate(thing: P) -> P:
            module, attribute = getattr(thing, "__module__", "?"), getattr(thing, "__qualname__", name)
            target, origin = f"{module}:{attribute}", f"the running program ({module})"
            entry: Entry[T] = Entry(kind=self.kind, name=name, target=target, origin=origin, loader=lambda: cast(T, thing))
            taken = [other for other in self.entries() if other.key == entry.key and other.target != entry.target]
            if taken or entry.key in self._aliases:
                raise NameClash(self._clash(taken[0] if taken else self.find(name), entry))
            self._published[entry.key] = entry
            return thing

        return decorate

    def _installed(self) -> tuple[Entry[T], ...]:
        """Looking through all packages takes milliseconds, so it is done once for each state of the path."""
        path = tuple(sys.path)
        if path not in self._installed_on:
            self._installed_on = {path: tuple(installed_entries(self.kind, self.group))}
        return self._installed_on[path]

    def _no_such(self, name: str) -> str:
        close = get_close_matches(key_of(name), [*(entry.key for entry in self.entries()), *self._aliases], n=1)
        meant = f"did you mean {self._aliases.get(close[0], close[0])}? Known" if close else "known"
        return f"no {self.kind} is called {name[:80]!r}: {meant} are {', '.join(self.names()) or 'none'}"

    def _clash(self, one: Entry[T], other: Entry[T]) -> str:
        return f"two things are published under one name: {one} and {other}. Remove one of them, or have it renamed"
