"""Tasks written for BrowserGym, worked on as pixels and by real events: whatever keeps the contract of its `AbstractBrowserTask`.

A task is named `module:Class`; it is made with a seed, sets up a page of Playwright (`setup(page)` returns the goal and some info), and
judges it (`validate(page, chat_messages)` returns reward, done, a message and some info). Contract: browsergym/core/task.py of BrowserGym
(Drouin et al. 2024, https://arxiv.org/abs/2403.07718). BrowserGym itself is not needed, its task packages bring what they need.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol, cast

from actions.geometry import Geometry, Size
from actions.space import Action
from agent.change import Rect
from agent.computers.base import Computer, Outcome
from agent.computers.chromium import QUIET_FLAGS, find_chromium, sandbox_flags
from agent.computers.desktop import DesktopComputer
from agent.computers.virtual import VirtualDesktop
from agent.endings import DisplayLost, Done, GaveUp
from agent.episode import End
from agent.screenshot import Screenshot
from evaluation.live.base import CannotBegin, Suite, SuiteError

NAME = "browsergym"
SCREEN = Size(1280, 800)


class Task(Protocol):
    """What we call of a BrowserGym task."""

    def setup(self, page: Any) -> tuple[str, dict[str, Any]]: ...

    def validate(self, page: Any, chat_messages: list[dict[str, str]]) -> tuple[float, bool, str, dict[str, Any]]: ...

    def teardown(self) -> None: ...


def browsergym_suite(tasks: Sequence[str]) -> Suite:
    """The tasks of these classes.

    Raises:
        SuiteError: there is no such class, or it keeps another contract.
    """
    for task in tasks:
        find_task(task)
    return Suite(name=NAME, tasks=tuple(dict.fromkeys(tasks)), open_stage=BrowserGymStage, max_steps=30)


def find_task(name: str) -> Callable[..., Task]:
    """The class called `module:Class`.

    Raises:
        SuiteError: there is no such class, or it keeps another contract.
    """
    module, _, attribute = name.partition(":")
    if not module or not attribute.isidentifier():
        raise SuiteError(f"--tasks holds {name!r}: a BrowserGym task is named module:Class, such as browsergym.miniwob.all:ClickTestTask")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise SuiteError(f"the task {name} cannot be had: there is no module {error.name!r}; is its package installed?") from error
    except AttributeError as error:
        raise SuiteError(f"the task {name} cannot be had: {module} has no {attribute}") from error
    if not all(callable(getattr(found, method, None)) for method in ("setup", "validate", "teardown")):
        raise SuiteError(f"{name} is no BrowserGym task: it needs the methods setup, validate and teardown")
    return cast("Callable[..., Task]", found)


class BrowserGymStage:
    """A virtual desktop with a Chromium, in which one task after another has a page of its own."""

    def __init__(self) -> None:
        from playwright.sync_api import sync_playwright

        self._task: Task | None = None
        self._goal = ""
        self._profile = tempfile.TemporaryDirectory(prefix="deftly-browsergym-", ignore_cleanup_errors=True)
        self._desk = VirtualDesktop(SCREEN)
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch_persistent_context(
            self._profile.name,
            executable_path=find_chromium(),
            headless=False,
            no_viewport=True,
            ignore_default_args=["--enable-automation"],
            args=[f"--window-size={SCREEN.width},{SCREEN.height}", "--window-position=0,0", *QUIET_FLAGS, *sandbox_flags()],
            env={"DISPLAY": self._desk.display, "HOME": self._profile.name},
        )
        self._page = self._browser.pages[0]
        self._desktop = DesktopComputer(self._desk.display)
        self.computer: Computer = _Judged(self._desktop, self._check)

    def begin(self, task: str, seed: int) -> str:
        from playwright.sync_api import Error

        self._end_task()
        before, self._page = self._page, self._browser.new_page()
        before.close()
        self._desktop.release_all()
        self._task = find_task(task)(seed=seed)
        try:
            goal, _ = self._task.setup(self._page)
        except Error as error:
            raise CannotBegin(f"{task} did not set up: {str(error).splitlines()[0]}") from error
        self._goal = str(goal)
        return self._goal

    def reward(self, end: End) -> float | None:
        reward, _ = self._validate(end.message if end.status == Done.status else "")
        return reward

    def _check(self) -> tuple[float, bool]:
        return self._validate("")

    def _validate(self, answer: str) -> tuple[float, bool]:
        """Reward and whether it is over. What the model said last is the assistant's message, as tasks that ask for an answer read it."""
        from playwright.sync_api import Error

        assert self._task is not None
        chat = [{"role": "user", "message": self._goal}, *([{"role": "assistant", "message": answer}] if answer else [])]
        try:
            reward, done, _, _ = self._task.validate(self._page, chat)
        except Error as error:
            raise DisplayLost(f"the browser is gone, or its page is: {str(error).splitlines()[0]}") from error
        return float(reward), bool(done)

    def _end_task(self) -> None:
        if self._task is not None:
            task, self._task = self._task, None
            task.teardown()

    def close(self) -> None:
        from playwright.sync_api import Error

        self._end_task()
        self._desktop.close()
        with suppress(Error):  # it is gone already
            self._browser.close()
        self._playwright.stop()
        self._desk.close()
        self._profile.cleanup()


class _Judged:
    """The desktop, on which a run ends as soon as the task says that it is over."""

    def __init__(self, desktop: DesktopComputer, check: Callable[[], tuple[float, bool]]) -> None:
        self._desktop = desktop
        self._judge = check

    @property
    def geometry(self) -> Geometry:
        return self._desktop.geometry

    def screenshot(self) -> Screenshot:
        seen = self._desktop.screenshot()
        reward, done = self._judge()
        if not done:
            return seen
        raise Done(f"the task gave a reward of {reward:g}") if reward > 0 else GaveUp(f"the task is over, with a reward of {reward:g}")

    def perform(self, action: Action) -> Outcome:
        return self._desktop.perform(action)

    def stale(self, seen: Screenshot, actions: tuple[Action, ...]) -> str | None:
        return self._desktop.stale(seen, actions)

    def alert(self, call: Callable[[], None] | None) -> None:
        self._desktop.alert(call)

    def restless(self) -> tuple[Rect, ...]:
        return self._desktop.restless()

    def release_all(self) -> None:
        self._desktop.release_all()

    def close(self) -> None:
        self._desktop.close()
