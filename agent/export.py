"""Episodes in other forms: `jsonl` for anyone's tools, `uitars` as conversations to train on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agent.context import answer_text, build_messages, frame_of
from agent.episode import Episode
from agent.step import step_to_json
from inference.engines.base import ImageSource, Message
from inference.families import Family

FORMS = ("jsonl", "uitars")
Row = dict[str, Any]


def to_jsonl(episodes: Sequence[Episode], base: Path) -> Iterator[str]:
    """One JSON object a line: an `episode`, its `step`s, its `end`. Pictures are named by their path from `base`."""
    for episode in episodes:
        about = {"kind": "episode", "episode": episode.id, "task": episode.task, "started": episode.started, "meta": episode.meta}
        yield _line(about)
        for step in episode.steps:
            yield _line({"kind": "step", "episode": episode.id, **step_to_json(step, _picture(episode, step.seen, base))})
        if episode.ended:
            yield _line({"kind": "end", "episode": episode.id, **asdict(episode.ended)})


def to_uitars(episodes: Sequence[Episode], base: Path, family: Family) -> Iterator[str]:
    """A JSON array with one conversation for each step that acted, as a model of `family` is shown it when it runs.

    A conversation is a list of `{"role", "content", "loss_mask"}`; only its last message, the answer, has `loss_mask` 1. Content is text,
    or a list of `{"type": "text", "text"}` and `{"type": "image", "image"}` with the path of the picture from `base`.
    """
    conversations = (rows for episode in episodes for rows in _conversations(episode, base, family))
    yield "[\n"
    for number, rows in enumerate(conversations):
        yield (",\n" if number else "") + json.dumps(rows, ensure_ascii=False)
    yield "\n]\n"


def _conversations(episode: Episode, base: Path, family: Family) -> Iterator[list[Row]]:
    for number, step in enumerate(episode.steps):
        if step.prediction.error is not None or not step.prediction.actions:
            continue
        history = episode.steps[:number]
        asked = [_row(message, episode, base) for message in build_messages(episode.task, history, step.seen, family)]
        answer = answer_text(step.prediction, family, frame_of(step.seen))
        yield [*asked, {"role": "assistant", "content": answer, "loss_mask": 1}]


def _row(message: Message, episode: Episode, base: Path) -> Row:
    parts = [
        {"type": "text", "text": part} if isinstance(part, str) else {"type": "image", "image": _picture(episode, part, base)}
        for part in message.content
    ]
    only_text = len(parts) == 1 and parts[0]["type"] == "text"
    return {"role": message.role, "content": parts[0]["text"] if only_text else parts, "loss_mask": 0}


def _picture(episode: Episode, seen: ImageSource, base: Path) -> str:
    return os.path.relpath(episode.picture_of(seen), base)


def _line(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"
