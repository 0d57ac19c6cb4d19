"""A vLLM process under supervision: started, watched, started again when it dies, and taken down with all of its children.

    starting ──► ok ──► down ──► starting …        stopping ends it from anywhere
       └──► failed, when it dies before it ever came up: a wrong option does not mend itself

It gets a session of its own, so that Ctrl-C in a terminal reaches us only and its answers in flight can be finished. On Linux the
kernel ends it when we are killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from server.backends.base import Condition, Status

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
STEADY_SECONDS = 300.0  # after so long a life, a death is the first one again
POLL_SECONDS = 0.25
STOP_SECONDS = 20.0
KILL_SECONDS = 5.0
# Run by the engine's own Python before vLLM: asks the kernel (PR_SET_PDEATHSIG) for a SIGTERM when its parent dies, then becomes vLLM.
TIED_TO_US = (
    "import ctypes, os, signal, sys\n"
    "if sys.platform.startswith('linux'):\n"
    "    ctypes.CDLL(None).prctl(1, signal.SIGTERM)\n"
    "    if os.getppid() != int(sys.argv[1]): sys.exit(1)\n"
    "os.execv(sys.argv[2], sys.argv[2:])\n"
)


class UnfitEngine(RuntimeError):
    """It runs and answers, but not as it was asked to; the message says how it is instead."""


class VllmProcess:
    """Keeps `command`, which listens at `socket`, running; `is_healthy` asks it whether it can answer, or raises `UnfitEngine`."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], socket: Path, is_healthy: Callable[[], Awaitable[bool]]
    ) -> None:
        self._command = tuple(command)
        self._environment = dict(environment)
        self._socket = socket
        self._is_healthy = is_healthy
        self._process: asyncio.subprocess.Process | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._condition: Condition = "starting"
        self._detail = ""
        self._num_restarts = 0
        self._came_up = False

    @property
    def status(self) -> Status:
        return Status(condition=self._condition, detail=self._detail, num_restarts=self._num_restarts)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        self._supervisor = asyncio.create_task(self._supervise())

    async def stop(self) -> None:
        """End it, politely at first."""
        if self._condition != "failed":
            self._condition = "stopping"
        if self._supervisor:
            self._supervisor.cancel()
            with suppress(asyncio.CancelledError):
                await self._supervisor
        await self._end()

    async def _supervise(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            began = time.monotonic()
            await self._live()
            if not self._came_up:
                self._condition = "failed"
                return
            pause = FIRST_PAUSE_SECONDS if time.monotonic() - began > STEADY_SECONDS else pause
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            self._num_restarts += 1

    async def _live(self) -> None:
        """One life of the process, from its start to its death."""
        self._condition = "starting"
        self._socket.unlink(missing_ok=True)  # one that was killed left it, and would keep the next one from starting
        # Python itself, not a preexec_fn: that would run between fork and exec of a process with threads.
        self._process = await asyncio.create_subprocess_exec(
            self._command[0],
            "-c",
            TIED_TO_US,
            str(os.getpid()),
            *self._command,
            env=self._environment,
            start_new_session=True,
            stdout=sys.stderr,
        )
        died = asyncio.ensure_future(self._process.wait())
        unfit = ""
        while not died.done():
            await asyncio.wait((died,), timeout=POLL_SECONDS)
            try:
                healthy = not died.done() and await self._is_healthy()
            except UnfitEngine as error:
                unfit, healthy = str(error), False
                await self._end()
            if healthy:
                self._condition = "ok"
                self._came_up = True
                await asyncio.wait((died,))
        self._condition, self._detail = "down", unfit or _how_it_ended(died.result())
        await self._end(politely=False)  # its children may have outlived it

    async def _end(self, *, politely: bool = True) -> None:
        process = self._process
        if process is None:
            return
        for number, seconds in ((signal.SIGTERM, STOP_SECONDS if politely else 0.0), (signal.SIGKILL, KILL_SECONDS)):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._group_gone(process), seconds)
                return

    async def _group_gone(self, process: asyncio.subprocess.Process) -> None:
        await process.wait()
        with suppress(ProcessLookupError):
            while True:
                os.killpg(process.pid, 0)
                await asyncio.sleep(0.05)


def _how_it_ended(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
