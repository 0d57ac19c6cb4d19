"""MiniWoB++ on a virtual desktop: real Chromium, seen as pixels of the task area, judged by the task's own reward.

The page is driven through Chromium's protocol only to set a task up and to read its reward; a policy never sees more than the screen.
Tasks: Farama `miniwob` (MIT), Liu et al. 2018, https://arxiv.org/abs/1802.08802.
"""

from __future__ import annotations

import difflib
import logging
import tempfile
import threading
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from actions.geometry import Geometry, Point, Size
from actions.space import Action, Move
from agent.capture import Capture
from agent.change import Rect
from agent.computers.base import Outcome
from agent.computers.chromium import QUIET_FLAGS, find_chromium, sandbox_flags
from agent.computers.desktop import DesktopComputer
from agent.computers.virtual import VirtualDesktop
from agent.endings import DisplayLost, Done, GaveUp
from agent.screenshot import Screenshot

AREA_CSS_PX = 160  # the task area is 160x160 CSS px below a 50 px bar that holds the instruction
INSTRUCTION_CSS_PX = 50
FONTS = Path(__file__).with_name("fonts.conf")  # the same letters on every machine
# The score panel, the click marks and the START cover are the harness's own, not part of a task.
HARNESS_CSS = "#reward-display, #click-canvas, #sync-task-cover { display: none !important; } body { background: #fff; overflow: hidden; }"
MARKER_JS = """on => {
  let mark = document.getElementById('deftly-mark');
  if (on && !mark) {
    mark = document.createElement('div'); mark.id = 'deftly-mark';
    mark.style = 'position:fixed;left:0;top:0;width:160px;height:210px;background:#ff00ff;z-index:2147483647';
    document.body.appendChild(mark);
  } else if (!on && mark) mark.remove();
}"""
START_JS = """seed => {
  Math.seedrandom(String(seed));
  core.EPISODE_MAX_TIME = 1e9;
  if (document.activeElement) document.activeElement.blur();
  core.startEpisodeReal();
  return core.getUtterance();
}"""
PAINTED_JS = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
REWARD_JS = "() => WOB_DONE_GLOBAL ? WOB_RAW_REWARD_GLOBAL : null"
FONTS_JS = "() => document.fonts.ready.then(() => true)"
CHECK_JS = "() => typeof core !== 'undefined' && typeof genProblem !== 'undefined'"


class MiniWobError(ValueError):
    """There is no such task, or MiniWoB++ is not installed; the message says what to do."""


@cache
def pages_folder() -> Path:
    """Where the `miniwob` package keeps its pages.

    Raises:
        MiniWobError: the package is not installed.
    """
    spec = find_spec("miniwob")
    if spec is None or not spec.submodule_search_locations:
        raise MiniWobError("MiniWoB++ is not installed: pip install miniwob==1.1.0 playwright")
    return Path(spec.submodule_search_locations[0]) / "html" / "miniwob"


def task_names() -> list[str]:
    """All tasks of the installed MiniWoB++, sorted."""
    return sorted(page.stem for page in pages_folder().glob("*.html"))


def check_task(name: str) -> None:
    """Raises `MiniWobError`, with the nearest names, when MiniWoB++ has no task `name`."""
    names = task_names()
    if name not in names:
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else f"it has {len(names)} tasks, such as {', '.join(names[:3])}"
        raise MiniWobError(f"MiniWoB++ has no task {name!r}: {hint}")


class MiniWob:
    """A `Computer` that shows one MiniWoB++ task at a time; `open` starts one, `reward` judges it.

    Args:
        scale: device pixels per CSS pixel; at 2 the task area is 320x320 px.
        settle: wait after each action until the screen has settled; off for experts, which wait for the page itself.
        stop: the kill switch: once it is set, the hands do nothing more.
    """

    def __init__(self, *, scale: int = 2, settle: bool = True, stop: threading.Event | None = None) -> None:
        from playwright.sync_api import sync_playwright

        check_task("click-test")
        self._scale = scale
        self._task = ""
        self._profile = tempfile.TemporaryDirectory(prefix="deftly-miniwob-", ignore_cleanup_errors=True)
        self._desk = VirtualDesktop(Size(400 * scale, 300 * scale))
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch_persistent_context(
            self._profile.name,
            executable_path=find_chromium(),
            headless=False,
            no_viewport=True,
            ignore_default_args=["--enable-automation"],
            args=[
                f"--app={(pages_folder() / 'click-test.html').as_uri()}",
                f"--force-device-scale-factor={scale}",
                "--window-size=240,260",
                "--window-position=0,0",
                *QUIET_FLAGS,
                *sandbox_flags(),
            ],
            env={"DISPLAY": self._desk.display, "HOME": self._profile.name, "FONTCONFIG_FILE": str(FONTS)},
        )
        self._page = self._browser.pages[0]
        self._settle = settle
        self._stop = stop
        self._computer: DesktopComputer | None = None

    def open(self, task: str, seed: int) -> str:
        """Start `task` with `seed`; returns its instruction, as the page words it.

        Raises:
            MiniWobError: there is no such task.
        """
        check_task(task)
        if task != self._task:
            self._page.goto((pages_folder() / f"{task}.html").as_uri())
            self._page.wait_for_function(CHECK_JS)
            self._page.add_style_tag(content=HARNESS_CSS)
            self._page.evaluate(FONTS_JS)
            self._task = task
        if self._computer is None:
            self._computer = DesktopComputer(self._desk.display, region=self._find_area(), settle=self._settle, stop=self._stop)
        self._computer.release_all()
        self._computer.perform(Move(point=Point(1.0, 1.0)))
        instruction = str(self._page.evaluate(START_JS, seed))
        self.painted()
        return instruction

    def _find_area(self) -> Geometry:
        """Where on the desktop the task area lies: the page is covered with a colour for a moment, and looked for."""
        self._page.evaluate(MARKER_JS, True)
        self.painted()
        capture = Capture(self._desk.display)
        try:
            for _ in range(50):
                rgb = capture.grab().rgb
                rows, columns = np.nonzero((rgb == (255, 0, 255)).all(axis=2))
                if rows.size >= (AREA_CSS_PX * self._scale) ** 2:
                    break
                self._page.wait_for_timeout(100)
            else:
                raise RuntimeError("MiniWoB++ was opened in Chromium, but its page did not appear on the virtual desktop")
        finally:
            capture.close()
            self._page.evaluate(MARKER_JS, False)
            self.painted()
        side = AREA_CSS_PX * self._scale
        return Geometry(left=int(columns.min()), top=int(rows.min()) + INSTRUCTION_CSS_PX * self._scale, width=side, height=side)

    def painted(self) -> None:
        """Wait until the browser has drawn two more frames."""
        self._page.evaluate(PAINTED_JS)

    def evaluate(self, javascript: str, argument: object = None) -> Any:
        """Run `javascript` in the page; for experts, which may read what a policy may not."""
        return self._page.evaluate(javascript, argument)

    def reward(self) -> float | None:
        """The task's own raw reward, -1 to 1, without its time penalty; `None` while it is not over.

        Raises:
            DisplayLost: the browser is gone.
        """
        from playwright.sync_api import Error

        try:
            reward = self._page.evaluate(REWARD_JS)
        except Error as error:
            raise DisplayLost(f"the browser is gone: {error}") from error
        return None if reward is None else float(reward)

    @property
    def _desktop(self) -> DesktopComputer:
        if self._computer is None:
            raise RuntimeError("no task is open: call open(task, seed) first")
        return self._computer

    @property
    def geometry(self) -> Geometry:
        return self._desktop.geometry

    def screenshot(self) -> Screenshot:
        """The task area once it has settled.

        Raises:
            Done: the task is over and was solved.
            GaveUp: the task is over and was not solved.
        """
        seen = self._desktop.screenshot()
        reward = self.reward()
        if reward is None:
            return seen
        if reward > 0:
            raise Done(f"solved: the page gave a reward of {reward:g}")
        raise GaveUp(f"not solved: the page gave a reward of {reward:g}")

    def perform(self, action: Action) -> Outcome:
        return self._desktop.perform(action)

    def stale(self, seen: Screenshot, actions: tuple[Action, ...]) -> str | None:
        return self._desktop.stale(seen, actions)

    def alert(self, call: Callable[[], None] | None) -> None:
        self._desktop.alert(call)

    def restless(self) -> tuple[Rect, ...]:
        return self._desktop.restless()

    def release_all(self) -> None:
        if self._computer is not None:
            self._computer.release_all()

    def close(self) -> None:
        if self._computer is not None:
            self._computer.close()
            self._computer = None
        from playwright.sync_api import Error

        try:
            self._browser.close()
        except Error:  # Ctrl-C in a terminal reaches the browser before it reaches us; asyncio would report that at exit
            logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        self._playwright.stop()
        self._desk.close()
        self._profile.cleanup()

    def __enter__(self) -> MiniWob:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
