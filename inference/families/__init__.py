"""Families: all that a model family needs besides its weights, as data. One YAML file each, beside this module or anywhere on disk."""

from __future__ import annotations

import math
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from string import Formatter
from typing import Literal

from inference.families.strict import FamilyError, read_strict

__all__ = ["Coordinates", "Family", "FamilyError", "History", "ImageSpec", "Prompt", "Sampling", "family_names", "load_family"]

Coordinates = Literal["resized", "relative-1000", "fraction", "sent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSpec:
    """The image as the model sees it: both sides multiples of `factor`, and between `min_pixels` and `max_pixels` in all."""

    factor: int
    min_pixels: int
    max_pixels: int

    def __post_init__(self) -> None:
        if self.factor < 1:
            raise ValueError(f"image.factor is {self.factor}: it must be 1 or more")
        if self.min_pixels < 1:
            raise ValueError(f"image.min_pixels is {self.min_pixels}: it must be 1 or more")
        if self.max_pixels < max(self.min_pixels, self.factor**2):
            raise ValueError(f"image.max_pixels is {self.max_pixels}: it must be at least min_pixels and factor squared")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What is said to the model. `user` is a template with `{task}` and, where the history is told in it, `{history}`.

    `order` says whether the screenshot or the text of `user` is read first. Where the history is a conversation
    (`history.text: responses`), text-first means that `user` is a message of its own that opens the conversation, and every
    screenshot is a message after it.
    """

    user: str
    system: str | None = None
    order: Literal["image-first", "text-first"] = "text-first"

    def __post_init__(self) -> None:
        try:
            fields = {name for _, name, _, _ in Formatter().parse(self.user) if name is not None}
        except ValueError as error:
            raise ValueError(f"prompt.user has a stray brace ({error}): write {{{{ and }}}} for braces that are meant") from error
        if fields - {"task", "history"}:
            raise ValueError(f"prompt.user has {{{min(fields - {'task', 'history'})}}}: only {{task}} and {{history}} are filled in")
        if "task" not in fields:
            raise ValueError("prompt.user lacks {task}: the model would not be told what to do")


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """How earlier steps are shown.

    `images` screenshots at most, the current one included; `None` for all, so that the context only grows and its cache stays valid.
    `text: thoughts` tells earlier steps by their thoughts in the prompt's `{history}`; `text: responses` replays the model's own words as
    assistant messages. `max_steps` steps at most are told, `None` for all.
    """

    images: int | None
    text: Literal["thoughts", "responses"]
    max_steps: int | None = None

    def __post_init__(self) -> None:
        if self.images is not None and self.images < 1:
            raise ValueError(f"history.images is {self.images}: it must be 1 or more, the current screenshot is always shown")
        if self.max_steps is not None and self.max_steps < 0:
            raise ValueError(f"history.max_steps is {self.max_steps}: it must be 0 or more, or null for all steps")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the answer is drawn; the names are those of `ChatRequest`, and of vLLM."""

    max_tokens: int = 512
    temperature: float = 0.0
    top_p: float = 1.0
    frequency_penalty: float = 0.0
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ValueError(f"sampling.max_tokens is {self.max_tokens}: it must be 1 or more")
        if not math.isfinite(self.temperature) or self.temperature < 0:
            raise ValueError(f"sampling.temperature is {self.temperature}: it must be 0 (greedy) or more")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"sampling.top_p is {self.top_p}: it must be above 0 and at most 1")
        if not -2 <= self.frequency_penalty <= 2:
            raise ValueError(f"sampling.frequency_penalty is {self.frequency_penalty}: it must be from -2 to 2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A model family: `dialect` names how it writes actions, `coordinates` the space in which it writes places."""

    name: str
    dialect: str
    image: ImageSpec
    coordinates: Coordinates
    prompt: Prompt
    history: History
    sampling: Sampling = Sampling()

    def __post_init__(self) -> None:
        if "{history}" in self.prompt.user and self.history.text == "responses":
            raise ValueError("prompt.user has {history}, but history.text is responses: the history would be told twice")


def family_names() -> tuple[str, ...]:
    """The families that come with Deftly."""
    return tuple(sorted(path.stem for path in Path(__file__).parent.glob("*.yaml")))


def load_family(name_or_path: str | Path) -> Family:
    """The family called so, or the one in that file.

    Raises:
        FamilyError: no family has that name, or the file is wrong.
    """
    name = str(name_or_path)
    if name in family_names():
        return read_strict(Family, Path(__file__).parent / f"{name}.yaml")
    if isinstance(name_or_path, Path) or name.endswith((".yaml", ".yml")) or "/" in name:
        return read_strict(Family, Path(name_or_path).expanduser())
    close = get_close_matches(name.lower().replace("ui-tars", "uitars"), family_names(), n=1)
    meant = f" Did you mean {close[0]}?" if close else ""
    raise FamilyError(f"no family is called {name!r}.{meant} Known are {', '.join(family_names())}; or give the path of a .yaml file")
