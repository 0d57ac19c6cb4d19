"""Durable files: what is written is on disk as a whole when the call returns, or not there at all."""

from __future__ import annotations

import os
from pathlib import Path


def append_line(path: Path, line: bytes) -> None:
    """`line` at the end of the file at `path`, all of it or none of it, and on disk."""
    with path.open("ab", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        try:
            left = memoryview(line)
            while left:
                left = left[file.write(left) :]
            os.fsync(file.fileno())
        except BaseException:  # Ctrl-C as well
            file.truncate(size)
            raise


def write_whole(path: Path, data: bytes) -> None:
    """`data` at `path`, all of it or none of it, and on disk."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        _sync_names(path.parent)
    except BaseException:  # Ctrl-C as well: what is half-written would only take up room
        part.unlink(missing_ok=True)
        raise


def _sync_names(folder: Path) -> None:
    """The names in `folder` on disk: without this a power cut may leave a file's bytes and take its name. Windows has no such call."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
