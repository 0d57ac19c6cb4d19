"""Conversations as exchanges: UI-TARS's form (roles, parts and a `loss_mask` a message) and the ShareGPT forms (`<image>` in the text)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np

from actions.dialects import get_dialect
from actions.geometry import Frame, Size
from actions.space import Prediction
from agent.context import answer_text, dialect_of
from agent.screenshot import Screenshot
from agent.templates import filled
from inference.engines.base import Message, Role
from inference.families import Family
from training.data.episodes import screen_of
from training.data.exchange import Exchange, Item, Items, Problem

ROLES: dict[str, Role] = {"system": "system", "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant"}
TASK = re.compile(r"## User Instruction\s*\n(.*)", re.DOTALL)
Turn = tuple[Message, bool]  # and whether it is learnt
BLANK = np.zeros((1000, 1000, 3), np.uint8)
UNSEEN = Frame(screen=Size(1000, 1000))  # of an earlier answer whose screen is no longer shown


def read_uitars(file: Path, family: Family, *, images: Path | None = None, dialect: str | None = None) -> Items:
    """The conversations in `file`, a JSON array or a conversation a line; pictures are named by their path from `images`, or from `file`.

    Their words are kept, and every answer that is learnt must be one that `family` reads. With `dialect`, answers are in that dialect:
    they are put into `family`'s, and the prompt becomes `family`'s prompt for the same task.
    """
    base = images or file.parent
    for source, row in _rows(file):
        try:
            turns = [_uitars_turn(message, base) for message in cast("Sequence[Mapping[str, Any]]", row)]
            turns = _translated(turns, family, dialect) if dialect else turns
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            yield Problem(source=source, name="", what=_words(error))
            continue
        yield from _checked(_exchanges(turns, source, splits=False), family)


def read_sharegpt(file: Path, family: Family, *, images: Path | None = None) -> Items:
    """The conversations in `file`: `conversations` of `from` and `value`, or `messages` of `role` and `content`, pictures in `images`.

    Every answer is learnt. Answers need not be actions; those that look like actions of `family` must be readable ones.
    """
    base = images or file.parent
    for source, row in _rows(file):
        try:
            turns = _sharegpt_turns(cast("Mapping[str, Any]", row), base)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            yield Problem(source=source, name="", what=_words(error))
            continue
        yield from _checked(_exchanges(turns, source, splits=True), family, only_actions=True)


def _exchanges(turns: Sequence[Turn], source: str, *, splits: bool) -> Items:
    learnt = [number for number, (message, learn) in enumerate(turns) if learn and message.role == "assistant"]
    if not learnt:
        yield Problem(source=source, name="", what="the conversation has no answer to learn")
    messages = tuple(message for message, _ in turns)
    for number in learnt:
        asked = next((at for at in range(number, 0, -1) if messages[at - 1].role != "user"), 0)
        yield Exchange(
            source=source,
            name=f"message {number + 1}",
            thread=source,
            messages=messages[:number],
            answer=_text(messages[number]),
            restart=asked if splits else None,
        )


def _checked(items: Items, family: Family, *, only_actions: bool = False) -> Items:
    """`items`, with a problem in the place of an answer that `family` cannot read, such as one whose place lies outside the screen."""
    for item in items:
        yield _check(item, family, only_actions) if isinstance(item, Exchange) else item


def _check(item: Exchange, family: Family, only_actions: bool) -> Item:
    seen = _last_screen(item.messages)
    if seen is None or (only_actions and "Action:" not in item.answer):
        return item
    read = dialect_of(family).parse(item.answer, Frame(screen=seen.size))
    return item if read.error is None else Problem(source=item.source, name=item.name, what=read.error)


def _translated(turns: Sequence[Turn], family: Family, dialect: str) -> list[Turn]:
    """Answers from `dialect` into `family`'s, and the prompt of its task into `family`'s prompt."""
    if family.history.text != "responses":
        raise ValueError(
            f"{family.name} tells its history in the prompt, which cannot be made from a conversation: leave --from-dialect out"
        )
    theirs = get_dialect(dialect)
    result: list[Turn] = []
    seen: Screenshot | None = None
    for message, learn in turns:
        seen = _last_screen([message]) or seen
        if message.role == "assistant":
            frame = Frame(screen=seen.size) if seen else UNSEEN
            result.append((_put(message, theirs.parse(_text(message), frame), family, frame), learn))
        else:
            parts = tuple(_prompt(part, seen, family) if isinstance(part, str) else part for part in message.content)
            result.append((Message(role=message.role, content=parts), learn))
    return result


def _put(message: Message, read: Prediction, family: Family, frame: Frame) -> Message:
    if read.error is not None:
        raise ValueError(read.error)
    return Message(role=message.role, content=(answer_text(read, family, frame),))


def _prompt(text: str, seen: Screenshot | None, family: Family) -> str:
    found = TASK.search(text)
    if found is None:
        return text
    prompt = filled(family.prompt.user, found[1].strip(), seen or Screenshot.from_rgb(BLANK), family)
    if prompt is None:
        raise ValueError(f"{family.name} has no prompt.user that the task could be put into: leave --from-dialect out")
    return prompt


def _uitars_turn(message: Mapping[str, Any], base: Path) -> Turn:
    content = message["content"]
    parts = [content] if isinstance(content, str) else [_part(part, base) for part in content]
    return Message(role=_role(message["role"]), content=tuple(parts)), bool(message.get("loss_mask", 0))


def _part(part: Mapping[str, Any], base: Path) -> str | Screenshot:
    if part["type"] == "text":
        return str(part["text"])
    return screen_of(base / str(part["image"]))


def _sharegpt_turns(row: Mapping[str, Any], base: Path) -> list[Turn]:
    named = row.get("images", row.get("image", []))
    pictures = iter([named] if isinstance(named, str) else named)
    turns: list[Turn] = []
    if row.get("system"):
        turns.append((Message(role="system", content=(str(row["system"]),)), False))
    for message in row["conversations"] if "conversations" in row else row["messages"]:
        role = _role(message.get("from", message.get("role")))
        text = str(message.get("value", message.get("content")))
        turns.append((Message(role=role, content=tuple(_split(text, pictures, base))), role == "assistant"))
    if unused := len(list(pictures)):
        raise ValueError(f"{unused} pictures have no <image> in the text")
    return turns


def _split(text: str, pictures: Iterator[str], base: Path) -> list[str | Screenshot]:
    """Text and pictures in reading order; a line break between the two belongs to neither."""
    texts = text.split("<image>")
    named = list(islice(pictures, len(texts) - 1))
    if len(named) < len(texts) - 1:
        raise ValueError(f"there are more <image> in the text than pictures: {len(texts) - 1} and {len(named)}")
    parts: list[str | Screenshot] = [texts[0].removesuffix("\n") if named else texts[0]]
    for words, name in zip(texts[1:], named, strict=True):
        parts += [screen_of(base / name), words.removeprefix("\n")]
    return [part for part in parts if part != ""]


def _rows(file: Path) -> Iterator[tuple[str, Any]]:
    """Each object of a JSON array or of JSON lines, and where it is."""
    with file.open(encoding="utf-8") as lines:
        first = lines.readline().lstrip()
        lines.seek(0)
        whole = file.suffix == ".json" or first in ("[\n", "[")
        texts = [lines.read()] if whole else lines
        for number, text in enumerate(texts, start=1):
            if not text.strip():
                continue
            try:
                read = json.loads(text)
            except ValueError as error:
                raise ValueError(f"{file}, line {number}: not JSON: {error}") from error
            rows = read if whole and isinstance(read, list) else [read]
            yield from ((f"{file}:{number if not whole else at}", row) for at, row in enumerate(rows, start=1))


def _role(name: Any) -> Role:
    if name not in ROLES:
        raise ValueError(f"a message has the role {name!r}: known are {', '.join(ROLES)}")
    return ROLES[name]


def _text(message: Message) -> str:
    return "".join(part for part in message.content if isinstance(part, str))


def _last_screen(messages: Sequence[Message]) -> Screenshot | None:
    parts = [part for message in messages for part in message.content if isinstance(part, Screenshot)]
    return parts[-1] if parts else None


def _words(error: Exception) -> str:
    return f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
