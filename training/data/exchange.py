"""One thing to learn: what the model is shown, and what it is to answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from inference.engines.base import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """`messages` as the agent would send them, and the `answer` to them.

    `source` is the file or folder it comes from, `name` says which part of it. Exchanges with one `thread` come after each other, and
    where each only goes on from the one before, they become one sample. `restart` is the message at which a conversation that is too
    long may begin anew (after its system message); `None` where what stands before belongs to the question.
    """

    source: str
    name: str
    thread: str
    messages: tuple[Message, ...]
    answer: str
    restart: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that cannot be learnt from: where it is, and what is wrong with it."""

    source: str
    name: str
    what: str

    def __str__(self) -> str:
        return f"{self.source}{', ' if self.name else ''}{self.name}: {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Something that is sound and is left out on purpose."""

    source: str
    name: str
    why: str


Item: TypeAlias = Exchange | Problem | LeftOut
Items: TypeAlias = Iterator[Item]
