"""A live run on disk: what decides it, and each trial as it ends; a killed run goes on with the trials that are missing.

run.json         suite, model, family with its whole prompt, sampling, versions
trials.jsonl     one ended trial a line
episodes/        what happened in each, step by step
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.durable import append_line
from evaluation.errors import PredictionsError
from evaluation.live.trial import Job, Trial
from evaluation.run_folder import RunFolder, cut_torn_line

TRIALS = "trials.jsonl"


class LiveFolder:
    """The folder of one live run. Any thread may append."""

    def __init__(self, path: Path, episodes: Path | None = None) -> None:
        self.path = path.resolve()
        self.episodes = (episodes or path / "episodes").resolve()
        self._file = self.path / TRIALS
        self._lock = threading.Lock()

    def begin(self, about: Mapping[str, Any]) -> None:
        """Keep what decides the run, or check that one that goes on is the same.

        Raises:
            PredictionsError: the folder holds another run.
        """
        RunFolder(self.path).begin(about)

    def trials(self) -> dict[Job, Trial]:
        """Every trial that ended so far.

        Raises:
            PredictionsError: a line is damaged that is not the last one.
        """
        if not self._file.is_file():
            return {}
        cut_torn_line(self._file)
        read: dict[Job, Trial] = {}
        for number, line in enumerate(self._file.read_text(encoding="utf-8").splitlines(), start=1):
            try:
                trial = Trial(**json.loads(line))
            except (ValueError, TypeError) as error:
                raise PredictionsError(f"{self._file}, line {number} is no trial: {error}") from error
            read[trial.job] = trial
        return read

    def append(self, trial: Trial) -> None:
        """Keep `trial`; it is on disk when this returns."""
        with self._lock:
            self.path.mkdir(parents=True, exist_ok=True)
            append_line(self._file, (json.dumps(trial.as_json()) + "\n").encode())
