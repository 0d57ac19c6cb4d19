"""What a server is told: who may come, how much they may ask for, and how long it waits. Data only."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one client, and all together, may ask for."""

    body_bytes: int = 32 << 20
    all_bodies_bytes: int = 256 << 20  # of requests in flight, together
    body_seconds: float = 60.0  # for a body to arrive in full
    image_pixels: int = 4096 * 4096
    images: int = 32  # a request
    history_steps: int = 256  # of /v1/act
    requests: int = 128  # at once
    runs: int = 1  # at once, on this machine's screens
    drain_seconds: float = 60.0  # that a stop waits for what is in flight


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may come. Without a `token` only this machine may, so the server must be bound to a loopback address."""

    host: str = "127.0.0.1"
    token: str | None = None
    hosts: frozenset[str] = frozenset()  # further names by which clients may call this server
    origins: frozenset[str] = frozenset()  # further web origins whose pages may call it, as scheme://host:port
    media_hosts: frozenset[str] = frozenset()  # hosts from which the engine may fetch images that clients name by URL

    def __post_init__(self) -> None:
        if self.token is None and not is_loopback(self.host):
            raise OpenServer(
                f"host is {self.host!r}, which others can reach, and there is no token: give --token-file FILE (or DEFTLY_TOKEN), "
                "or bind to 127.0.0.1"
            )
        if self.token is not None and len(self.token) < 16:
            raise OpenServer("the token is shorter than 16 characters: make a longer one, with `openssl rand -hex 32` for instance")


class OpenServer(ValueError):
    """The server would be open to people who were not asked in; the message says what to set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """All that the application is told."""

    access: Access = field(default_factory=Access)
    limits: Limits = field(default_factory=Limits)
    otlp_endpoint: str | None = None  # where traces go; none when absent


def is_loopback(host: str) -> bool:
    """Whether an address or name means this machine only."""
    name = host.strip("[]")
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
