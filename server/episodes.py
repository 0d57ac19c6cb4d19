"""The episodes under a folder: listed and searched by what their small files say, opened by an id that is no path.

A summary is read again only when one of an episode's files has changed, so that a list of thousands costs a `stat` each.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from agent.episode import Episode, list_episodes

FILES = ("episode.json", "steps.jsonl", "end.json")
OPENED = 8  # episodes kept open: whoever looks through one asks for it at every step


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a list shows of an episode."""

    id: str
    name: str
    task: str
    status: str
    message: str
    model: str
    suite: str
    started: float
    seconds: float | None
    steps: int
    reward: float | None

    @property
    def searched(self) -> str:
        """All that words are looked for in."""
        return " ".join((self.task, self.status, self.message, self.model, self.suite, self.name)).casefold()


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Every word of `words` must occur; the others, where given, must fit. Times are seconds since 1970."""

    words: str = ""
    status: str = ""
    model: str = ""
    since: float | None = None
    until: float | None = None

    def fits(self, found: Summary) -> bool:
        return (
            (not self.status or found.status == self.status)
            and (not self.model or found.model == self.model)
            and (self.since is None or found.started >= self.since)
            and (self.until is None or found.started < self.until)
            and all(word in found.searched for word in self.words.casefold().split())
        )


class Stamp(NamedTuple):
    """When a file was last changed, and its size; zeros where there is none."""

    changed: int
    size: int


class Catalogue:
    """The episodes under `root`, which may not be there yet."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._read: dict[Path, tuple[tuple[Stamp, ...], Summary | None]] = {}
        self._paths: dict[str, Path] = {}
        self._opened: OrderedDict[Path, tuple[tuple[Stamp, ...], Episode]] = OrderedDict()
        self._lock = threading.Lock()

    def all(self) -> list[Summary]:
        """The newest first; folders that cannot be read as an episode are left out."""
        paths = list_episodes(self.root) if self.root.is_dir() else []
        with self._lock:
            known = {path: self._summary(path) for path in paths}
            self._read = {path: self._read[path] for path in paths}
            self._paths = {found.id: path for path, found in known.items() if found}
        return sorted(filter(None, known.values()), key=lambda found: -found.started)

    def open(self, name: str) -> Episode | None:
        """The episode with the id `name`; `None` when there is none.

        Raises:
            EpisodeError: it is damaged.
        """
        path = self._paths.get(name)
        if path is None or not (path / "episode.json").is_file():
            self.all()  # it may be new, or gone
            path = self._paths.get(name)
        return self._open(path) if path else None

    def _open(self, path: Path) -> Episode:
        stamps = _stamps(path)
        with self._lock:
            before = self._opened.pop(path, None)
        opened = before if before and before[0] == stamps else (stamps, Episode.open(path))
        with self._lock:
            self._opened[path] = opened
            while len(self._opened) > OPENED:
                self._opened.popitem(last=False)
        return opened[1]

    def _summary(self, path: Path) -> Summary | None:
        stamps = _stamps(path)
        before = self._read.get(path)
        if before is None or before[0] != stamps:
            self._read[path] = (stamps, _summarise(self.root, path))
        return self._read[path][1]


def episode_id(root: Path, path: Path) -> str:
    """A name for the episode in `path` that says nothing of where it lies, and stays the same."""
    return hashlib.sha256(str(path.absolute().relative_to(root.absolute())).encode("utf-8", "surrogateescape")).hexdigest()[:20]


def choices(found: Iterable[Summary]) -> dict[str, Sequence[str]]:
    """The statuses and models that occur."""
    summaries = list(found)
    return {
        "statuses": sorted({each.status for each in summaries}),
        "models": sorted({each.model for each in summaries if each.model}),
    }


def _stamps(path: Path) -> tuple[Stamp, ...]:
    return tuple(_stamp(path / file) for file in FILES)


def _stamp(file: Path) -> Stamp:
    try:
        told = file.stat()
    except OSError:
        return Stamp(0, 0)
    return Stamp(told.st_mtime_ns, told.st_size)


def _summarise(root: Path, path: Path) -> Summary | None:
    about, end = _object(path / "episode.json"), _object(path / "end.json")
    meta = about.get("meta") if isinstance(about.get("meta"), dict) else {}
    assert isinstance(meta, dict)
    try:
        started = float(about["started"])
        ended, reward = end.get("ended"), end.get("reward")
        return Summary(
            id=episode_id(root, path),
            name=path.name,
            task=str(about["task"]),
            status=str(end.get("status", "unfinished")),
            message=str(end.get("message", "")),
            model=str(meta.get("model", "")),
            suite=next((str(value) for key, value in meta.items() if key.endswith("_task")), ""),
            started=started,
            seconds=None if ended is None else max(0.0, float(ended) - started),
            steps=_num_lines(path / "steps.jsonl"),
            reward=None if reward is None else float(reward),
        )
    except (KeyError, TypeError, ValueError):  # somebody else's episode.json
        return None


def _num_lines(file: Path) -> int:
    try:
        return file.read_bytes().count(b"\n")
    except OSError:
        return 0


def _object(file: Path) -> dict[str, Any]:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
