"""Stored answers: JSON lines `{"episode": id, "step": the data set's own number, "text": what the model wrote}`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.errors import PredictionsError

Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Answer:
    """One line: what a model wrote at a step, with whatever else was kept beside it, and the number of its line."""

    episode: str
    step: int
    text: str
    line: int
    extra: Mapping[str, Any]

    @property
    def key(self) -> Key:
        return self.episode, self.step


def read_predictions(file: Path) -> dict[Key, Answer]:
    """The answers by episode and step, in the order of their lines. The same answer twice is one.

    Raises:
        PredictionsError: a line cannot be used, or two lines answer the same step differently.
    """
    answers: dict[Key, Answer] = {}
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise PredictionsError(f"the predictions {file} cannot be read: {error.strerror or error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        answer = _read_line(line, file, number)
        before = answers.setdefault(answer.key, answer)
        if before.text != answer.text:
            raise PredictionsError(
                f"{file}, line {number}: step {answer.step} of episode {answer.episode!r} was already answered in line {before.line}, and "
                f"otherwise: keep one of them"
            )
    return answers


def _read_line(line: bytes, file: Path, number: int) -> Answer:
    place = f"{file}, line {number}"
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise PredictionsError(f"{place} is no JSON ({error}): write one object a line, with episode, step and text") from error
    if not isinstance(data, dict):
        raise PredictionsError(f"{place} must be an object with episode, step and text")
    for name, kind, what in (("episode", str, "the episode's id, a string"), ("step", int, "the data set's own number of the step")):
        if not isinstance(data.get(name), kind) or isinstance(data.get(name), bool):
            raise PredictionsError(f"{place}: {name} is {_shown(data, name)}: it must be {what}")
    text = data.get("text", ...)
    if text is not None and not isinstance(text, str):
        raise PredictionsError(f"{place}: text is {_shown(data, 'text')}: it must be what the model wrote, a string")
    extra = {name: value for name, value in data.items() if name not in ("episode", "step", "text")}
    return Answer(data["episode"], data["step"], text or "", number, extra)


def _shown(data: Mapping[str, Any], name: str) -> str:
    return repr(data[name])[:60] if name in data else "missing"
