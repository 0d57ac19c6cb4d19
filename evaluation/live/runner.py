"""Works through the trials of a live suite on several displays at once, each with a thread, a stage and an engine of its own.

Threads and not processes: a display's time goes into Xvfb, the browser and the model's server, which are processes already.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from agent.agent import Agent
from agent.endings import DisplayLost, ModelUnreachable, RecordingFailed, RunEnded, Stopped
from agent.limits import Limits
from agent.policy import Policy
from evaluation.live.base import CannotBegin, Stage, Suite
from evaluation.live.folder import LiveFolder
from evaluation.live.trial import Job, Trial, trial_of

# A trial that ended so says nothing about the model: it is not kept, and the next run tries it again.
NOT_TRIED: dict[str, type[RunEnded]] = {each.status: each for each in (ModelUnreachable, DisplayLost, RecordingFailed, Stopped)}
TRIES = 2  # a display may be lost once; the trial is begun anew on another

Watcher = Callable[[Trial], None]
OpenPolicy = Callable[[], Callable[[Job], Policy]]  # once for each display; then a policy for each trial


@dataclass(slots=True, kw_only=True)
class LiveRunner:
    """One run: the suite, who decides, and where the trials go."""

    suite: Suite
    folder: LiveFolder
    open_policy: OpenPolicy
    displays: int = 1
    max_steps: int | None = None
    watch: Watcher = lambda trial: None
    stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, jobs: Sequence[Job]) -> None:
        """Try every job that has not been tried. What ended is kept, however the run ends.

        Raises:
            ModelUnreachable, DisplayLost, RecordingFailed: nothing more can be tried.
            KeyboardInterrupt: Ctrl-C; the trials that were going on are tried again by the next run.
        """
        done = self.folder.trials()
        left = [job for job in jobs if job not in done]
        displays = max(1, min(self.displays, len(left), self.suite.most_stages or self.displays))
        work = iter(left)
        with ThreadPoolExecutor(displays, thread_name_prefix="display") as pool:
            workers = [pool.submit(self._take, work) for _ in range(displays)]
            try:
                wait(workers)
            finally:
                self.stop.set()
        for worker in workers:
            worker.result()

    def _take(self, work: Iterator[Job]) -> None:
        stage: Stage | None = None
        try:
            policy_for = self.open_policy()
            while (job := self._next(work)) is not None:
                for tries_left in reversed(range(TRIES)):
                    stage = stage or self.suite.open_stage()
                    try:
                        self._try(stage, job, policy_for(job))
                        break
                    except DisplayLost:
                        lost, stage = stage, None
                        lost.close()
                        if not tries_left:
                            raise
        except Stopped:
            return  # by Ctrl-C, or because another display's trouble ended the run
        except BaseException:
            self.stop.set()  # the others stop as soon as they can
            raise
        finally:
            if stage is not None:
                stage.close()

    def _next(self, work: Iterator[Job]) -> Job | None:
        with self._lock:
            return None if self.stop.is_set() else next(work, None)

    def _try(self, stage: Stage, job: Job, policy: Policy) -> None:
        """One trial, kept.

        Raises:
            RunEnded: it said nothing about the model.
        """
        try:
            instruction = stage.begin(job.task, job.seed)
        except CannotBegin as error:
            self._keep(_not_begun(job, str(error)))
            return
        agent = Agent(
            stage.computer,
            policy,
            limits=Limits(steps=self.max_steps or self.suite.max_steps),
            episodes_dir=self.folder.episodes,
            meta={"suite": self.suite.name, f"{self.suite.name}_task": job.task, "seed": job.seed, "repeat": job.repeat},
            stop=self.stop,
        )
        episode = agent.run(instruction)
        assert episode.ended is not None
        if episode.ended.status in NOT_TRIED:
            raise NOT_TRIED[episode.ended.status](episode.ended.message)
        episode.set_reward(stage.reward(episode.ended))
        self._keep(trial_of(job, episode, self.suite.solved_above, self.folder.path))

    def _keep(self, trial: Trial) -> None:
        self.folder.append(trial)
        self.watch(trial)


def plan(tasks: Sequence[str], seeds: Sequence[int], repeats: int) -> list[Job]:
    """Every trial, task by task."""
    return [Job(task, seed, repeat) for task in tasks for seed in seeds for repeat in range(repeats)]


def _not_begun(job: Job, message: str) -> Trial:
    return Trial(
        task=job.task,
        seed=job.seed,
        repeat=job.repeat,
        reward=None,
        solved=False,
        num_steps=0,
        seconds=0.0,
        status="not_begun",
        message=message,
        episode="",
    )
