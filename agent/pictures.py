"""The pictures of an episode: each screen stored once, lossless and durable; begun ahead, while the model thinks.

`begin` starts to hash, encode, write and sync a screen on a thread of its own; `store` waits for that and gives the file. A picture that
was begun for a step which then looked again is taken away, so that a finished episode holds only what its steps saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from agent.durable import write_whole
from agent.screenshot import Screenshot


class Pictures:
    """Files under `folder`, an episode's; `known` are those that lie there already, by digest."""

    def __init__(self, folder: Path, known: Mapping[str, str]) -> None:
        self._folder = folder
        self._files = dict(known)
        self._writer: ThreadPoolExecutor | None = None
        self._begun: tuple[Screenshot, Future[tuple[str, bool]]] | None = None

    def __getitem__(self, sha256: str) -> str:
        """The file of the screen with this digest, relative to the episode."""
        return self._files[sha256]

    def begin(self, seen: Screenshot) -> None:
        """Start to store `seen`, which is what the next step will most likely have seen; returns at once."""
        self.forget_begun()
        self._writer = self._writer or ThreadPoolExecutor(1, thread_name_prefix="pictures")
        self._begun = seen, self._writer.submit(self._write, seen)

    def wait(self) -> None:
        """Until what was begun is on disk.

        Raises:
            OSError: it could not be written.
        """
        if self._begun:
            self._begun[1].result()

    def store(self, seen: Screenshot) -> str:
        """The file that `seen` lies in, on disk when this returns.

        Raises:
            OSError: it could not be written.
        """
        begun, self._begun = self._begun, None
        if begun and begun[0] is seen:
            file, _ = begun[1].result()
        else:
            self._begun = begun
            self.forget_begun()
            file, _ = self._write(seen)
        self._files[seen.sha256] = file
        return file

    def forget_begun(self) -> None:
        """Take away what was begun and is not needed."""
        begun, self._begun = self._begun, None
        if begun is None:
            return
        with suppress(OSError):  # it could not be written: nobody needs it
            file, is_new = begun[1].result()
            if is_new:
                (self._folder / file).unlink(missing_ok=True)

    def close(self) -> None:
        """End the thread; nothing that was begun is left half-done. Safe to call twice."""
        self.forget_begun()
        if self._writer:
            self._writer.shutdown()
            self._writer = None

    def _write(self, seen: Screenshot) -> tuple[str, bool]:
        """The file of `seen`, and whether it is a new one. No other picture is written meanwhile, so its number is free."""
        known = self._files.get(seen.sha256)
        if known is not None:
            return known, False
        file = f"screens/{len(self._files):04d}.png"
        write_whole(self._folder / file, seen.png)
        return file, True
