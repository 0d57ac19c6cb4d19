"""Which families there are: those that come with Deftly, the user's own files, and those of installed packages; found by every name.

One YAML file each: beside this module, in `~/.config/deftly/families`, or in a package that names itself in the entry-point group
`deftly.families` (the entry `mine = "my_package.families"` means the file `mine.yaml` in that package).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from types import ModuleType

from inference.families.spec import Family
from inference.families.strict import FamilyError, read_strict
from plugins.entry import OURS, Entry, key_of
from plugins.errors import PluginError, UnknownName
from plugins.registry import Registry

OWN = frozenset({"name", "about", "models", "aliases", "verified"})  # who a family is, which its heirs are not
SUFFIXES = (".yaml", ".yml")


def user_folder() -> Path:
    """Where a user's own families lie: `$XDG_CONFIG_HOME/deftly/families`, by default in `~/.config`."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "deftly" / "families"


def _files() -> Iterator[Entry[Path | ModuleType]]:
    yield from _entries_in(Path(__file__).parent, OURS)
    yield from _entries_in(user_folder(), str(user_folder()))


def _entries_in(folder: Path, origin: str) -> Iterator[Entry[Path | ModuleType]]:
    for path in sorted(folder.glob("*.yaml"), key=lambda path: path.stem):
        yield Entry(kind="family", name=path.stem, target=path.name, origin=origin, loader=lambda path=path: path)  # type: ignore[misc]


FAMILIES: Registry[Path | ModuleType] = Registry("family", group="deftly.families", more=_files, check=lambda entry: load_entry(entry))


def family_names() -> tuple[str, ...]:
    """Every family that `load_family` finds by its name, ours first."""
    return FAMILIES.names()


def load_family(name_or_path: str | Path) -> Family:
    """The family that has this name, alias or Hugging Face id, or the one in that file.

    Raises:
        FamilyError: no family has that name, the file is wrong, or two families claim the name.
    """
    name = str(name_or_path)
    if isinstance(name_or_path, Path) or name.endswith(SUFFIXES):
        return read_family(Path(name_or_path).expanduser())
    try:
        return load_entry(FAMILIES.find(name))
    except UnknownName as error:
        found = _by_alias(name)
        if found is None:
            raise FamilyError(f"{error}; or give the path of a .yaml file") from error
        return found
    except PluginError as error:
        raise error if isinstance(error, FamilyError) else FamilyError(str(error)) from error


def load_entry(entry: Entry[Path | ModuleType]) -> Family:
    """The family that `entry` publishes.

    Raises:
        FamilyError: its file is wrong, or tells another name.
    """
    path = _path_of(entry)
    family = read_family(path)
    if key_of(family.name) != entry.key:
        raise FamilyError(f"{path}: name is {family.name!r}: it must be {entry.name!r}, as it is published")
    return family


def read_family(path: Path) -> Family:
    """The family in the file at `path`.

    Raises:
        FamilyError: the file, or one that it has as its base, is wrong.
    """
    return read_strict(Family, path, find_base=lambda base: _find_base(base, path), own=OWN)


def family_of_model(model: str) -> Family | None:
    """The family that lists `model`, a Hugging Face id or the path of a folder called like one; `None` where none does."""
    return _by_alias(model) or _by_alias(Path(model).name)


def _find_base(base: str, heir: Path) -> Path:
    try:
        return _path_of(FAMILIES.find(base))
    except PluginError as error:
        raise FamilyError(f"{heir}: base: {error}") from error


def _path_of(entry: Entry[Path | ModuleType]) -> Path:
    thing = entry.load()
    if isinstance(thing, Path):
        return thing
    if not isinstance(thing, ModuleType):
        raise FamilyError(f"{entry} is {type(thing).__name__}: it must be a package that holds {entry.name}.yaml")
    path = Path(str(resources.files(thing))) / f"{entry.name}.yaml"
    if not path.is_file():
        raise FamilyError(f"{entry} cannot be loaded: {path} is missing")
    return path


def _by_alias(name: str) -> Family | None:
    """The family that has `name` among its aliases and models; a model is also known by its name without the organisation."""
    wanted, found = key_of(name), dict[str, Family]()
    for entry in FAMILIES.entries():
        try:
            family = load_entry(entry)
        except PluginError:
            continue  # a broken family is reported when it is asked for, and hides no other
        if wanted in further_names(family):
            found[family.name] = family
    if len(found) > 1:
        raise FamilyError(f"{name!r} is claimed by the families {' and '.join(sorted(found))}: use the name of one of them")
    return next(iter(found.values()), None)


def further_names(family: Family) -> frozenset[str]:
    """The keys by which `family` is found besides its own."""
    return frozenset(key_of(name) for name in (*family.aliases, *family.models, *(model.rpartition("/")[2] for model in family.models)))
