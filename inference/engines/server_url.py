"""The URL of a model server: checked, and as it may be shown."""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit, urlunsplit

DEFAULT_BASE_URL = "http://127.0.0.1:8000/v1"


def checked_url(base_url: str) -> str:
    """`base_url` without what does not belong there, and with the usual `/v1` where it has no path.

    Raises:
        ValueError: it is no URL of a server.
    """
    parts = urlsplit(base_url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"base_url is {base_url!r}: it must be the URL of a server, such as {DEFAULT_BASE_URL}")
    path = parts.path.rstrip("/") or "/v1"
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def tls_of(url: str) -> ssl.SSLContext | bool:
    """Without TLS there is nothing to verify, and the authorities' certificates, slow to load, are left out: none is trusted."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if url.startswith("http:") else True


def is_loopback(url: str) -> bool:
    """Whether it is this machine's own."""
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def without_password(url: str) -> str:
    """For messages: a URL may carry a user and a password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
