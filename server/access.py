"""Who may come in: host names, origins, tokens, and what pages must prove. One small ASGI layer in front of everything.

Host      a name by which nobody calls this server is DNS rebinding: 421
token     `Authorization: Bearer …`, or the cookie that POST /session gave for it: else 401
browser   an unsafe request with a browser's marks (Origin, Sec-Fetch-Site, Cookie) must come from our own page and carry the
          page's CSRF token in `X-Deftly-CSRF`, unless it has a bearer token, which no foreign page can know: else 403
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from server.errors import ApiError
from server.settings import Access, is_loopback

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection
    from starlette.types import ASGIApp, Receive, Scope, Send

SESSION_COOKIE = "deftly_session"
CSRF_HEADER = "x-deftly-csrf"
SESSION_SECONDS = 12 * 3600
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN_PATHS = frozenset({"/health", "/session", "/"})  # without a token: whether it lives, where one signs in, and the page that asks for it
OPEN_PREFIX = "/page/"  # what the page is made of: no secrets
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


class Doorkeeper:
    """Judges requests by `Access`; sessions are signed with a secret that dies with the process."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._secret = secrets.token_bytes(32)

    def check(self, connection: HTTPConnection, method: str) -> None:
        """Raise `ApiError` where a request may not come in."""
        headers, path = connection.headers, connection.scope["path"]  # not the URL, which a wrong Host makes unreadable
        self._check_host(headers.get("host", ""))
        bearer = self._has_bearer(headers.get("authorization", ""))
        session = connection.cookies.get(SESSION_COOKIE, "")
        if self._access.token is not None and not bearer and not self._is_session(session) and not _is_open(path):
            raise ApiError(401, "this server wants its token: send it as `Authorization: Bearer TOKEN`", code="invalid_api_key")
        socket = connection.scope["type"] == "websocket"
        if (method in SAFE_METHODS and not socket) or bearer:
            return
        if any(name in headers for name in ("origin", "sec-fetch-site", "cookie")):
            self._check_browser(connection, session, needs_csrf=not socket and path != "/session")

    def sign_in(self, token: str) -> str:
        """The value of the session cookie for whoever knows the token.

        Raises:
            ApiError: that is not the token.
        """
        if self._access.token is not None and not _same(token, self._access.token):
            raise ApiError(401, "that is not this server's token", code="invalid_api_key")
        expires = str(int(time.time()) + SESSION_SECONDS)
        nonce = secrets.token_hex(8)
        return f"{expires}.{nonce}.{self._sign(f'session {expires} {nonce}')}"

    def is_signed_in(self, connection: HTTPConnection) -> bool:
        """Whether a page is shown to whoever asks, or asks for the token first."""
        return (
            self._access.token is None
            or self._is_session(connection.cookies.get(SESSION_COOKIE, ""))
            or self._has_bearer(connection.headers.get("authorization", ""))
        )

    @property
    def needs_token(self) -> bool:
        return self._access.token is not None

    def csrf_token(self, connection: HTTPConnection) -> str:
        """What our page must send along with unsafe requests; other origins cannot read it."""
        return self._sign(f"csrf {connection.cookies.get(SESSION_COOKIE, '')}")

    def _check_host(self, host: str) -> None:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            name = ""
        if is_loopback(name) or name in self._access.hosts or name == self._access.host or (self._access.token and _is_address(name)):
            return
        raise ApiError(
            421, f"this server is not called {host!r}: add --allow-host {host.partition(':')[0]} if it should be", code="wrong_host"
        )

    def _check_browser(self, connection: HTTPConnection, session: str, *, needs_csrf: bool) -> None:
        headers = connection.headers
        origin = headers.get("origin")
        ours = {f"{scheme}://{headers.get('host', '')}" for scheme in ("http", "https")} | self._access.origins
        if (origin is not None and origin not in ours) or (
            origin is None and headers.get("sec-fetch-site", "none") not in ("same-origin", "none")
        ):
            raise ApiError(
                403, f"pages of {origin or 'other sites'} may not do this: add --allow-origin if they should", code="wrong_origin"
            )
        if needs_csrf and not _same(headers.get(CSRF_HEADER, ""), self._sign(f"csrf {session}")):
            raise ApiError(403, "the page's token is missing or old: load the page again", code="csrf")

    def _has_bearer(self, authorization: str) -> bool:
        scheme, _, given = authorization.partition(" ")
        return self._access.token is not None and scheme.lower() == "bearer" and _same(given.strip(), self._access.token)

    def _is_session(self, cookie: str) -> bool:
        expires, _, rest = cookie.partition(".")
        nonce, _, signature = rest.partition(".")
        signed = _same(signature, self._sign(f"session {expires} {nonce}"))
        return signed and expires.isdigit() and int(expires) > time.time()

    def _sign(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()


class AccessLayer:
    """Lets in what the doorkeeper lets in, and puts the headers that browsers should see on every answer."""

    def __init__(self, app: ASGIApp, doorkeeper: Doorkeeper) -> None:
        self._app = app
        self._doorkeeper = doorkeeper

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        from starlette.requests import HTTPConnection

        async def send_guarded(message: object) -> None:
            if message["type"] == "http.response.start":  # type: ignore[index]
                present = {name for name, _ in message["headers"]}  # type: ignore[index]
                message["headers"] = [*message["headers"], *(pair for pair in HEADERS if pair[0] not in present)]  # type: ignore[index]
            await send(message)  # type: ignore[arg-type]

        try:
            self._doorkeeper.check(HTTPConnection(scope), scope.get("method", "GET"))
        except ApiError as error:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008, "reason": error.message[:120]})
                return
            await error.response()(scope, receive, send_guarded)
            return
        await self._app(scope, receive, send_guarded)


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(OPEN_PREFIX)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())
