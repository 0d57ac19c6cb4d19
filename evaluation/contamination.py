"""What a model was trained on, as its card says, so that it is not evaluated on it by accident.

A model folder's README.md may say so in its YAML front matter:

    deftly:
      trained_on:
        - suite: miniwob
          tasks: [click-button, enter-text]      # what it knows; absent: any
          seeds: 1000000-1999999                 # inclusive ranges, apart by commas; absent: all
        - dataset: agentnetbench
          episodes: [s_7f27a11115e596eb]         # absent: all of them
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.errors import Contaminated

CARD = "README.md"
SHOWN = 5
_FRONT = re.compile(r"\A---\r?\n(.*?)\r?\n---\s*(?:\n|\Z)", re.DOTALL)
_RANGE = re.compile(r"(\d{1,18})(?:-(\d{1,18}))?")


class CardError(ValueError):
    """A model card says what it was trained on in a way that cannot be read; the message names the file and the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedOn:
    """One thing that a model was trained on: a live suite's tasks and seeds, or a data set's episodes. Empty means all of them."""

    suite: str = ""
    dataset: str = ""
    tasks: tuple[str, ...] = ()
    seeds: tuple[range, ...] = ()
    episodes: frozenset[str] = frozenset()


def read_card(model: Path | str | None) -> tuple[TrainedOn, ...]:
    """What the card in the folder `model` lists; nothing where there is no folder, no card or no list.

    Raises:
        CardError: the list cannot be read.
    """
    import yaml

    file = Path(model) / CARD if model else None
    if file is None or not file.is_file():
        return ()
    front = _FRONT.match(file.read_text(encoding="utf-8", errors="replace"))
    try:
        data = yaml.safe_load(front[1]) if front else None
    except yaml.YAMLError as error:
        raise CardError(f"{file}: its front matter is no YAML: {error}") from error
    ours = data.get("deftly") if isinstance(data, dict) else None
    listed = ours.get("trained_on", []) if isinstance(ours, dict) else []
    if not isinstance(listed, list):
        raise CardError(f"{file}: deftly.trained_on must be a list")
    return tuple(_read(entry, f"{file}: deftly.trained_on[{index}]") for index, entry in enumerate(listed))


def check_live(trained: Iterable[TrainedOn], suite: str, tasks: Collection[str], seeds: Sequence[int]) -> None:
    """Refuse seeds on which the model was trained.

    Raises:
        Contaminated: the message names them.
    """
    for entry in trained:
        shared = [task for task in tasks if not entry.tasks or task in entry.tasks]
        same = [seed for seed in seeds if not entry.seeds or any(seed in each for each in entry.seeds)]
        if entry.suite == suite and shared and same:
            raise Contaminated(
                f"the model's card says that it was trained on {_ranges(entry.seeds) or 'all'} (seeds) of {_some(shared)}, and "
                f"among those asked for are {_some(map(str, same))}: evaluate on others, or say --allow-trained"
            )


def check_recorded(trained: Iterable[TrainedOn], dataset: str, episodes: Collection[str]) -> None:
    """Refuse episodes on which the model was trained.

    Raises:
        Contaminated: the message names them.
    """
    for entry in trained:
        if entry.dataset != dataset:
            continue
        seen = [episode for episode in episodes if not entry.episodes or episode in entry.episodes]
        if seen:
            raise Contaminated(
                f"the model's card says that it was trained on {len(seen)} of the {len(episodes)} episodes here ({_some(seen)}): "
                f"evaluate on others, or say --allow-trained"
            )


def suite_tasks(trained: Iterable[TrainedOn], suite: str) -> list[str]:
    """The tasks of `suite` that the card names, which are those that the model can be expected to know."""
    return sorted({task for entry in trained if entry.suite == suite for task in entry.tasks})


def _read(entry: Any, path: str) -> TrainedOn:
    known = {"suite", "dataset", "tasks", "seeds", "episodes"}
    if not isinstance(entry, dict) or not (entry.get("suite") or entry.get("dataset")):
        raise CardError(f"{path} must be a mapping with a suite or a dataset")
    if strange := set(entry) - known:
        raise CardError(f"{path}.{min(map(str, strange))} is unknown: it takes {', '.join(sorted(known))}")
    return TrainedOn(
        suite=str(entry.get("suite", "")),
        dataset=str(entry.get("dataset", "")),
        tasks=tuple(_strings(entry.get("tasks"), f"{path}.tasks")),
        seeds=tuple(_seeds(entry.get("seeds"), f"{path}.seeds")),
        episodes=frozenset(_strings(entry.get("episodes"), f"{path}.episodes")),
    )


def _strings(value: Any, path: str) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise CardError(f"{path} must be a list of names")
    return list(value)


def _seeds(value: Any, path: str) -> list[range]:
    parts = [] if value is None else str(value).split(",")
    found = [_RANGE.fullmatch(part.strip()) for part in parts]
    if not all(found):
        raise CardError(f"{path} is {value!r}: give inclusive ranges such as 1000000-1999999, apart by commas")
    return [range(int(match[1]), int(match[2] or match[1]) + 1) for match in found if match]


def _ranges(seeds: Iterable[range]) -> str:
    return ", ".join(f"{each.start}-{each.stop - 1}" for each in seeds)


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return ", ".join(listed[:SHOWN]) + more
