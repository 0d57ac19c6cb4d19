"""`deftly record`: what a person does on a screen, as an episode like any other."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deftly.errors import UsageError

if TYPE_CHECKING:
    from agent.endings import RunEnded
    from agent.episode import Episode
    from agent.safety.discretion import Discretion
    from agent.safety.place import Scene
    from agent.step import Step

    MakeDiscretion = Callable[[Scene], Discretion]


def record_command(argv: list[str]) -> int:
    """Record until the person says that the task is done (0), or gives up (130)."""
    options = _parser().parse_args(argv)
    if not options.task.strip():
        _parser().error("TASK is empty: say what you are going to do")
    discretion = _discretion(options.policy, options.pause_key)
    from agent.computers.desktop import is_wayland_session

    if options.display is None and is_wayland_session():
        raise UsageError(
            "this is a Wayland session, in which nobody can be watched at work: log in with an X11 session, "
            "or record what is on Xwayland with --display"
        )
    episode, end = _record(options.task, options.display, options.out, discretion, quiet=options.json)
    if options.json:
        print(json.dumps(_told(episode, end, options.task)))
    else:
        print(f"{end.status}: {end.message}", file=sys.stderr if end.exit_code else sys.stdout)
        if episode:
            print(f"episode: {episode.path}")
    return end.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deftly record",
        description="Record what you do on the screen into an episode: every action with the screen just before it.",
        epilog="Press Escape three times when the task is done; Ctrl-C here gives up. What is typed is kept, but for windows that the\n"
        "policy hides: press the pause key before you type a password elsewhere.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("task", metavar="TASK", help="what you are going to do, in words")
    parser.add_argument("--display", metavar=":N", help="the X display to record (default: $DISPLAY)")
    parser.add_argument(
        "--episodes",
        "--out",
        dest="out",
        type=Path,
        default=Path(os.environ.get("DEFTLY_EPISODES") or "episodes"),
        metavar="DIR",
        help="where the episode is kept (default: %(default)s)",
    )
    parser.add_argument("--policy", metavar="FILE", help="what is not kept: a YAML file, or one of default, none")
    parser.add_argument("--pause-key", default="pause", metavar="KEY", help="pauses, and goes on again (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the result as one line of JSON")
    return parser


def _discretion(policy_name: str | None, pause_key: str) -> MakeDiscretion:
    """What is not kept, once there is a display to ask.

    Raises:
        PolicyError: the policy cannot be used.
        UsageError: there is no such key.
    """
    from actions.keys import canonical_key
    from agent.safety.discretion import Discretion
    from agent.safety.policy_file import load_policy

    policy = load_policy(policy_name)
    try:
        key = canonical_key(pause_key)
    except ValueError as error:
        raise UsageError(f"--pause-key: {error}") from None
    return lambda scene: Discretion(policy, scene, key, _say_paused)


def _say_paused(paused: bool) -> None:
    print("paused: nothing is recorded" if paused else "recording again", file=sys.stderr, flush=True)


def _record(task: str, display: str | None, out: Path, discretion: MakeDiscretion, quiet: bool) -> tuple[Episode | None, RunEnded]:
    from agent.endings import RunEnded
    from agent.episode import Episode

    episode: Episode | None = None
    try:
        episode = Episode.create(out, task, meta={"policy": "person"})
        end = _listen(episode, display, discretion, quiet)
    except RunEnded as ended:
        end = ended
    if episode:
        episode.end_with(end)
    return episode, end


def _listen(episode: Episode, display: str | None, discretion: MakeDiscretion, quiet: bool) -> RunEnded:
    from agent.endings import Done, Stopped
    from agent.recorder import Recorder

    recorder = Recorder(episode, display, tell=_say_nothing if quiet else _say, discretion=discretion)
    print("recording: press Escape three times when the task is done, Ctrl-C here to give up", file=sys.stderr, flush=True)
    try:
        with _stop_on_signals() as stop:
            recorder.run(stop)
        recorder.drain()
    except Done as done:
        return done
    finally:
        recorder.close()
    return Stopped("given up: the recording was interrupted")


@contextmanager
def _stop_on_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C, a polite kill and a closing terminal set, so that no step is interrupted in the middle."""
    stop = threading.Event()
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]  # Windows has no SIGHUP
    before = {name: signal.signal(getattr(signal, name), lambda *_: stop.set()) for name in names}
    try:
        yield stop
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def _say(step: Step) -> None:
    from agent.words import in_words

    for action in step.prediction.actions:
        print(f"{step.index + 1:>4}  {in_words(action)}", flush=True)


def _say_nothing(step: Step) -> None:
    pass


def _told(episode: Episode | None, end: RunEnded, task: str) -> dict[str, object]:
    told: dict[str, object] = {"status": end.status, "exit_code": end.exit_code, "message": end.message, "task": task, "episode": None}
    if episode:
        told |= {"episode": str(episode.path), "steps": len(episode.steps), "seconds": round(episode.seconds, 3)}
    return told
