"""OSWorld's task files on a machine whose server answers as OSWorld's does: set up through `/setup/…`, judged by what it then says.

A small part of OSWorld, and honest about it: of its evaluators those that compare what a command prints on the machine with a rule.
A task that needs another says so before anything is tried. Nothing here turns the machine back between tasks: do that with its snapshots.
Format: `evaluation_examples/examples/*/*.json` of OSWorld (Xie et al. 2024, https://arxiv.org/abs/2404.07972).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from agent.computers.base import Computer
from agent.computers.osworld import OsWorldComputer
from agent.endings import DisplayLost, GaveUp
from agent.episode import End
from evaluation.live.base import CannotBegin, Suite, SuiteError

NAME = "osworld"
ANSWER_SECONDS = 130.0
SOLVED_ABOVE = 0.999  # partial rewards are told apart, and do not count as solved
MAX_SETUP_SLEEP_SECONDS = 120.0

# The setup steps that the server does itself: our type and its path. `parameters` go there as they are.
SETUP_PATHS = {
    "launch": "/setup/launch",
    "execute": "/setup/execute",
    "command": "/setup/execute",
    "open": "/setup/open_file",
    "activate_window": "/setup/activate_window",
    "close_window": "/setup/close_window",
    "change_wallpaper": "/setup/change_wallpaper",
}


def osworld_suite(address: str, files: Sequence[Path]) -> Suite:
    """The tasks in `files` (or folders of them) on the machine at `address`.

    Raises:
        SuiteError: a file is no task of OSWorld's, or needs what is not here.
        DisplayLost: no server answers at `address`.
    """
    url = address.removeprefix("osworld+")
    if not url.startswith(("http://", "https://")):
        raise SuiteError(f"--computer is {address!r}: give the address of an OSWorld-style server, such as http://192.168.56.7:5000")
    found = [file for path in files for file in (sorted(path.rglob("*.json")) if path.is_dir() else [path])]
    if not found:
        raise SuiteError(f"no task is in {', '.join(map(str, files))}: give OSWorld's JSON files, or folders of them")
    tasks = {str(task["id"]): task for task in map(read_task, found)}
    OsWorldComputer(url, patience=0.0).close()  # before a model is asked anything
    return Suite(
        name=NAME,
        tasks=tuple(tasks),
        open_stage=partial(OsWorldStage, url, tasks),
        solved_above=SOLVED_ABOVE,
        max_steps=15,
        most_stages=1,
    )


def read_task(file: Path) -> dict[str, Any]:
    """The task in `file`.

    Raises:
        SuiteError: it is none, or needs what is not here.
    """
    try:
        task = json.loads(file.read_text(encoding="utf-8"))
        _check(task, file)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, SuiteError):
            raise
        raise SuiteError(f"{file} is no task of OSWorld's that can be read: {error}") from error
    assert isinstance(task, dict)
    return task


def _check(task: Mapping[str, Any], file: Path) -> None:
    for name in ("id", "instruction", "evaluator"):
        if not task[name]:
            raise SuiteError(f"{file}: {name} is empty")
    strange = {step["type"] for step in task.get("config", [])} - {*SETUP_PATHS, "sleep"}
    if strange:
        raise SuiteError(f"{file}: config wants {', '.join(sorted(strange))}, and here are {', '.join(sorted({*SETUP_PATHS, 'sleep'}))}")
    for func, result, expected in _checks(task["evaluator"]):
        if func not in RULES:
            raise SuiteError(
                f"{file}: evaluator.func is {func!r}, and here are {', '.join(sorted(RULES))}: run this task with OSWorld itself"
            )
        if func != "infeasible" and (result.get("type") != "vm_command_line" or expected.get("type") != "rule"):
            raise SuiteError(
                f"{file}: evaluator compares {result.get('type')} with {expected.get('type')}; here is vm_command_line with rule"
            )


def _checks(evaluator: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """One or several checks, as (func, result, expected)."""
    funcs, results, expected = evaluator["func"], evaluator.get("result") or {}, evaluator.get("expected") or {}
    if isinstance(funcs, str):
        return [(funcs, results, expected)]
    return list(zip(funcs, results, expected, strict=True))


def _exact_match(printed: str, rules: Mapping[str, Any]) -> float:
    return float(printed == rules["expected"])


def _include_exclude(printed: str, rules: Mapping[str, Any]) -> float:
    included = all(words in printed for words in rules.get("include", []))
    return float(included and not any(words in printed for words in rules.get("exclude", [])))


RULES: dict[str, Callable[[str, Mapping[str, Any]], float]] = {
    "exact_match": _exact_match,
    "check_include_exclude": _include_exclude,
    "infeasible": lambda printed, rules: 0.0,  # such a task is solved by giving it up
}


class OsWorldStage:
    """The machine at `url`."""

    def __init__(self, url: str, tasks: Mapping[str, Mapping[str, Any]]) -> None:
        self.computer: Computer = OsWorldComputer(url)
        self._tasks = tasks
        self._task: Mapping[str, Any] = {}
        self._client = httpx.Client(base_url=url.rstrip("/"), timeout=httpx.Timeout(ANSWER_SECONDS, connect=10.0), trust_env=False)

    def begin(self, task: str, seed: int) -> str:
        self._task = self._tasks[task]
        for step in self._task.get("config", []):
            self._set_up(step["type"], step.get("parameters") or {})
        return str(self._task["instruction"])

    def reward(self, end: End) -> float | None:
        evaluator = self._task["evaluator"]
        if end.status == GaveUp.status:  # as OSWorld has it: right where the task cannot be done, wrong anywhere else
            return float(evaluator["func"] == "infeasible")
        for step in evaluator.get("postconfig", []):
            self._set_up(step["type"], step.get("parameters") or {})
        scores = [self._score(*check) for check in _checks(evaluator)]
        return max(scores) if evaluator.get("conj") == "or" else min(scores)

    def _score(self, func: str, result: Mapping[str, Any], expected: Mapping[str, Any]) -> float:
        printed = self._printed(result) if func != "infeasible" else ""
        return RULES[func](printed, expected.get("rules") or {})

    def _printed(self, result: Mapping[str, Any]) -> str:
        answer = self._post("/execute", {"command": result["command"], "shell": bool(result.get("shell", False))})
        try:
            return str(answer.json()["output"])
        except (ValueError, KeyError, TypeError) as error:
            raise DisplayLost(f"{self._client.base_url} does not answer /execute as an OSWorld server does") from error

    def _set_up(self, kind: str, parameters: Mapping[str, Any]) -> None:
        if kind == "sleep":
            time.sleep(min(float(parameters["seconds"]), MAX_SETUP_SLEEP_SECONDS))
            return
        answer = self._post(SETUP_PATHS[kind], dict(parameters))
        if not answer.is_success:
            raise CannotBegin(f"the machine could not do the setup step {kind!r}: HTTP {answer.status_code}: {answer.text[:200]}")

    def _post(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        try:
            return self._client.post(path, json=body)
        except httpx.TransportError as error:
            raise DisplayLost(f"the server at {self._client.base_url} cannot be reached: {str(error) or type(error).__name__}") from error

    def close(self) -> None:
        self.computer.close()
        self._client.close()
