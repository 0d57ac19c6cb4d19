"""A virtual desktop: Xvfb with a window manager, and whatever is launched on it; nothing outlives its owner, however that one ends."""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import IO, Any

from actions.geometry import Size

DEFAULT_SIZE = Size(1280, 720)
LARGEST = 32767  # of X11; Xvfb takes more, and then shows something else
START_SECONDS = 30.0  # Xvfb needs 0.1 s on an idle machine
END_SECONDS = 3.0
PROBE_SECONDS = 0.3
DEBIAN_PACKAGES = {"Xvfb": "xvfb"}  # where the package is not called as the program is

# Reads the process groups of a desktop from its owner, one a line. When the owner dies, the pipe ends, and so do they.
# `kill -TERM -- -GROUP` is an error in dash, which is `sh` on Debian; `kill -s TERM -- -GROUP` works everywhere.
# A death signal (prctl) would not do: it comes when the *thread* that started a program ends, and skips grandchildren.
KEEPER = """
trap '' INT TERM HUP
while read -r group; do
    [ "$group" = leave ] && exit
    groups="$groups -$group"
done
[ -z "$groups" ] || { kill -s TERM -- $groups; sleep 1; kill -s KILL -- $groups; } 2>/dev/null
"""


class VirtualDesktopError(ValueError):
    """A virtual desktop or a program on it could not be started; the message says why and the command that mends it."""


class VirtualDesktop:
    """An X server of its own that shows on no screen, with `window_manager` on it (`None` for none).

    `number` is its display's; the lowest that is free unless given.

    Raises:
        VirtualDesktopError: a program is missing or did not start.
    """

    def __init__(self, size: Size = DEFAULT_SIZE, window_manager: str | None = "openbox", number: int | None = None) -> None:
        if not (1 <= size.width <= LARGEST and 1 <= size.height <= LARGEST):
            raise VirtualDesktopError(f"size is {size}: a screen is from 1x1 to {LARGEST}x{LARGEST}")
        _check_installed("Xvfb", *([window_manager] if window_manager else []))
        self.size = size
        self.display = ""
        self._children: list[subprocess.Popen[bytes]] = []
        self._keeper = subprocess.Popen(["sh", "-c", KEEPER], stdin=subprocess.PIPE, start_new_session=True)
        atexit.register(self.close)
        try:
            self.display = self._start_server(number)
            if window_manager:
                self._start_window_manager(window_manager)
        except BaseException:
            self.close()
            raise

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs in its environment to appear on this desktop and on no other."""
        inherited = {name: value for name, value in os.environ.items() if name not in ("WAYLAND_DISPLAY", "XAUTHORITY")}
        return inherited | {"DISPLAY": self.display, "XDG_SESSION_TYPE": "x11"}

    def launch(self, argv: Sequence[str], env: Mapping[str, str] | None = None, **options: Any) -> subprocess.Popen[bytes]:
        """Start a program on this desktop. It ends with the desktop, and so do its own children.

        `env` is added to `environment`; `options` go to `subprocess.Popen`. Its output is thrown away unless they say otherwise.

        Raises:
            VirtualDesktopError: there is no such program.
        """
        _check_installed(argv[0])
        return self._spawn(argv, {**self.environment, **(env or {})}, **options)

    def close(self) -> None:
        """End everything that was started here, the server last. Safe to call twice."""
        atexit.unregister(self.close)
        for child in reversed(self._children):
            _end(child)
        self._children.clear()
        if self._keeper.stdin and not self._keeper.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self._keeper.communicate(b"leave\n")

    def __enter__(self) -> VirtualDesktop:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _start_server(self, wanted: int | None) -> str:
        """Xvfb picks a free number itself and writes it down, so that two desktops that start at once never collide."""
        read_end, write_end = os.pipe()
        with os.fdopen(read_end, "rb") as pipe, tempfile.TemporaryFile() as said:
            try:
                name = [] if wanted is None else [f":{wanted}"]
                argv = ["Xvfb", *name, "-displayfd", str(write_end), "-screen", "0", f"{self.size}x24", "-nolisten", "tcp", "-noreset"]
                server = self._spawn(argv, os.environ, pass_fds=(write_end,), stderr=said)
            finally:
                os.close(write_end)
            number = _read_line(pipe, START_SECONDS)
            if not number:
                raise VirtualDesktopError(f"Xvfb did not start at {self.size} ({_fate(server)}): {_tail(said)}")
        return f":{number}"

    def _start_window_manager(self, name: str) -> None:
        with tempfile.TemporaryFile() as said:
            manager = self._spawn([name], self.environment, stderr=said)
            if (
                not _wait_until(lambda: manager.poll() is not None or _is_managed(self.display), START_SECONDS)
                or manager.poll() is not None
            ):
                raise VirtualDesktopError(f"{name} did not start on display {self.display} ({_fate(manager)}): {_tail(said)}")

    def _spawn(self, argv: Sequence[str], env: Mapping[str, str], **options: Any) -> subprocess.Popen[bytes]:
        """Start a program in a session of its own, and tell the keeper."""
        settings: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL) | options
        child: subprocess.Popen[bytes] = subprocess.Popen(list(argv), env=dict(env), start_new_session=True, **settings)
        self._children.append(child)
        assert self._keeper.stdin is not None
        self._keeper.stdin.write(f"{child.pid}\n".encode())
        self._keeper.stdin.flush()
        return child


def wait_for_window(display: str, program: subprocess.Popen[bytes], name: str, seconds: float = START_SECONDS) -> None:
    """Until `program` shows a window, so that the model is not asked about an empty desktop; `seconds` at most.

    Raises:
        VirtualDesktopError: it failed before it showed one.
    """
    from Xlib import Xatom

    from actions.backends.x11_connection import open_display

    connection = open_display(display)
    try:
        windows = connection.intern_atom("_NET_CLIENT_LIST")

        def shows() -> bool:
            shown = connection.screen().root.get_full_property(windows, Xatom.WINDOW)
            return shown is not None and len(shown.value) > 0

        _wait_until(lambda: shows() or program.poll(), seconds)
        if program.poll() and not shows():
            raise VirtualDesktopError(f"{name!r} ended with exit code {program.returncode} before it showed a window")
    finally:
        connection.close()


def _check_installed(*programs: str) -> None:
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        packages = " ".join(DEBIAN_PACKAGES.get(program, program) for program in missing)
        raise VirtualDesktopError(f"{' and '.join(missing)} not found: install with `apt-get install {packages}`")


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a program and all of its session: asked first, then not asked."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, kind)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(END_SECONDS)


def _is_managed(display: str) -> bool:
    """Whether a window manager shows a window that asks to be shown.

    The standard sign of life (_NET_SUPPORTING_WM_CHECK) is not enough: openbox sets it first and then loses the windows that
    ask before its main loop runs, 2 of 8 here. So a probe asks, and is withdrawn; the caller tries again if it was lost.
    """
    from Xlib import X

    from actions.backends.x11_connection import open_display

    connection = open_display(display)
    try:
        if connection.screen().root.get_full_property(connection.intern_atom("_NET_SUPPORTING_WM_CHECK"), X.AnyPropertyType) is None:
            return False
        state = connection.intern_atom("WM_STATE")
        probe = connection.screen().root.create_window(0, 0, 1, 1, 0, X.CopyFromParent)
        probe.map()
        connection.sync()
        return _wait_until(lambda: probe.get_full_property(state, X.AnyPropertyType) is not None, PROBE_SECONDS)
    finally:
        connection.close()


def _wait_until(ready: Callable[[], object], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _read_line(pipe: IO[bytes], seconds: float) -> str:
    """The first line, or nothing when the other end closes or `seconds` pass without a word."""
    readable, _, _ = select.select([pipe], [], [], seconds)
    return pipe.readline().decode().strip() if readable else ""


def _fate(program: subprocess.Popen[bytes]) -> str:
    try:
        return f"exit code {program.wait(1)}"  # it closes its pipe a moment before it ends
    except subprocess.TimeoutExpired:
        return f"no answer in {START_SECONDS:g} s"


def _tail(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read().decode(errors="replace").split("\n")
    return " ".join(line.strip() for line in lines if line.strip())[-300:] or "it did not say why"
