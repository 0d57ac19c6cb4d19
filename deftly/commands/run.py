"""`deftly run`: one task on one screen, from the order to the exit code."""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

from deftly.protection import Protection, read_protection
from deftly.run_order import MiniWobTask, RunOrder, read_order

if TYPE_CHECKING:
    from agent.agent import Observer
    from agent.episode import Episode
    from agent.policy import ModelPolicy
    from deftly.workplace import Workplace


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a run ended, for whoever called it."""

    status: str
    exit_code: int
    message: str
    episode: Episode | None = None


def run_command(argv: list[str]) -> int:
    """Work on the task that `argv` tells; the exit code says how it ended."""
    order = read_order(argv)
    _stop_on_signals()
    result = _run(order)
    if order.page and result.episode:
        from agent.page import write_page

        write_page([result.episode], order.page)
    _print_json(order, result) if order.as_json else _print_end(order, result)
    return result.exit_code


def _stop_on_signals() -> None:
    """A terminal that closes and a polite kill stop a run as Ctrl-C does: hands let go, episode ended."""

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):  # Windows has no SIGHUP
            signal.signal(getattr(signal, name), interrupt)


def _run(order: RunOrder) -> Result:
    """Check everything that is cheap to check, then open the model and the screen, and work."""
    from agent.endings import RunEnded
    from deftly.workplace import check_where, engine_options, open_policy, open_workplace, read_family

    check_where(order.where)
    protection = read_protection(order)
    family, options = read_family(order), engine_options(order)
    try:
        policy = open_policy(order, family, options)
        try:
            with open_workplace(order.where, protection.policy.kill_key) as workplace:
                return _work(order, policy, workplace, protection)
        finally:
            policy.engine.close()
    except RunEnded as end:  # before there was an episode: no display, no model, no room to write
        return Result(status=end.status, exit_code=end.exit_code, message=end.message)


def _work(order: RunOrder, policy: ModelPolicy, workplace: Workplace, protection: Protection) -> Result:
    from agent.agent import Agent
    from agent.limits import Limits
    from agent.safety.safeguards import told_of_secrets

    agent = Agent(
        workplace.computer,
        told_of_secrets(policy, protection.vault),
        safeguards=protection.of(workplace.computer, order),
        limits=Limits(steps=order.max_steps, seconds=order.max_seconds),
        episodes_dir=order.episodes,
        observers=_observers(order),
        meta=_meta(order),
        config=order.as_config(),
    )
    episode = agent.run(order.task or workplace.task or "")
    return _judged(episode, workplace)


def _meta(order: RunOrder) -> dict[str, object]:
    """What episodes of a suite are called by, here as in an evaluation."""
    where = order.where
    return {"suite": "miniwob", "miniwob_task": where.name, "seed": where.seed} if isinstance(where, MiniWobTask) else {}


def _judged(episode: Episode, workplace: Workplace) -> Result:
    """How it ended, with the last word for the screen's own judge, where it has one."""
    end = episode.ended
    assert end is not None
    result = Result(status=end.status, exit_code=end.exit_code, message=end.message, episode=episode)
    if workplace.judge is None or end.status in ("stopped", "display_lost"):  # Ctrl-C reaches the browser as well
        return result
    reward = workplace.judge()
    episode.set_reward(reward)
    if end.exit_code == 0 and (reward is None or reward <= 0):
        verdict = "gave no reward" if reward is None else f"gave a reward of {reward:g}"
        return Result(status="not_solved", exit_code=1, message=f"the model said {end.message!r}, but the page {verdict}", episode=episode)
    return result


def _observers(order: RunOrder) -> list[Observer]:
    if order.as_json:
        return []
    from rich.console import Console

    from deftly.progress import Progress

    return [Progress(Console(highlight=False))]


def _print_json(order: RunOrder, result: Result) -> None:
    episode = result.episode
    told = {"status": result.status, "exit_code": result.exit_code, "message": result.message, "task": order.task, "episode": None}
    if episode:
        told |= {
            "task": episode.task,
            "episode": str(episode.path),
            "steps": len(episode.steps),
            "seconds": round(episode.seconds, 3),
            "reward": episode.reward,
        }
    print(json.dumps(told))


def _print_end(order: RunOrder, result: Result) -> None:
    from rich.console import Console

    from deftly.progress import end_line

    failed = result.exit_code != 0
    console = Console(highlight=False, stderr=failed, soft_wrap=True)
    console.print(end_line(result.status, result.exit_code, result.message))
    if result.episode:
        print(f"episode: {result.episode.path}", file=sys.stdout)
    if order.page and result.episode:
        print(f"page: {order.page}")
