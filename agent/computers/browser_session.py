"""A headless Chromium on an event loop of its own thread, so that any thread may look at it and act on it; one of its tabs is in front.

The tab in front is the one that came last: a pop-up comes to the front by itself, and when it is closed, the one before it does.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import urlsplit

from actions.errors import DisplayGone
from actions.geometry import Size
from agent.computers.chromium import QUIET_FLAGS, find_chromium, sandbox_flags

if TYPE_CHECKING:
    from playwright.async_api import Browser, CDPSession, Dialog, Frame, Page, Playwright, Request

T = TypeVar("T")
Answer = Literal["accept", "dismiss"]

OPEN_SECONDS = 60.0
CALL_SECONDS = 30.0
CLOSE_SECONDS = 10.0
STREAM_SECONDS = 3.0  # a request that takes longer is a stream or a long poll, which nobody waits for
DEFAULT_SIZE = Size(1280, 720)  # CSS pixels
# A page may not lead to files of this machine, or to Chromium's own pages.
WEB_SCHEMES = ("http", "https", "about", "data", "blob")


class BrowserError(ValueError):
    """The browser cannot be opened as asked; the message says why and how to mend it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserOptions:
    """How a browser looks and what it may do.

    Args:
        size: of the page, in CSS pixels.
        scale: device pixels per CSS pixel; screenshots are `size` times `scale`.
        schemes: of the addresses that a tab may show; the scheme of the first address is always one of them.
        dialogs: how `confirm` and `prompt` are answered. An `alert` is accepted, as is leaving a page.
    """

    size: Size = DEFAULT_SIZE
    scale: float = 1.0
    schemes: tuple[str, ...] = WEB_SCHEMES
    dialogs: Answer = "dismiss"
    program: str | None = None

    def __post_init__(self) -> None:
        if not all(1 <= side <= 8192 for side in self.size) or not 0.25 <= self.scale <= 8:
            raise BrowserError(f"a page of {self.size} at scale {self.scale:g}: sides are from 1 to 8192, the scale from 0.25 to 8")
        if self.dialogs not in ("accept", "dismiss"):
            raise BrowserError(f"dialogs is {self.dialogs!r}: it must be accept or dismiss")


class BrowserSession:
    """Chromium, open at `url`.

    Raises:
        BrowserError: there is no Chromium or no Playwright, or the address cannot be opened.
    """

    def __init__(self, url: str, options: BrowserOptions) -> None:
        self.options = options
        self._schemes = {*options.schemes, urlsplit(url).scheme}
        self._tabs: list[Page] = []
        self._sessions: dict[Page, CDPSession] = {}
        self._requests: dict[Request, float] = {}
        self._notes: list[str] = []
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="browser", daemon=True)
        self._thread.start()
        try:
            self.call(self._open(url), OPEN_SECONDS)
        except BaseException:
            self.close()
            raise

    def call(self, work: Coroutine[Any, Any, T], seconds: float = CALL_SECONDS) -> T:
        """Do `work` on the browser's thread and wait for it.

        Raises:
            DisplayGone: the browser is gone, or hangs.
        """
        if self._loop.is_closed():
            work.close()
            raise DisplayGone("the browser is closed")
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(seconds)
        except TimeoutError:
            future.cancel()
            raise DisplayGone(f"the browser did not answer in {seconds:g} s") from None
        except Exception as error:
            if not _is_playwrights(error):
                raise
            raise DisplayGone(f"the browser does not answer: {str(error).splitlines()[0]}") from error

    @property
    def page(self) -> Page:
        """The tab in front.

        Raises:
            DisplayGone: every tab is closed, or the browser is.
        """
        if not self.is_open:
            raise DisplayGone("the browser is gone" if self._tabs else "every tab of the browser is closed")
        return self._tabs[-1]

    @property
    def is_open(self) -> bool:
        """Whether the browser is there and has a tab."""
        return not self._loop.is_closed() and bool(self._tabs) and self._browser is not None and self._browser.is_connected()

    @property
    def busy(self) -> bool:
        """Whether what the page has asked for is still on its way."""
        newest = time.monotonic() - STREAM_SECONDS
        return any(asked > newest for asked in tuple(self._requests.values()))

    def take_notes(self) -> list[str]:
        """What happened besides, since the last time: dialogs that were answered, tabs that opened and closed."""
        taken, self._notes = self._notes, []
        return taken

    async def cdp(self) -> CDPSession:
        """Chromium's own protocol with the tab in front."""
        page = self.page
        if page not in self._sessions:
            self._sessions[page] = await page.context.new_cdp_session(page)
        return self._sessions[page]

    def close(self) -> None:
        """End the browser and its thread. Safe to call twice."""
        if self._loop.is_closed():
            return
        with suppress(DisplayGone):
            self.call(self._close(), CLOSE_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self, url: str) -> None:
        try:
            from playwright.async_api import Error, async_playwright
        except ImportError as error:
            raise BrowserError("Playwright is not installed: pip install 'deftly[browser]'") from error
        self._playwright = await async_playwright().start()
        try:
            self._browser = await self._playwright.chromium.launch(
                executable_path=self.options.program or find_chromium(),
                args=[*QUIET_FLAGS, *sandbox_flags()],
                handle_sigint=False,  # Ctrl-C is for whoever owns this browser; it is closed in order
                handle_sigterm=False,
                handle_sighup=False,
            )
        except Error as error:
            raise BrowserError(f"Chromium did not start: {str(error).splitlines()[0]}. On Debian: apt-get install chromium") from error
        width, height = self.options.size
        context = await self._browser.new_context(
            viewport={"width": width, "height": height}, device_scale_factor=self.options.scale, accept_downloads=False
        )
        context.on("page", self._follow)
        context.on("request", self._asked)
        context.on("requestfinished", self._got)
        context.on("requestfailed", self._got)
        page = await context.new_page()
        self._notes.clear()
        try:
            await page.goto(url, wait_until="domcontentloaded")
        except Error as error:
            raise BrowserError(f"cannot open {url}: {str(error).splitlines()[0]}") from error

    def _follow(self, page: Page) -> None:
        self._tabs.append(page)
        self._notes.append("a new tab opened, and is in front")
        page.on("close", self._leave)
        page.on("crash", self._leave)
        page.on("dialog", self._answer)
        page.on("framenavigated", self._check_address)

    def _asked(self, request: Request) -> None:
        self._requests[request] = time.monotonic()

    def _got(self, request: Request) -> None:
        self._requests.pop(request, None)

    def _leave(self, page: Page) -> None:
        self._sessions.pop(page, None)
        self._requests.clear()  # its own will never finish
        if page in self._tabs:
            self._tabs.remove(page)
            self._notes.append("the tab was closed")

    async def _answer(self, dialog: Dialog) -> None:
        """A headless browser shows no dialogs, and its page waits for their answer."""
        accepted = dialog.type in ("alert", "beforeunload") or self.options.dialogs == "accept"
        self._notes.append(f"the page asked ({dialog.type}): {dialog.message!r}; it was {'accepted' if accepted else 'dismissed'}")
        await (dialog.accept(dialog.default_value) if accepted else dialog.dismiss())

    async def _check_address(self, frame: Frame) -> None:
        scheme = urlsplit(frame.url).scheme
        if scheme in self._schemes or frame.parent_frame is not None or frame.url.startswith("chrome-error:"):
            return
        self._notes.append(f"{scheme}: addresses may not be opened here; the tab is blank")
        await frame.goto("about:blank")

    async def _close(self) -> None:
        if self._browser is not None:
            await self._browser.close()
        if self._playwright is not None:
            await self._playwright.stop()


def _is_playwrights(error: Exception) -> bool:
    from playwright.async_api import Error

    return isinstance(error, Error)
