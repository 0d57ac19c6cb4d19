"""A run on disk: what decides the answers, and each answer as it came; a killed run goes on where it stopped.

    run.json              the data set with its digest, the model, family, prompt, sampling, context, versions
    predictions.jsonl     one answer a line, appended as it comes, raw: `--rescore` reads it again with any dialect and metric
    predictions.N.jsonl   the same of worker N, where several worked
    failures.jsonl        steps for which the engine had no answer; they are asked again when the run goes on

A line is handed to the system when its answer is there, so that a killed process loses none; every half second it is forced to the disk,
so that a power cut loses little. A torn last line is cut off before anything is appended.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.durable import write_whole
from evaluation.errors import PredictionsError
from evaluation.predictions import Answer, Key, read_predictions

ABOUT, ANSWERS, FAILURES = "run.json", "predictions.jsonl", "failures.jsonl"
SYNC_SECONDS = 0.5
NOT_DECISIVE = ("versions", "started", "concurrency", "workers", "tasks", "seeds", "repeats", "displays")  # may differ when a run goes on


class RunFolder:
    """The folder of one run; `worker` numbers those that share it."""

    def __init__(self, path: Path, worker: int | None = None) -> None:
        self.path = path
        self._file = path / (ANSWERS if worker is None else f"predictions.{worker}.jsonl")
        self._failures = path / FAILURES
        self._lock = threading.Lock()
        self._handle: int | None = None
        self._synced = 0.0

    def begin(self, about: Mapping[str, Any]) -> None:
        """Keep what decides the answers, or check that a run that goes on is the same.

        Raises:
            PredictionsError: the folder holds the answers of another run.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        file = self.path / ABOUT
        before = json.loads(file.read_text()) if file.is_file() else None
        wanted = json.loads(json.dumps(about))
        if before is None:
            write_whole(file, (json.dumps(wanted, indent=1, ensure_ascii=False) + "\n").encode())
            return
        changed = [name for name in sorted({*before, *wanted}) if name not in NOT_DECISIVE and before.get(name) != wanted.get(name)]
        if changed:
            raise PredictionsError(
                f"{self.path} holds the answers of another run: {', '.join(changed)} differ{'s' if len(changed) == 1 else ''} "
                f"({_shown(before.get(changed[0]))} there, {_shown(wanted.get(changed[0]))} here): choose another folder with --out"
            )

    def about(self) -> dict[str, Any]:
        """What `begin` kept.

        Raises:
            PredictionsError: there is no run in the folder.
        """
        try:
            told = json.loads((self.path / ABOUT).read_text())
        except (OSError, ValueError) as error:
            raise PredictionsError(f"{self.path} holds no run of deftly eval that can be read: {error}") from error
        assert isinstance(told, dict)
        return told

    def answers(self) -> dict[Key, Answer]:
        """Every answer so far, of all workers.

        Raises:
            PredictionsError: a line is damaged that is not the last one of its file.
        """
        read: dict[Key, Answer] = {}
        for file in sorted(self.path.glob("predictions*.jsonl")):
            cut_torn_line(file)
            for key, answer in read_predictions(file).items():
                read.setdefault(key, answer)
        return read

    def append(self, episode: str, step: int, text: str, cost: Mapping[str, Any]) -> None:
        """Keep an answer; safe to call from any thread."""
        self._write({"episode": episode, "step": step, "text": text, **cost})

    def fail(self, episode: str, step: int, error: str) -> None:
        """Keep that there was no answer, and why."""
        with self._lock, self._failures.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"episode": episode, "step": step, "error": error, "at": time.time()}) + "\n")

    def close(self) -> None:
        """Everything is on the disk when this returns. Safe to call twice."""
        with self._lock:
            if self._handle is not None:
                os.fsync(self._handle)
                os.close(self._handle)
                self._handle = None

    def _write(self, line: Mapping[str, Any]) -> None:
        data = (json.dumps(line) + "\n").encode()  # ASCII: a lone surrogate has no UTF-8
        with self._lock:
            if self._handle is None:
                self.path.mkdir(parents=True, exist_ok=True)
                self._handle = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            left = memoryview(data)
            while left:
                left = left[os.write(self._handle, left) :]
            now = time.monotonic()
            if now - self._synced > SYNC_SECONDS:
                os.fsync(self._handle)
                self._synced = now


def cut_torn_line(file: Path) -> None:
    """A process that was killed while it wrote leaves the beginning of a line."""
    data = file.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        with file.open("r+b") as torn:
            torn.truncate(whole)


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:60] + "…"
