"""Whether a checkpoint is of the architecture that a family is for: with another, pictures and places would silently be read wrongly."""

from __future__ import annotations

import json
from pathlib import Path

from inference.families.catalogue import FAMILIES, load_entry
from inference.families.spec import Family
from plugins.errors import PluginError


class WrongFamily(ValueError):
    """The checkpoint is of another architecture than the family; the message names both, and the families that fit."""


def check_model_fits(model: str | Path, family: Family) -> None:
    """Compare the `model_type` in the folder `model` with what `family` is for; what is no folder here, and a family that names no
    architecture, go unchecked. A mixture of experts fits where the dense model of its name does.

    Raises:
        WrongFamily: they do not fit together.
    """
    kind = _kind_of(Path(model).expanduser())
    if kind is None or fits(kind, family):
        return
    fitting = families_for(kind)
    mend = f"give --family {' or '.join(fitting)}" if fitting else "no family here is for such models"
    raise WrongFamily(
        f"{model} holds a {kind} model (model_type in its config.json), and the family {family.name} is for {family.architecture}: {mend}, "
        f"or a family of your own with architecture: {kind} (docs/families.md)"
    )


def fits(kind: str, family: Family) -> bool:
    """Whether models whose `model_type` is `kind` can be asked in the way of `family`."""
    return family.architecture in ("", kind, kind.removesuffix("_moe"))


def families_for(kind: str) -> list[str]:
    """The families whose architecture is that of `kind`."""
    found = []
    for entry in FAMILIES.entries():
        try:
            family = load_entry(entry)
        except PluginError:
            continue  # a broken family is reported when it is asked for
        if family.architecture and fits(kind, family):
            found.append(family.name)
    return found


def _kind_of(folder: Path) -> str | None:
    file = folder / "config.json"
    if not file.is_file():
        return None
    try:
        kind = json.loads(file.read_text(encoding="utf-8")).get("model_type")
    except (ValueError, AttributeError):
        return None  # no configuration: whoever opens the model says so
    return kind if isinstance(kind, str) else None
