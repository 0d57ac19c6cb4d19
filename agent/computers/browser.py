"""A headless browser as a computer: pages as pixels, acted on by Chromium's own input events; no display is needed."""

from __future__ import annotations

import base64
import threading
import time
from typing import Any

from actions.errors import DisplayGone
from actions.geometry import Geometry
from agent.computers.browser_hands import BrowserBackend, BrowserHands
from agent.computers.browser_session import BrowserOptions, BrowserSession
from agent.computers.screen import ScreenComputer, raw_from_png
from agent.endings import DisplayLost
from agent.screenshot import Raw

LOAD_SECONDS = 8.0  # a page that takes longer is looked at as it is
POLL_SECONDS = 0.02
REPLACED_SECONDS = 2.0  # a page that is just being replaced by another cannot be seen; longer than this means that something is wrong


class BrowserComputer(ScreenComputer):
    """Chromium at `url`. It is looked at once what it has asked for has come, and its pixels have settled.

    `stop` is the kill switch: once it is set, the hands do nothing more.

    Raises:
        BrowserError: there is no Chromium, or the address cannot be opened.
    """

    def __init__(
        self, url: str, options: BrowserOptions | None = None, *, settle: bool = True, stop: threading.Event | None = None
    ) -> None:
        self.session = BrowserSession(url, options or BrowserOptions())
        super().__init__(
            BrowserEyes(self.session),
            BrowserHands(self.session, stop),
            open_watching_eyes=lambda: BrowserEyes(self.session),
            settle=settle,
        )

    @property
    def url(self) -> str:
        """The address of the tab in front."""
        return self.session.page.url

    def close(self) -> None:
        super().close()
        self.session.close()

    def _look_settled(self) -> Raw:
        raw = super()._look_settled()
        deadline = time.monotonic() + LOAD_SECONDS
        while self.session.busy and time.monotonic() < deadline:
            while self.session.busy and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)
            raw = super()._look_settled()
        return raw


class BrowserEyes:
    """Looks at the tab in front, by `Page.captureScreenshot`, 40 ms at 1280x720. Any number may look, each from its own thread."""

    losses = 0  # a browser that is gone does not come back

    def __init__(self, session: BrowserSession) -> None:
        self._session = session
        size = BrowserBackend(session).screen_size()
        self._geometry = Geometry(left=0, top=0, width=size.width, height=size.height)

    @property
    def geometry(self) -> Geometry:
        return self._geometry

    def grab_raw(self) -> Raw:
        deadline = time.monotonic() + REPLACED_SECONDS
        while True:
            try:
                return self._develop(self._session.call(self._capture()))
            except DisplayGone as error:
                if not self._session.is_open or time.monotonic() > deadline:
                    raise DisplayLost(str(error)) from error
                time.sleep(POLL_SECONDS)

    async def _capture(self) -> bytes:
        if self._session.options.scale != 1:
            # Measured: a screenshot past Playwright, which emulates the scale, takes it from the page, and clicks are lost from then on.
            return await self._session.page.screenshot(scale="device", caret="initial", animations="allow")
        session = await self._session.cdp()
        told: dict[str, Any] = await session.send("Page.captureScreenshot", {"format": "png", "optimizeForSpeed": True})
        return base64.b64decode(told["data"])

    def _develop(self, png: bytes) -> Raw:
        raw = raw_from_png(png)
        self._geometry = raw.geometry
        return raw

    def close(self) -> None:
        """The session is the computer's to close."""
