"""One bench for each kind of computer: how it is opened, what is on it, and how it goes away."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from actions.geometry import Size
from agent.capture import Capture
from agent.computers.base import Computer
from agent.computers.browser import BrowserComputer
from agent.computers.browser_session import BrowserOptions
from agent.computers.miniwob import MiniWob
from agent.computers.opening import ComputerOptions, open_computer
from agent.computers.screen import ScreenComputer
from agent.computers.virtual import VirtualDesktop
from agent.endings import DisplayLost
from tests.actions.conftest import PATIENCE
from tests.agent.computers.osworld_server import OsWorldTestServer
from tests.agent.computers.scenes import PAGE, PageScene, XScene
from tests.agent.computers.wayland_scene import WaylandScene
from tests.agent.computers.wayland_session import WaylandSession
from tests.displays import own_displays

KINDS = (
    "desktop",
    "virtual",
    "browser",
    "browser_hidpi",
    "miniwob",
    "vnc",
    "remote",
    "osworld",
    "wayland",
)  # a replay has no hands: test_replay.py
LEASE_SECONDS = 1.0
TOKEN = "a-token-for-tests-only"
MINIWOB_SCALE = 4  # a task area of 640x640 px, which has room for the scene


class Served:
    """`deftly computer serve` for a display, in a process of its own."""

    def __init__(self, address: str, folder: Path) -> None:
        self.token_file = folder / "token"
        self.token_file.write_text(TOKEN)
        argv = [sys.executable, "-m", "deftly", "computer", "serve", "--computer", address, "--port", "0"]
        argv += ["--token-file", str(self.token_file), "--lease-seconds", str(LEASE_SECONDS)]
        self._process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        said = self._process.stdout.readline()
        assert "is offered at http://" in said, said
        self.url = said.split(" at ")[1].split(",")[0].strip()

    def close(self, kind: signal.Signals = signal.SIGINT) -> None:
        if self._process.poll() is None:
            self._process.send_signal(kind)
        self._process.wait(PATIENCE)
        assert self._process.stdout
        self._process.stdout.close()


class VncDesktop:
    """Debian's TigerVNC with openbox; to a scene it is as good as a `VirtualDesktop`."""

    def __init__(self, size: Size, *options: str, port: int | None = None) -> None:
        if shutil.which("Xtigervnc") is None:
            pytest.skip("Xtigervnc is not installed: apt-get install tigervnc-standalone-server")
        self.port = port or _free_port()
        read_end, write_end = os.pipe()
        argv = ["Xtigervnc", "-displayfd", str(write_end), "-geometry", str(size), "-depth", "24", "-rfbport", str(self.port)]
        argv += ["-localhost", "-nolisten", "tcp", "-SecurityTypes", "None", *options]
        self._processes = [subprocess.Popen(argv, pass_fds=(write_end,), stderr=subprocess.DEVNULL)]
        os.close(write_end)
        with os.fdopen(read_end) as pipe:
            self.display = f":{pipe.readline().strip()}"
        self.launch(["openbox"], stderr=subprocess.DEVNULL)

    def launch(self, argv: list[str], **options: object) -> subprocess.Popen[bytes]:
        env = os.environ | {"DISPLAY": self.display}
        self._processes.append(subprocess.Popen(argv, env=env, **options))  # type: ignore[call-overload]
        return self._processes[-1]

    def close(self) -> None:
        for process in reversed(self._processes):
            if process.poll() is None:
                process.kill()
            process.wait()


def _environment(wanted: dict[str, str]) -> Callable[[], object]:
    """Set these variables; returns what undoes it."""
    patch = pytest.MonkeyPatch()
    for name, value in wanted.items():
        patch.setenv(name, value)
    return patch.undo


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


class Bench:
    """A kind of computer, opened on `scene`. `address` opens another one of the same, where that is possible."""

    def __init__(self, kind: str, desktop: VirtualDesktop, folder: Path) -> None:
        self.kind = kind
        self._closers: list[Callable[[], object]] = []
        self.address, self.options = "", ComputerOptions()
        self.scene: XScene | PageScene | WaylandScene
        try:
            getattr(self, f"_make_{kind}")(desktop, folder)
            if self.address:
                self.computer: Computer = self.open()
        except BaseException:
            self.close()
            raise
        if self.address:
            self._closers.append(lambda: self.computer.close())

    def open(self) -> Computer:
        """Another computer of this kind, of the same screen; one that is still held by a client that died is waited for."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return open_computer(self.address, self.options)
            except DisplayLost as error:
                if "another client" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def _make_desktop(self, desktop: VirtualDesktop, folder: Path) -> None:
        self.address = f"desktop:{desktop.display}"
        self._on_x(desktop)

    def _make_virtual(self, desktop: VirtualDesktop, folder: Path) -> None:
        self.computer = open_computer("virtual:1280x720")
        self._closers.append(self.computer.close)
        self._on_x(self.computer.desktop)  # type: ignore[attr-defined]

    def _make_vnc(self, desktop: VirtualDesktop, folder: Path) -> None:
        vnc = VncDesktop(Size(1280, 720))
        self._closers.append(vnc.close)
        self.address = f"vnc://127.0.0.1:{vnc.port}"
        self._on_x(vnc)  # type: ignore[arg-type]

    def _make_remote(self, desktop: VirtualDesktop, folder: Path) -> None:
        served = Served(f"desktop:{desktop.display}", folder)
        self._closers.append(served.close)
        self.address, self.options = served.url, ComputerOptions(secret=TOKEN)
        self._on_x(desktop)

    def _make_osworld(self, desktop: VirtualDesktop, folder: Path) -> None:
        if find_spec("pyautogui") is None:
            pytest.skip("pyautogui is not installed, which the programs on the other machine need")
        server = OsWorldTestServer(desktop.display)
        self._closers.append(server.close)
        self.address = f"osworld+{server.url}"
        self._on_x(desktop)

    def _make_browser(self, desktop: VirtualDesktop, folder: Path) -> None:
        self._in_a_browser(scale=1)

    def _make_browser_hidpi(self, desktop: VirtualDesktop, folder: Path) -> None:
        self._in_a_browser(scale=1.5)

    def _in_a_browser(self, scale: float) -> None:
        if shutil.which("chromium") is None:
            pytest.skip("chromium is not installed: apt-get install chromium")
        browser = BrowserComputer(PAGE, BrowserOptions(scale=scale))
        self._closers.append(browser.close)
        self.computer, self.scene = browser, PageScene.in_browser(browser)

    def _make_miniwob(self, desktop: VirtualDesktop, folder: Path) -> None:
        task = _miniwob_task()
        self._closers.append(task.close)
        self.computer, self.scene = task, PageScene.in_task(task, MINIWOB_SCALE)

    def _make_wayland(self, desktop: VirtualDesktop, folder: Path) -> None:
        session = WaylandSession(Size(1280, 720))
        self._closers.append(session.close)
        self._closers.append(_environment(session.x_environment()))  # as a program in that session has it
        self.address = f"wayland:{session.bus}"
        self.scene = WaylandScene(session)
        self._closers.append(self.scene.close)

    def _on_x(self, desktop: VirtualDesktop) -> None:
        scene = XScene(desktop)
        self._closers.append(scene.close)
        self.scene = scene

    def close(self) -> None:
        for close in reversed(self._closers):
            close()


def _miniwob_task() -> MiniWob:
    if shutil.which("chromium") is None or find_spec("miniwob") is None:
        pytest.skip("chromium or miniwob is not installed: apt-get install chromium, pip install miniwob")
    task = MiniWob(scale=MINIWOB_SCALE)
    task.open("click-test", seed=1)
    return task


def open_doomed(kind: str, folder: Path) -> tuple[Computer, Callable[[], object]]:
    """A computer of `kind`, and what takes its screen away; no other server takes its display's number then."""
    with own_displays():
        return _open_doomed(kind, folder)


def _open_doomed(kind: str, folder: Path) -> tuple[Computer, Callable[[], object]]:
    if kind.startswith("browser"):
        browser = BrowserComputer("about:blank")
        return browser, lambda: browser.session.call(browser.session._browser.close())  # type: ignore[union-attr]
    if kind == "vnc":
        vnc = VncDesktop(Size(640, 480))
        return _impatient(open_computer(f"vnc://127.0.0.1:{vnc.port}")), vnc.close
    if kind == "virtual":
        virtual = open_computer("virtual:640x480")
        return _impatient(virtual), virtual.desktop.close  # type: ignore[attr-defined]
    if kind == "miniwob":
        task = _miniwob_task()
        assert task._computer is not None
        _impatient(task._computer)
        return task, task._desk.close
    if kind == "wayland":
        session = WaylandSession(Size(1280, 720))
        return open_computer(f"wayland:{session.bus}"), session.close
    desktop = VirtualDesktop(Size(640, 480), window_manager=None)
    if kind == "desktop":
        return _impatient(open_computer(f"desktop:{desktop.display}")), desktop.close
    if kind == "remote":
        served = Served(f"desktop:{desktop.display}", folder)
        computer = open_computer(served.url, ComputerOptions(secret=TOKEN))
        return computer, lambda: (served.close(signal.SIGKILL), desktop.close())
    if find_spec("pyautogui") is None:
        pytest.skip("pyautogui is not installed, which the programs on the other machine need")
    server = OsWorldTestServer(desktop.display)
    return _impatient(open_computer(f"osworld+{server.url}")), lambda: (server.close(), desktop.close())


def _impatient(computer: Computer) -> Computer:
    """Not to wait for a screen that the test has taken away for good."""
    assert isinstance(computer, ScreenComputer)
    eyes = computer._eyes
    if isinstance(eyes, Capture):
        eyes.patience = 0.3
    else:
        eyes._patience = 0.3  # type: ignore[attr-defined]
    return computer
