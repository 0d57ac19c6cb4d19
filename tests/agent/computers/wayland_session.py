"""A Wayland session of its own for the tests: GNOME without a screen, its portal, and somebody who says yes when it asks for consent."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from actions.errors import DisplayGone
from actions.geometry import Size
from agent.computers.wayland.bus import BusError, Service
from tests.actions.conftest import PATIENCE

PROGRAMS = ("gnome-shell", "pipewire", "wireplumber", "dbus-daemon")
PORTAL = Path("/usr/libexec/xdg-desktop-portal-gnome")
DISPLAY = "wayland-deftly"
LEFT_BUTTON = 0x110
SHIFT = 42  # linux/input-event-codes.h
SETTLE_SECONDS = 0.7  # the dialog grows out of its middle
# From the dialog's upper right corner to the middle of its switch "Allow remote interaction", by the title that it has in GNOME 43 and 48,
# and to that of its button "Share".
ALLOW, SHARE = {"Remote desktop": (-70, 222), "Remote Desktop": (-74, 157)}, (-47, 23)
FIND = """(() => {
const actor = global.get_window_actors().find(actor => /^Remote [dD]esktop$/.test(actor.meta_window.title));
if (!actor) return null;
actor.meta_window.activate(global.get_current_time());
const rect = actor.meta_window.get_frame_rect();
const scale = imports.gi.St.ThemeContext.get_for_stage(global.stage).scale_factor; // of what is drawn, where the layout is in pixels
return [actor.meta_window.title, rect.x + rect.width, rect.y, scale];
})()"""
MUTTER = "org.gnome.Mutter.RemoteDesktop"


def skip_without_gnome() -> None:
    """Skip where this was not asked for, or what it needs is missing."""
    if not os.environ.get("DEFTLY_WAYLAND"):
        pytest.skip("a whole GNOME is started for it: make wayland")
    missing = [program for program in PROGRAMS if shutil.which(program) is None] + [str(PORTAL)] * (not PORTAL.exists())
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}; make wayland installs them")


class WaylandSession:
    """GNOME Shell on virtual monitors, with a bus of its own at `bus`; it takes some five seconds to start."""

    def __init__(self, *sizes: Size) -> None:
        skip_without_gnome()
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._closed = threading.Event()
        self.environment = self._environment(Path(self._folder.name))
        self._clerk: threading.Thread | None = None
        self._shell: Service | None = None
        self._plug: Service | None = None
        try:
            self.bus = self._start_bus()
            self.environment |= {"DBUS_SESSION_BUS_ADDRESS": self.bus, "DBUS_SYSTEM_BUS_ADDRESS": self.bus}
            self.launch(["pipewire"])
            _wait_for(Path(self.environment["XDG_RUNTIME_DIR"]) / "pipewire-0")
            self.launch(["wireplumber"])
            monitors = [word for size in sizes or (Size(1280, 720),) for word in ("--virtual-monitor", str(size))]
            self.shell = self.launch(["gnome-shell", "--headless", "--wayland", "--unsafe-mode", f"--wayland-display={DISPLAY}", *monitors])
            self._wait_for_shell()
            self._hands = self._plug_in()
        except BaseException:
            self.close()
            raise
        self._clerk = threading.Thread(target=self._consent, name="consent", daemon=True)
        self._clerk.start()

    def _environment(self, folder: Path) -> dict[str, str]:
        (folder / "run").mkdir(mode=0o700)
        homes = {f"XDG_{name}_HOME": str(folder / name.lower()) for name in ("CONFIG", "DATA", "STATE", "CACHE")}
        kept = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "XAUTHORITY")}
        return (
            kept
            | homes
            | {
                "HOME": str(folder),
                "XDG_RUNTIME_DIR": str(folder / "run"),
                "XDG_CURRENT_DESKTOP": "GNOME",
                "XDG_SESSION_TYPE": "wayland",
                "WAYLAND_DISPLAY": DISPLAY,
                "GDK_BACKEND": "wayland",
                "GSETTINGS_BACKEND": "memory",
                "LIBGL_ALWAYS_SOFTWARE": "1",
                "NO_AT_BRIDGE": "1",
            }
        )

    def _start_bus(self) -> str:
        bus = self.launch(["dbus-daemon", "--session", "--nofork", "--print-address"], stdout=subprocess.PIPE)
        assert bus.stdout
        return bus.stdout.readline().decode().strip()

    def launch(self, argv: list[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start a program in this session; it ends with it."""
        settings = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **options}
        self._processes.append(subprocess.Popen(argv, env=self.environment, start_new_session=True, **settings))
        return self._processes[-1]

    def _wait_for_shell(self) -> None:
        """Until the shell has started and shows the desktop, not the overview with which it begins."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self._shell = self._shell or Service("org.gnome.Shell", "/org/gnome/Shell", self.bus)
                if not self.evaluate("Main.overview.hide(); Main.layoutManager._startingUp || Main.overview.visible"):
                    return
            except (BusError, DisplayGone, AssertionError):
                if self.shell.poll() is not None:
                    raise
            assert time.monotonic() < deadline, "GNOME Shell does not start"
            time.sleep(0.3)

    def evaluate(self, javascript: str) -> Any:
        """What `javascript` comes to in the shell's own interpreter."""
        assert self._shell
        worked, told = self._shell.call("org.gnome.Shell", "Eval", "s", javascript)
        assert worked, told
        return json.loads(told) if told else None

    def x_environment(self) -> dict[str, str]:
        """Where Xwayland is to be found, and where a program keeps its state."""
        names = ("DISPLAY", "XAUTHORITY", "XDG_STATE_HOME")
        told = {name: self.evaluate(f"imports.gi.GLib.getenv('{name}')") for name in names}
        return {name: value for name, value in told.items() if value}

    def held(self) -> bool:
        """Whether a button or a modifier is down."""
        return bool(self.evaluate("global.get_pointer()[2]"))

    def _consent(self) -> None:
        """Press the switch and the button of the portal's dialog whenever it shows."""
        while not self._closed.wait(0.3):
            with suppress(BusError, DisplayGone, AssertionError):
                if found := self._settled_dialog():
                    for beside, below in (ALLOW[found[0]], SHARE):
                        if now := self.evaluate(FIND):
                            _, right, top, scale = now
                            self._click(right + beside * scale, top + below * scale)

    def _settled_dialog(self) -> Any:
        """The dialog's title and upper right corner once it has stopped growing."""
        before, now = None, self.evaluate(FIND)
        while now != before:
            time.sleep(SETTLE_SECONDS)
            before, now = now, self.evaluate(FIND)
        return now

    def _plug_in(self) -> str:
        """Give the session a keyboard and a pointer, by Mutter's own interface for remote hands: without any, no program asks for them."""
        self._plug = Service(MUTTER, "/org/gnome/Mutter/RemoteDesktop", self.bus)
        (path,) = self._plug.call(MUTTER, "CreateSession")
        self._plug.call(f"{MUTTER}.Session", "Start", path=path)
        self._plug.call(f"{MUTTER}.Session", "NotifyPointerMotionRelative", "dd", 1.0, 1.0, path=path)
        for down in (True, False):
            self._plug.call(f"{MUTTER}.Session", "NotifyKeyboardKeycode", "ub", SHIFT, down, path=path)
        return str(path)

    def _click(self, x: int, y: int) -> None:
        assert self._plug
        at = self.evaluate("global.get_pointer()")
        self._plug.call(f"{MUTTER}.Session", "NotifyPointerMotionRelative", "dd", float(x - at[0]), float(y - at[1]), path=self._hands)
        time.sleep(0.3)
        for down in (True, False):
            self._plug.call(f"{MUTTER}.Session", "NotifyPointerButton", "ib", LEFT_BUTTON, down, path=self._hands)
        time.sleep(0.3)

    def close(self) -> None:
        self._closed.set()
        if self._clerk:
            self._clerk.join()
        for service in (self._shell, self._plug):
            if service:
                service.close()
        for process in reversed(self._processes):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            process.wait()
            if process.stdout:
                process.stdout.close()
        self._folder.cleanup()


def _wait_for(socket: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not socket.exists():
        assert time.monotonic() < deadline, f"{socket.name} does not come"
        time.sleep(0.05)


def system_python() -> str:
    system = Path("/usr/bin/python3")
    return str(system) if system.exists() else sys.executable
