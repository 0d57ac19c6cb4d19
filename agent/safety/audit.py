"""The audit log of a run: who allowed what and why, one JSON object a line, each chained to the one before by its hash.

    {"n": 0, "at": 1732461731.2, "event": "start", …, "before": "0…0", "hash": "9f…"}

`hash` is SHA-256 over the line without it; `before` is the hash of the line before. A line that is changed, moved or taken out of the
middle breaks the chain. The end of a finished log is an `end` event, so that lines cut off at the end show, too. Whoever can write the
file can also write a new chain: to notice that, keep the last hash elsewhere (`deftly episodes audit` prints it).
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.cleaning import cleaned
from agent.durable import append_line
from agent.endings import RecordingFailed

FILE = "audit.jsonl"
ROOT = "0" * 64


class AuditError(ValueError):
    """A log that was changed, or is none; the message names the line and what does not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """A log whose chain holds: its entries, the last hash, and whether it was ended in order."""

    entries: tuple[dict[str, Any], ...]
    last_hash: str
    complete: bool


class AuditLog:
    """Appends to the log in `folder`; every line is on disk before `write` returns. `clean` takes secrets out of texts."""

    def __init__(self, folder: Path, clean: Callable[[str], str] = str) -> None:
        self._file = folder / FILE
        self._clean = clean
        self._lock = threading.Lock()
        self._number, self._last = 0, ROOT

    def write(self, event: str, **told: object) -> None:
        """Append `event` with what is `told` of it: JSON values.

        Raises:
            RecordingFailed: it cannot be written; what was to be noted does not happen then.
        """
        with self._lock:
            entry = {"n": self._number, "at": round(time.time(), 3), "event": event, **cleaned(told, self._clean), "before": self._last}
            digest = hash_of(entry)
            try:
                append_line(self._file, _line(entry | {"hash": digest}))
            except OSError as error:
                raise RecordingFailed(f"the audit log cannot be written to {self._file}: {error.strerror or error}") from error
            self._number, self._last = self._number + 1, digest


def read_audit(folder: Path) -> Audited:
    """The log in `folder`, checked.

    Raises:
        AuditError: there is none, or it is not as it was written.
    """
    file = folder / FILE
    if not file.is_file():
        raise AuditError(f"{folder} has no {FILE}: the run kept no audit log")
    *lines, rest = file.read_bytes().split(b"\n")
    if rest:
        raise AuditError(f"{file}, line {len(lines) + 1} is torn: the process died while it wrote it, or the end was cut off")
    entries: list[dict[str, Any]] = []
    before = ROOT
    for number, line in enumerate(lines):
        entry = _checked(line, number, before, f"{file}, line {number + 1}")
        before = entry["hash"]
        entries.append(entry)
    return Audited(entries=tuple(entries), last_hash=before, complete=bool(entries) and entries[-1]["event"] == "end")


def hash_of(entry: dict[str, Any]) -> str:
    """The digest of `entry`, its own `hash` left out."""
    return hashlib.sha256(_line({name: value for name, value in entry.items() if name != "hash"})).hexdigest()


def _checked(line: bytes, number: int, before: str, where: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError as error:
        raise AuditError(f"{where} is not JSON: it was changed") from error
    if not isinstance(entry, dict) or not isinstance(entry.get("event"), str):
        raise AuditError(f"{where} is no entry of an audit log")
    if entry.get("n") != number or entry.get("before") != before:
        raise AuditError(f"{where} does not follow the line before it: lines were taken out, put in or moved")
    if entry.get("hash") != hash_of(entry):
        raise AuditError(f"{where} does not have the hash that it says: it was changed")
    return entry


def _line(entry: dict[str, Any]) -> bytes:
    return (json.dumps(entry, sort_keys=True, separators=(",", ":")) + "\n").encode()
