"""Where a server listens, and the token that those must know who reach it from elsewhere."""

from __future__ import annotations

import secrets
import socket
import sys
from pathlib import Path

from deftly.errors import UsageError

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def token_for(file: Path | None, host: str) -> str | None:
    """The token of the file; a new one where there is no such file yet, for its owner's eyes only.

    Raises:
        UsageError: others can reach the computer, and there is no token; or one that can be guessed.
    """
    if file is None:
        if host not in LOOPBACK:
            raise UsageError(f"at {host} other machines could use this computer: give --token-file FILE")
        return None
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(32) + "\n", encoding="ascii")
        print(f"a new token is in {file}", file=sys.stderr)
    from deftly.workplace import read_secret

    token = read_secret(file)
    if token is None or len(token) < 16 or not token.isascii():
        raise UsageError(f"the token in {file} could be guessed: it should be 16 or more ASCII characters")
    return token


def bind(host: str, port: int) -> socket.socket:
    """Listening before anything is said, so that whoever reads the line can connect.

    Raises:
        UsageError: that address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise UsageError(f"cannot listen at {host}, port {port}: {error}") from error
