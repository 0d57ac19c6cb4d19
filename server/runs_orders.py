"""What a client may ask a run for, and what the server's owner allows: data, and the check of one against the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent.safety.rules import SafetyPolicy
from server.errors import ApiError, invalid

KINDS = ("virtual", "desktop", "miniwob")
MODES = ("auto", "confirm", "dry-run")
SIDES = (200, 4096)  # px that a virtual desktop may have


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRules:
    """What the owner allows. No `computers`, no runs. `programs` are what a virtual desktop may show, by the names that clients say."""

    computers: frozenset[str] = frozenset()
    programs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    episodes: Path = Path("episodes")
    policy: SafetyPolicy | None = None  # what runs may do; none is the user's own, or the built-in default
    steps: int = 200  # that a run may ask for
    seconds: float = 7200.0
    approval_seconds: float = 900.0  # that a run waits for a person


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class VirtualBody(Body):
    """A desktop of the run's own, with one of the owner's programs on it."""

    kind: Literal["virtual"]
    width: int = Field(default=1280, ge=SIDES[0], le=SIDES[1])
    height: int = Field(default=720, ge=SIDES[0], le=SIDES[1])
    program: str | None = Field(default=None, max_length=200, description="the name of one of the owner's programs")


class DesktopBody(Body):
    """The desktop of the machine that serves."""

    kind: Literal["desktop"]


class MiniWobBody(Body):
    """A MiniWoB++ task in a browser on a desktop of its own; the page words the task."""

    kind: Literal["miniwob"]
    name: str = Field(max_length=200)
    seed: int = Field(default=0, ge=0, lt=1 << 53)


class LimitsBody(Body):
    steps: int = Field(default=30, ge=1, le=100_000)
    seconds: float = Field(default=600.0, gt=0, le=1e7, allow_inf_nan=False)


class RunBody(Body):
    """A request to `POST /runs`."""

    task: str = Field(default="", max_length=20_000)
    computer: Annotated[VirtualBody | DesktopBody | MiniWobBody, Field(discriminator="kind")]
    mode: Literal["auto", "confirm", "dry-run"] = "confirm"
    limits: LimitsBody = Field(default_factory=LimitsBody)

    @property
    def computer_words(self) -> str:
        """The computer in a few words."""
        match self.computer:
            case VirtualBody(width=width, height=height, program=program):
                return f"virtual desktop {width}×{height}" + (f", {program}" if program else "")
            case MiniWobBody(name=name, seed=seed):
                return f"MiniWoB++ {name}, seed {seed}"
            case _:
                return "the desktop"


class AskBody(Body):
    """Which question is answered: the number that came with it."""

    ask: int = Field(ge=0, lt=1 << 53)


class ModifyBody(AskBody):
    action: dict[str, Any]


class RejectBody(AskBody):
    reason: str = Field(default="", max_length=10_000, description="the model is told")


def check_order(order: RunBody, rules: RunRules) -> None:
    """Whether the owner allows this run.

    Raises:
        ApiError: not so; the message says what is.
    """
    if order.computer.kind not in rules.computers:
        allowed = f"it allows {', '.join(sorted(rules.computers))}" if rules.computers else "it allows no runs"
        raise ApiError(
            403,
            f"this server's owner did not allow {order.computer.kind!r}: {allowed} (deftly serve --allow-computer KIND)",
            code="computer_not_allowed",
            param="computer.kind",
        )
    _check_task(order)
    for name, asked, most in (("steps", order.limits.steps, rules.steps), ("seconds", order.limits.seconds, rules.seconds)):
        if asked > most:
            raise invalid(f"limits.{name} is {asked:g}: this server takes {most:g} at most", param=f"limits.{name}")
    if isinstance(order.computer, VirtualBody) and order.computer.program not in (None, *rules.programs):
        known = ", ".join(rules.programs) or "none"
        raise invalid(f"computer.program must be one that the owner named (--program NAME=COMMAND): {known}", param="computer.program")


def _check_task(order: RunBody) -> None:
    if isinstance(order.computer, MiniWobBody):
        from agent.computers.miniwob import MiniWobError, check_task

        try:
            check_task(order.computer.name)
        except MiniWobError as error:
            raise invalid(str(error), param="computer.name") from error
        if order.task:
            raise invalid("the page words the task of a MiniWoB++ run: leave `task` out", param="task")
    elif not order.task.strip():
        raise invalid("task is missing: say what should be done, in plain words", param="task")


def options_json(rules: RunRules, num_at_once: int) -> dict[str, Any]:
    """What may be asked for, for those who ask."""
    kinds: dict[str, dict[str, Any]] = {
        "virtual": {"programs": list(rules.programs), "smallest_px": SIDES[0], "largest_px": SIDES[1]},
        "desktop": {},
        "miniwob": {"names": _miniwob_names() if "miniwob" in rules.computers else []},
    }
    return {
        "computers": [{"kind": kind, **kinds[kind]} for kind in KINDS if kind in rules.computers],
        "modes": list(MODES),
        "limits": {"steps": rules.steps, "seconds": rules.seconds, "runs": num_at_once},
    }


def _miniwob_names() -> list[str]:
    from agent.computers.miniwob import task_names

    return task_names()
