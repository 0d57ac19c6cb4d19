"""The desktop of a VNC server as a computer: any machine, container or virtual machine that shows itself by RFB."""

from __future__ import annotations

import threading
import time

from actions.backends.rfb import RfbBackend
from actions.backends.rfb_client import RfbClient
from actions.errors import DisplayGone
from actions.executor import Executor
from actions.geometry import Geometry
from agent.computers.screen import ScreenComputer
from agent.endings import DisplayLost
from agent.screenshot import Raw

DEFAULT_PORT = 5900
PAUSE_SECONDS = 0.1


class VncComputer(ScreenComputer):
    """The desktop of the VNC server at `host` and `port`.

    `password` is for servers that want one (VncAuth). `patience` is how many seconds a server that went away may take to come back.

    Raises:
        DisplayLost: there is no such server, or it does not let us in.
    """

    def __init__(
        self,
        host: str,
        port: int = DEFAULT_PORT,
        *,
        password: str | None = None,
        settle: bool = True,
        stop: threading.Event | None = None,
        patience: float = 5.0,
    ) -> None:
        try:
            self._client = RfbClient(host, port, password)
            hands = Executor(RfbBackend(self._client), stop)
        except DisplayGone as error:
            raise DisplayLost(str(error)) from error
        super().__init__(
            VncEyes(self._client, patience), hands, open_watching_eyes=lambda: VncEyes(self._client, patience=0), settle=settle
        )

    def close(self) -> None:
        super().close()
        self._client.close()


class VncEyes:
    """Looks at the picture that `client` keeps up to date. With `patience` it connects anew to a server that went away."""

    def __init__(self, client: RfbClient, patience: float) -> None:
        self._client = client
        self._patience = patience
        self.losses = 0

    @property
    def geometry(self) -> Geometry:
        width, height = self._client.size
        return Geometry(left=0, top=0, width=width, height=height)

    def grab_raw(self) -> Raw:
        deadline = time.monotonic() + self._patience
        while True:
            try:
                picture = self._client.picture()
                height, width = picture.shape
                return Raw(bytearray(picture.data), Geometry(left=0, top=0, width=width, height=height))
            except DisplayGone as error:
                self._come_back(error, deadline)

    def _come_back(self, error: DisplayGone, deadline: float) -> None:
        """Connect anew, or wait a moment before the next try."""
        if time.monotonic() >= deadline:
            raise DisplayLost(str(error)) from error
        try:
            self._client.reopen()
            self.losses += 1
        except DisplayGone:
            time.sleep(PAUSE_SECONDS)

    def close(self) -> None:
        """The client is the computer's to close."""
