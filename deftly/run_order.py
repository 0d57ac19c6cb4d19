"""What `deftly run` was told: task, screen, model and limits, read once and checked before anything is started."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deftly.config import Option, one_of, path, resolve, seconds, text, whole_number
from deftly.errors import UsageError

DEFAULT_SIZE = "1280x720"
MODES = ("auto", "confirm", "dry-run")

OPTIONS = (
    Option(name="computer", read=text, metavar="WHERE", help="desktop, wayland, virtual, browser:URL, vnc://HOST, http://HOST:PORT, osworld+http://…"),
    Option(name="token-file", read=path, metavar="FILE", help="holds the token of that computer, or its VNC password"),
    Option(name="engine", read=text, default="transformers", metavar="NAME", help="who runs the model: transformers, openai or scripted"),
    Option(name="model", read=text, metavar="PATH", help="a folder, or the server's name for it (default: deftly-tiny)"),
    Option(name="quantize", read=one_of("int8", "int4"), metavar="BITS", help="int8 or int4 weights in process (needs deftly[quant])"),
    Option(name="base-url", read=text, metavar="URL", help="OpenAI-compatible server (default: http://localhost:8000/v1)"),
    Option(name="family", read=text, metavar="NAME", help="model family: prompt, coordinates, dialect; a name or a .yaml file"),
    Option(name="script", read=path, metavar="FILE", help="replies of the scripted engine, one JSON string a line"),
    Option(name="mode", read=one_of(*MODES), default="auto", metavar="MODE", help="auto, confirm (ask first) or dry-run (touch nothing)"),
    Option(name="policy", read=text, metavar="FILE", help="what may be done: a YAML file, default, confirm or none"),
    Option(name="max-steps", read=whole_number(1), default=30, metavar="N", help="give up after so many steps"),
    Option(name="max-seconds", read=seconds, default=600.0, metavar="S", help="give up after so many seconds"),
    Option(name="episodes", read=path, default=Path("episodes"), metavar="DIR", help="where the episode is kept"),
    Option(name="page", read=path, metavar="FILE", help="also write the episode as one HTML page"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalDesktop:
    """The desktop of `$DISPLAY`, macOS or Windows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Virtual:
    """A desktop of the run's own, with `program` on it."""

    width: int
    height: int
    program: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MiniWobTask:
    """A MiniWoB++ task in a real browser on a virtual desktop."""

    name: str
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputerAt:
    """The computer at `address`, as `agent.computers.opening` reads it."""

    address: str
    token_file: Path | None = None


Where = LocalDesktop | Virtual | MiniWobTask | ComputerAt


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOrder:
    """Everything that a run is told. `task` is `None` where the screen's own page words it."""

    task: str | None
    where: Where
    as_json: bool
    engine: str
    model: str | None
    quantize: str | None
    base_url: str | None
    family: str | None
    computer: str | None
    token_file: Path | None
    script: Path | None
    mode: str
    policy: str | None
    max_steps: int
    max_seconds: float
    episodes: Path
    page: Path | None
    secrets: tuple[str, ...] = ()

    def as_config(self) -> dict[str, Any]:
        """As JSON, to be kept beside the episode."""
        told = {key: str(value) if isinstance(value, Path) else value for key, value in asdict(self).items() if key != "as_json"}
        where = {key: str(value) if isinstance(value, Path) else value for key, value in asdict(self.where).items()}
        return told | {"where": {"kind": type(self.where).__name__, **where}}


def read_order(argv: list[str], environment: Mapping[str, str] | None = None) -> RunOrder:
    """The run that `argv`, the environment and `deftly.toml` ask for.

    Raises:
        UsageError: they contradict each other, or a value cannot be read.
    """
    ours, program = _split_program(argv)
    given = vars(_parser().parse_args(_with_size(ours)))
    task, virtual, miniwob, seed = (given.pop(key) for key in ("task", "virtual", "miniwob", "seed"))
    as_json, file, secrets = given.pop("json"), given.pop("config"), tuple(given.pop("secret"))
    where = _where(virtual, miniwob, seed, program)
    if (task is None) != isinstance(where, MiniWobTask):
        raise UsageError(
            "the page words the task: leave TASK out with --miniwob"
            if task
            else 'what should be done? Give a TASK, such as "open the menu"'
        )
    values: dict[str, Any] = resolve(
        OPTIONS,
        command="run",
        given=given,
        environment=os.environ if environment is None else environment,
        file=Path(file) if file else None,
    )
    return RunOrder(task=task, where=_elsewhere(where, **values), as_json=as_json, secrets=secrets, **values)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deftly run",
        usage="deftly run TASK [options] [-- PROGRAM ARGS…]",
        description="Work on TASK: look at the screen, ask the model, act, until it is done. Works on the desktop of $DISPLAY\n"
        "unless --virtual, --miniwob or --computer bring another.",
        epilog="Options can also be set in the environment (DEFTLY_MAX_STEPS=5) or in deftly.toml ([run], max-steps = 5).",
        formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=28, width=120),
        allow_abbrev=False,
    )
    parser.add_argument("task", nargs="?", metavar="TASK", help="what should be done, in plain words")
    screen = parser.add_argument_group("the screen")
    screen.add_argument(
        "--virtual", metavar="WxH", help=f"on a virtual desktop of that size ({DEFAULT_SIZE} when none is given), with PROGRAM on it"
    )
    screen.add_argument("--miniwob", metavar="NAME", help="on a MiniWoB++ task in a browser on a virtual desktop; the page words the task")
    screen.add_argument("--seed", default="0", metavar="N", help="which variant of the MiniWoB++ task (default: 0)")
    run = parser.add_argument_group("the run")
    for option in OPTIONS:
        default = (
            f" (default: {option.default:g})"
            if isinstance(option.default, int | float)
            else f" (default: {option.default})"
            if option.default
            else ""
        )
        run.add_argument(f"--{option.name}", metavar=option.metavar, default=argparse.SUPPRESS, help=option.help + default)
    run.add_argument(
        "--secret",
        metavar="NAME=FROM",
        action="append",
        default=[],
        help="env:VAR, file:PATH or prompt; may be given again; the model sees NAME",
    )
    run.add_argument("--config", metavar="FILE", help="read this instead of deftly.toml")
    run.add_argument("--json", action="store_true", help="print how it ended as one JSON object, and nothing else")
    return parser


def _split_program(argv: list[str]) -> tuple[list[str], tuple[str, ...]]:
    at = argv.index("--") if "--" in argv else len(argv)
    return argv[:at], tuple(argv[at + 1 :])


def _with_size(argv: list[str]) -> list[str]:
    """`argv` with the default size after a bare `--virtual`, which would otherwise swallow the task."""
    told = list(argv)
    for at in reversed([number for number, word in enumerate(told) if word == "--virtual"]):
        if at + 1 == len(told) or not re.fullmatch(r"[\dxX]+", told[at + 1]):
            told.insert(at + 1, DEFAULT_SIZE)
    return told


def _where(virtual: str | None, miniwob: str | None, seed: str, program: tuple[str, ...]) -> Where:
    if virtual and miniwob:
        raise UsageError("--virtual and --miniwob contradict each other: a MiniWoB++ task brings its own desktop")
    if program and not virtual:
        raise UsageError(f"{program[0]!r} after -- needs a desktop to run on: add --virtual")
    if miniwob:
        return MiniWobTask(name=miniwob, seed=_seed(seed))
    if virtual:
        width, height = _size(virtual)
        return Virtual(width=width, height=height, program=program)
    return LocalDesktop()


def _elsewhere(where: Where, computer: str | None, token_file: Path | None, **_: object) -> Where:
    """`where`, unless `--computer` names another place."""
    if computer is None:
        if token_file:
            raise UsageError("--token-file is for --computer vnc://… or http://…")
        return where
    if not isinstance(where, LocalDesktop):
        raise UsageError("--computer contradicts --virtual and --miniwob, which bring a computer of their own")
    return ComputerAt(address=computer, token_file=token_file)


def _seed(said: str) -> int:
    try:
        return int(said)
    except ValueError:
        raise UsageError(f"--seed is {said!r}: it must be a whole number") from None


def _size(said: str) -> tuple[int, int]:
    read = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", said)
    size = (int(read[1]), int(read[2])) if read else (0, 0)
    if not all(200 <= side <= 8192 for side in size):
        raise UsageError(f"--virtual is {said!r}: it must be a size such as {DEFAULT_SIZE}, each side from 200 to 8192")
    return size
