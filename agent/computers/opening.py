"""Opens a computer by its address: the word before the first colon names its kind, the rest is for the kind to read.

    desktop            desktop::1            the desktop of $DISPLAY, or of that display; macOS or Windows
    wayland            wayland:ADDRESS       the desktop of a Wayland session, by its portal; or that of another session bus
    virtual            virtual:1280x720      a desktop of its own, that shows on no screen
    browser:URL                              a headless browser
    vnc://HOST:PORT                          the desktop of a VNC server
    http(s)://HOST:PORT                      a computer that `deftly computer serve` offers there
    osworld+http://HOST:5000                 a machine with an OSWorld-style server
    replay:FOLDER                            a recorded episode, that shows what was seen then

Other people's kinds join by the entry-point group `deftly.computers`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass

from actions.geometry import Size
from agent.computers.base import Computer
from plugins.errors import UnknownName
from plugins.registry import Registry


class UnknownComputer(UnknownName):
    """No kind of computer has that name; the message tells those that there are."""


class ComputerAddressError(ValueError):
    """An address that its kind of computer cannot read, or an option that it does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputerOptions:
    """What a computer may need besides its address.

    Args:
        size: of the screen, for kinds that make one of their own.
        program: what to start on a virtual desktop.
        secret: the token of a remote computer, or the password of a VNC server.
        stop: the kill switch: once it is set, the hands do nothing more.
    """

    size: Size | None = None
    program: tuple[str, ...] = ()
    secret: str | None = None
    stop: threading.Event | None = None


Opener = Callable[[str, ComputerOptions], Computer]

COMPUTERS: Registry[Opener] = Registry(
    "computer",
    group="deftly.computers",
    ours={
        "desktop": "agent.computers.opening:open_desktop",
        "wayland": "agent.computers.opening:open_wayland",
        "virtual": "agent.computers.opening:open_virtual",
        "browser": "agent.computers.opening:open_browser",
        "vnc": "agent.computers.opening:open_vnc",
        "http": "agent.computers.opening:open_remote",
        "osworld": "agent.computers.opening:open_osworld",
        "replay": "agent.computers.opening:open_replay",
    },
    aliases={"https": "http", "osworld+http": "osworld", "osworld+https": "osworld"},
    unknown=UnknownComputer,
)


def kind_of(address: str) -> str:
    """The name of the kind of computer at `address`.

    Raises:
        UnknownComputer: there is no such kind.
    """
    return COMPUTERS.find(address.partition(":")[0]).name


def open_computer(address: str, options: ComputerOptions | None = None) -> Computer:
    """The computer at `address`; the caller closes it.

    Raises:
        UnknownComputer: there is no such kind.
        ComputerAddressError: its kind cannot read the address, or does not know an option.
        DisplayLost: it is not there.
        EpisodeError: there is no episode to replay.
    """
    options = options or ComputerOptions()
    kind = kind_of(address)
    if options.program and kind != "virtual":
        raise ComputerAddressError(f"a program can be started on a virtual desktop, not on {address!r}")
    return COMPUTERS.get(kind)(address, options)


def open_desktop(address: str, options: ComputerOptions) -> Computer:
    from agent.computers.desktop import DesktopComputer

    return DesktopComputer(_rest(address) or None, stop=options.stop)


def open_wayland(address: str, options: ComputerOptions) -> Computer:
    from agent.computers.wayland.computer import WaylandComputer

    return WaylandComputer(_rest(address) or None, stop=options.stop)


def open_virtual(address: str, options: ComputerOptions) -> Computer:
    from agent.computers.virtual import DEFAULT_SIZE
    from agent.computers.virtual_computer import VirtualComputer

    size = _size(_rest(address)) if _rest(address) else options.size
    return VirtualComputer(size or DEFAULT_SIZE, options.program, stop=options.stop)


def open_browser(address: str, options: ComputerOptions) -> Computer:
    from agent.computers.browser import BrowserComputer
    from agent.computers.browser_session import BrowserOptions

    url = _rest(address)
    if not url:
        raise ComputerAddressError("browser: needs an address, as in browser:https://example.org")
    if not re.match(r"(?i)(about|data|file):|[a-z][a-z0-9+.-]*://", url):
        url = f"https://{url}"
    return BrowserComputer(url, BrowserOptions(size=options.size) if options.size else BrowserOptions(), stop=options.stop)


def open_vnc(address: str, options: ComputerOptions) -> Computer:
    """As in other viewers, a port below 100 is the number of a display."""
    from agent.computers.vnc import DEFAULT_PORT, VncComputer

    read = re.fullmatch(r"vnc://(\[[0-9A-Fa-f:.]+\]|[^/:@\s]+)(?::(\d{1,5}))?/?", address)
    port = int(read[2]) if read and read[2] else DEFAULT_PORT
    if read is None or port > 65535:
        raise ComputerAddressError(f"{address!r} is no address of a VNC server: it looks like vnc://HOST or vnc://HOST:PORT")
    return VncComputer(read[1].strip("[]"), port if port >= 100 else DEFAULT_PORT + port, password=options.secret, stop=options.stop)


def open_remote(address: str, options: ComputerOptions) -> Computer:
    from agent.computers.remote import RemoteComputer

    return RemoteComputer(address, token=options.secret, stop=options.stop)


def open_osworld(address: str, options: ComputerOptions) -> Computer:
    from agent.computers.osworld import OsWorldComputer

    return OsWorldComputer(address, stop=options.stop)


def open_replay(address: str, options: ComputerOptions) -> Computer:
    from agent.computers.replay import ReplayComputer
    from agent.episode import Episode

    if not _rest(address):
        raise ComputerAddressError("replay: needs the folder of an episode, as in replay:runs/2026-11-24_12-00-00_open-the-menu")
    return ReplayComputer(Episode.open(_rest(address)).steps)


def _rest(address: str) -> str:
    return address.partition(":")[2]


def _size(said: str) -> Size:
    read = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", said)
    if read is None:
        raise ComputerAddressError(f"{said!r} is no size: it looks like 1280x720")
    return Size(int(read[1]), int(read[2]))
