"""Who holds a computer: one client at a time, for as long as it gives signs of life; when they end, everything that it held is released."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from agent.computers.base import Computer
from agent.endings import DisplayLost

T = TypeVar("T")
CHECKS_IN_A_LEASE = 10


class InUse(ValueError):
    """Another client holds the computer."""


class NoSession(ValueError):
    """The session is over: it was closed, or its client gave no sign of life for too long."""


class Lease:
    """Lends `computer` to one session at a time. Every use of it goes through `use`, one after the other.

    A client that gives no sign of life for `seconds` has lost it. `stop` is the kill switch with which `computer` was opened.
    """

    def __init__(self, computer: Computer, stop: threading.Event, seconds: float) -> None:
        self.seconds = seconds
        self._computer = computer
        self._stop = stop
        self._state = threading.Lock()
        self._using = threading.Lock()
        self._session = ""
        self._alive_until = 0.0
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="lease", daemon=True)
        self._thread.start()

    @property
    def taken(self) -> bool:
        with self._state:
            return bool(self._session)

    def begin(self) -> str:
        """A new session's name.

        Raises:
            InUse: there is a live one.
        """
        with self._state:
            if self._session:
                raise InUse("another client holds this computer: close that one, or wait until it is given up for lost")
            self._session = secrets.token_urlsafe(16)
            self._alive_until = time.monotonic() + self.seconds
            return self._session

    def renew(self, session: str) -> None:
        """A sign of life.

        Raises:
            NoSession: too late.
        """
        with self._state:
            self._check(session)
            self._alive_until = time.monotonic() + self.seconds

    @contextmanager
    def use(self, session: str) -> Iterator[Computer]:
        """The computer, for `session` and for nobody else meanwhile.

        Raises:
            NoSession: it is over.
        """
        with self._using:
            self.renew(session)
            yield self._computer
            with suppress(NoSession):  # ended meanwhile; what was done is done
                self.renew(session)

    def halt(self, session: str) -> None:
        """Whatever is being done for `session` ends at once, with everything released."""
        self.renew(session)
        self._halt()

    def end(self, session: str) -> None:
        """Give the computer back, with everything released."""
        with self._state:
            self._check(session)
            self._session = ""
        self._halt()

    def close(self) -> None:
        """End the session, if there is one, and watch no more. The computer is its owner's to close."""
        self._closed.set()
        self._thread.join()
        with self._state:
            self._session = ""
        self._halt()

    def _check(self, session: str) -> None:
        if not self._session or not secrets.compare_digest(session.encode(), self._session.encode()):
            raise NoSession("this session is over: its client gave no sign of life, or it was closed")

    def _halt(self) -> None:
        """Stop what is being done, and let go. The stop is taken back, for whoever comes next."""
        self._stop.set()
        with self._using:
            self._stop.clear()
            with suppress(DisplayLost):  # nothing is held on a display that is gone
                self._computer.release_all()

    def _watch(self) -> None:
        while not self._closed.wait(self.seconds / CHECKS_IN_A_LEASE):
            with self._state:
                lost = self._session and time.monotonic() > self._alive_until
                if lost:
                    self._session = ""
            if lost:
                self._halt()


def held_by(lease: Lease, session: str, work: Callable[[Computer], T]) -> T:
    """What `work` makes of the computer, for `session`."""
    with lease.use(session) as computer:
        return work(computer)
