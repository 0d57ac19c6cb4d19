"""Opens what a run order asks for: the screen it works on, and who decides."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deftly.errors import UsageError
from deftly.run_order import ComputerAt, LocalDesktop, MiniWobTask, RunOrder, Virtual, Where

if TYPE_CHECKING:
    from agent.computers.base import Computer
    from agent.computers.opening import ComputerOptions
    from agent.policy import ModelPolicy
    from agent.safety.rules import KillKey
    from inference.engines.base import Engine
    from inference.families import Family


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """A screen with hands, the task where the screen words it, and its own judge where it has one."""

    computer: Computer
    task: str | None = None
    judge: Callable[[], float | None] | None = None


def check_where(where: Where) -> None:
    """Whether there can be such a screen, before anything is started.

    Raises:
        MiniWobError: there is no such task.
        UsageError: there is no desktop here; the message says what else to do.
    """
    match where:
        case MiniWobTask():
            from agent.computers.miniwob import check_task

            check_task(where.name)
        case ComputerAt():
            from agent.computers.opening import kind_of

            kind_of(where.address)
            read_secret(where.token_file)
        case LocalDesktop():
            from agent.computers.desktop import unseen_session

            if unseen := unseen_session():
                raise UsageError(unseen)
            if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
                raise UsageError("there is no desktop here: DISPLAY is not set. Add --virtual, --miniwob NAME or --computer WHERE")


@contextmanager
def open_workplace(where: Where, kill_key: KillKey | None = None) -> Iterator[Workplace]:
    """The screen at `where`; closed, with everything that was started for it, when the block ends."""
    from actions.geometry import Size
    from agent.computers.desktop import DesktopComputer
    from agent.computers.opening import open_computer
    from agent.computers.virtual_computer import VirtualComputer
    from agent.kill_switch import KillSwitch
    from agent.safety.rules import KillKey

    kill = kill_key or KillKey()
    match where:
        case LocalDesktop():
            with (
                KillSwitch(key=kill.key, held_seconds=kill.held_seconds) as switch,
                _closing(DesktopComputer(stop=switch.stop)) as computer,
            ):
                yield Workplace(computer=computer)
        case Virtual():
            with _closing(VirtualComputer(Size(where.width, where.height), where.program)) as computer:
                yield Workplace(computer=computer)
        case ComputerAt():
            with (
                KillSwitch(key=kill.key, held_seconds=kill.held_seconds) as switch,
                _closing(open_computer(where.address, _options(where, switch.stop))) as computer,
            ):
                yield Workplace(computer=computer)
        case MiniWobTask():
            from agent.computers.miniwob import MiniWob

            with MiniWob() as page:
                yield Workplace(computer=page, task=page.open(where.name, where.seed), judge=page.reward)


@contextmanager
def _closing(computer: Computer) -> Iterator[Computer]:
    try:
        yield computer
    finally:
        computer.close()


def _options(where: ComputerAt, stop: threading.Event) -> ComputerOptions:
    from agent.computers.opening import ComputerOptions

    return ComputerOptions(secret=read_secret(where.token_file), stop=stop)


def read_secret(file: Path | None) -> str | None:
    """The first line of `file`: a token or a password, which on a command line every process could read.

    Raises:
        UsageError: the file is empty.
    """
    if file is None:
        return None
    lines = file.read_text(encoding="utf-8").split("\n")
    if not lines[0].strip():
        raise UsageError(f"{file} should hold a token or a password in its first line, which is empty")
    return lines[0].strip()


def read_family(order: RunOrder) -> Family:
    """The family that was asked for, the one that the model's name belongs to, or the bundled model's.

    Raises:
        UsageError: a model that no family knows, and no family to go with it.
    """
    from inference.families import family_names, family_of_model, load_family

    if order.family:
        return load_family(order.family)
    if order.model and (family := family_of_model(str(order.model))):
        return family
    if order.engine == "openai" or order.model:
        engine_options(order)  # a wrong folder or a missing address is the first thing to mend
        raise UsageError(
            f"which family does the model belong to? Give --family NAME: known are {', '.join(family_names())}, or a .yaml file"
        )
    return load_family("deftly-tiny")


def engine_options(order: RunOrder) -> dict[str, Any]:
    """What the engine of `order` is opened with, checked as far as can be without opening it.

    Raises:
        UsageError: an option is missing, or not one of this engine's.
        MissingModel: there is no model in the folder.
    """
    from inference.models import bundled_model, find_model

    if order.quantize and order.engine != "transformers":
        raise UsageError("--quantize is for --engine transformers: a server is told its own options")
    if order.script and order.engine != "scripted":
        raise UsageError("--script is for --engine scripted")
    match order.engine:
        case "transformers":
            quantize = {"quantize": order.quantize} if order.quantize else {}
            return {"model": find_model(order.model or bundled_model()), **quantize}
        case "scripted":
            if order.script is None:
                raise UsageError("--engine scripted needs --script FILE: its replies, one JSON string a line")
            return {"replies": read_script(order.script)}
    return {key: value for key, value in (("model", order.model), ("base_url", order.base_url)) if value}


def read_script(file: Path) -> list[str]:
    """The replies in `file`: one JSON string a line; empty lines are skipped.

    Raises:
        UsageError: a line is not a JSON string.
    """
    replies = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            reply = json.loads(line)
        except json.JSONDecodeError as error:
            raise UsageError(f"{file}, line {number} is not JSON: {error}") from error
        if not isinstance(reply, str):
            raise UsageError(f'{file}, line {number} must be a JSON string, such as "Action: wait()"')
        replies.append(reply)
    return replies


def open_engine_for(family: Family, name: str, options: dict[str, Any]) -> Engine:
    """The engine called `name`, which shows its model pictures of the size by which the coordinates of `family` are read.

    Raises:
        WrongFamily: the model in the folder is of another architecture than the family.
    """
    from inference.engines import open_engine
    from inference.families import check_model_fits

    if name == "transformers" and options.get("model"):
        check_model_fits(options["model"], family)
    limits = {"min_pixels": family.image.min_pixels, "max_pixels": family.image.max_pixels} if name == "transformers" else {}
    return open_engine(name, **limits, **options)


def open_policy(order: RunOrder, family: Family, options: dict[str, Any]) -> ModelPolicy:
    """Who decides: the model of `order`, asked in the way of `family`.

    Raises:
        ModelUnreachable: the engine cannot start.
        UsageError: there is no such engine, or it cannot use its options.
    """
    from agent.endings import ModelUnreachable
    from agent.policy import ModelPolicy
    from inference.engines.base import EngineError

    try:
        return ModelPolicy(open_engine_for(family, order.engine, options), family)
    except EngineError as error:
        raise ModelUnreachable(str(error)) from error
    except ValueError as error:  # an option that the engine cannot use, such as an address that is none
        raise UsageError(str(error)) from error
