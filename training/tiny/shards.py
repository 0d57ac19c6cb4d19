"""Prepared samples on disk: a `.npz` shard holds some hundred screens with labels and questions, ready to be tokenised."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from training.tiny.labels import Labels
from training.tiny.samples import Question, Sample


def write_shard(path: Path, samples: Sequence[Sample]) -> None:
    """Write `samples`; the file appears whole or not at all."""
    rows = [
        {"task": s.task, "questions": [[q.prompt, q.answer, list(q.target) if q.target else None, q.kind] for q in s.questions]}
        for s in samples
    ]
    pngs = b"".join(s.png for s in samples)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez_compressed(
            file,
            png=np.frombuffer(pngs, np.uint8),
            png_sizes=np.array([len(s.png) for s in samples], np.int64),
            letters=np.stack([s.labels.letters for s in samples]),
            widgets=np.stack([s.labels.widgets for s in samples]),
            rows=np.frombuffer(json.dumps(rows).encode(), np.uint8),
        )
    part.replace(path)


def read_shard(path: Path) -> Iterator[Sample]:
    """The samples of a shard, in order."""
    with np.load(path, allow_pickle=False) as data:
        png, letters, widgets = data["png"].tobytes(), data["letters"], data["widgets"]
        ends = np.cumsum(data["png_sizes"])
        rows = json.loads(data["rows"].tobytes())
    start = 0
    for index, (row, end) in enumerate(zip(rows, ends.tolist(), strict=True)):
        questions = tuple(
            Question(prompt, answer, tuple(target) if target else None, kind) for prompt, answer, target, kind in row["questions"]
        )
        yield Sample(row["task"], png[start:end], Labels(letters[index], widgets[index]), questions)
        start = end
