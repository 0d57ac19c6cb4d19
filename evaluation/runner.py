"""Asks a model for every recorded step, with so many requests in flight that the engine is always full.

Workers take the next piece of work as soon as they are free: a step where the recording's own history is told, an episode where the
model's is. Work is handed out in the data set's order, so that requests that share a beginning come close together and an engine's prefix
cache finds them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby

from agent.endings import ModelUnreachable
from agent.step import Step
from evaluation.asking import Context, answered_step, make_request, recorded_history
from evaluation.predictions import Answer, Key
from evaluation.run_folder import RunFolder
from evaluation.steps import EvalStep
from evaluation.vocabularies.base import Vocabulary
from inference.engines.base import Engine, EngineError, Reply
from inference.families import Family

MAX_FAILURES_IN_A_ROW = 5  # then it is the engine that fails, not the step

Watcher = Callable[[EvalStep, Reply | None], None]  # told of every answer, `None` where there was none; from any thread
Work = Sequence[EvalStep]  # asked one after the other


@dataclass(slots=True, kw_only=True)
class Runner:
    """One run: the engine, how it is asked, and where the answers go."""

    engine: Engine
    family: Family
    vocabulary: Vocabulary
    folder: RunFolder
    context: Context = "teacher"
    concurrency: int = 8
    seed: int | None = None
    watch: Watcher = lambda step, reply: None
    _failed: int = 0
    _failed_in_a_row: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, steps: Sequence[EvalStep], done: Mapping[Key, Answer] | None = None) -> int:
        """Ask for every step that has no answer yet; the number for which the engine had none. `done` are the answers so far, where the
        caller has read them: files to which others write must not be read here.

        Raises:
            ModelUnreachable: the engine fails at every step. What was answered is kept, and the run can go on.
            DatasetError: a picture is missing or damaged.
        """
        done = self.folder.answers() if done is None else done
        work = iter(list(self._work(steps, done)))
        pool = ThreadPoolExecutor(self.concurrency, thread_name_prefix="eval")
        try:
            for worker in [pool.submit(self._take, work, done) for _ in range(self.concurrency)]:
                worker.result()
        finally:
            self._stop.set()
            pool.shutdown(wait=True)
            self.folder.close()
        return self._failed

    def _work(self, steps: Sequence[EvalStep], done: Mapping[Key, Answer]) -> Iterable[Work]:
        """What is left to ask, in the data set's order. An episode's chain keeps its answered steps: they are its history."""
        if self.context == "teacher":
            return [(step,) for step in steps if _key(step) not in done]
        episodes = [tuple(episode) for _, episode in groupby(steps, key=lambda step: step.episode)]
        return [episode for episode in episodes if any(_key(step) not in done for step in episode)]

    def _take(self, work: Iterator[Work], done: Mapping[Key, Answer]) -> None:
        try:
            while not self._stop.is_set():
                with self._lock:
                    steps = next(work, None)
                if steps is None:
                    return
                self._ask_all(steps, done)
        except BaseException:
            self._stop.set()  # the others finish what is in flight, and take nothing new
            raise

    def _ask_all(self, steps: Work, done: Mapping[Key, Answer]) -> None:
        history: list[Step] = []
        for step in steps:
            if self._stop.is_set():
                return
            if self.context == "teacher":
                history = recorded_history(step, self.vocabulary, self.family)
            answer = done.get(_key(step))
            text = answer.text if answer is not None else self._ask(step, history)
            if self.context == "own" and text is not None:
                history.append(answered_step(step, text, self.family))

    def _ask(self, step: EvalStep, history: Sequence[Step]) -> str | None:
        """The answer, kept; `None` where the engine has none."""
        request = make_request(step, history, self.family, self.seed)
        try:
            reply = self.engine.chat(request)
        except EngineError as error:
            self._note_failure(step, error)
            return None
        self.folder.append(step.episode, step.step, reply.text, _cost(reply))
        with self._lock:
            self._failed_in_a_row = 0
        self.watch(step, reply)
        return reply.text

    def _note_failure(self, step: EvalStep, error: EngineError) -> None:
        self.folder.fail(step.episode, step.step, str(error))
        with self._lock:
            self._failed += 1
            self._failed_in_a_row += 1
            hopeless = self._failed_in_a_row >= MAX_FAILURES_IN_A_ROW
        if hopeless:
            raise ModelUnreachable(f"{error} (the answers so far are kept in {self.folder.path}: the same command goes on)") from error
        self.watch(step, None)


def _key(step: EvalStep) -> Key:
    return step.episode, step.step


def _cost(reply: Reply) -> dict[str, float | int | str]:
    return {
        "prompt_tokens": reply.num_prompt_tokens,
        "cached_tokens": reply.num_cached_tokens,
        "completion_tokens": reply.num_completion_tokens,
        "seconds": round(reply.seconds, 6),
        "finish_reason": reply.finish_reason,
    }
