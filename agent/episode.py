"""What happened: an episode is a folder that is appended to step by step, never half-written.

    episode.json          format and version, task, and what the run was made of
    config.json           the run's own resolved configuration, where it has one
    steps.jsonl           one step a line
    screens/0000.png      what was seen, lossless; identical screens are stored once
    end.json              how it ended; missing while it runs, or when the process was killed

A step's picture is on disk before its line is, and its line before `append` returns. A torn last line is dropped when an episode is opened.
The picture may be begun as soon as it is seen (`expect`), so that it is there by the time the model has answered.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from agent.cleaning import Clean, cleaned
from agent.durable import append_line, write_whole
from agent.endings import RecordingFailed, RunEnded
from agent.pictures import Pictures
from agent.screenshot import Screenshot
from agent.step import Step, step_from_json, step_to_json
from inference.engines.base import ImageSource

__all__ = ["End", "Episode", "EpisodeError", "Step", "list_episodes"]

FORMAT = "deftly-episode"
VERSION = 1
PIXELS_KEPT = 8  # the last screens stay in memory, since the model is shown some of them again; 6 MB each at 1920x1080
RESERVE_BYTES = 16384  # set aside at the start, so that on a full disk there is room to write how it ended


class EpisodeError(ValueError):
    """A folder is not an episode that can be read; the message names it and says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How an episode ended. `reward` is what a task's own judge gave, where it has one."""

    status: str
    exit_code: int
    message: str
    ended: float
    reward: float | None = None


class Episode:
    """One run at one task. `create` starts one that can be appended to; `open` reads one, and can still judge it (`set_reward`)."""

    def __init__(self, path: Path, about: Mapping[str, Any], recorded: _Recorded | None = None, end: End | None = None) -> None:
        self.path = path
        self.task = str(about["task"])
        self.started = float(about["started"])
        self.meta: Mapping[str, Any] = about["meta"]
        recorded = recorded or _Recorded([], {}, [])
        self.notes = tuple(recorded.notes)
        self._steps = recorded.steps
        self._pictures = Pictures(path, recorded.screens)
        self._end = end
        self._running = False
        self._began = time.monotonic()
        self._clean: Clean = str

    @classmethod
    def create(
        cls,
        root: str | os.PathLike[str],
        task: str,
        meta: Mapping[str, Any] | None = None,
        config: object = None,
        clean: Clean = str,
    ) -> Episode:
        """A new episode in a folder of its own under `root`. `clean` takes out of every text what must not be kept, such as secrets.

        Raises:
            RecordingFailed: nothing can be written there.
        """
        task, meta, config = clean(task), cleaned(meta or {}, clean), cleaned(config, clean)
        about = {"format": FORMAT, "version": VERSION, "task": task, "started": time.time(), "meta": dict(meta or {})}
        with _writing(Path(root)):
            path = _new_folder(Path(root), task)
            (path / "screens").mkdir()
            write_whole(path / ".reserve", b"\0" * RESERVE_BYTES)
            if config is not None:
                write_whole(path / "config.json", _json(config, indent=2))
            write_whole(path / "steps.jsonl", b"")
            write_whole(path / "episode.json", _json(about, indent=2))
            episode = cls(path, about)
            episode._running = True
            episode._clean = clean
        return episode

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Episode:
        """The episode in `path`, also one whose process was killed.

        Raises:
            EpisodeError: it is not an episode, or one of a version that this Deftly does not read.
        """
        folder = Path(path)
        about = _read_about(folder)
        return cls(folder, about, _read_steps(folder), _read_end(folder))

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(self._steps)

    @property
    def ended(self) -> End | None:
        """How it ended; `None` while it runs, and for ever when its process was killed."""
        return self._end

    @property
    def running(self) -> bool:
        """Whether steps can still be appended here."""
        return self._running

    @property
    def reward(self) -> float | None:
        return self._end.reward if self._end else None

    @property
    def seconds(self) -> float:
        """How long it has run, or ran."""
        if self.running:
            return time.monotonic() - self._began
        last = self._end.ended if self._end else max((step.seen.taken_at for step in self._steps), default=self.started)
        return max(0.0, last - self.started)

    def picture_of(self, seen: ImageSource) -> Path:
        """The file of a screen that was seen in this episode."""
        return self.path / self._pictures[seen.sha256]

    def expect(self, seen: Screenshot) -> None:
        """Begin to store `seen`, which the next step will probably have seen; returns at once. What goes wrong is raised later."""
        assert self._running, "the episode has ended"
        self._pictures.begin(seen)

    def ensure_expected(self) -> None:
        """What was expected is on disk when this returns: who cannot write it down should not act on it.

        Raises:
            RecordingFailed: as `append`.
        """
        with _writing(self.path):
            self._pictures.wait()

    def append(self, step: Step) -> Step:
        """Keep `step`; it is on disk when this returns. The step as it is kept, without what must not be, is returned.

        Raises:
            RecordingFailed: the disk is full, or the folder is gone. The steps before this one stay readable.
        """
        assert self._running, "the episode has ended"
        with _writing(self.path):
            screen_file = self._pictures.store(step.seen)
            said = step_to_json(step, screen_file)
            kept = cleaned(said, self._clean)
            append_line(self.path / "steps.jsonl", _json(kept))
        if kept != said:
            step = replace(step_from_json(kept, self.path), seen=step.seen)
        self._steps.append(step)
        self._forget_pixels(len(self._steps) - 1 - PIXELS_KEPT)
        return step

    def end(self, status: str, exit_code: int, message: str, reward: float | None = None) -> None:
        """Say how it ended; nothing can be appended after."""
        self._running = False
        self._pictures.close()
        self._end = End(status=status, exit_code=exit_code, message=self._clean(message), ended=time.time(), reward=reward)
        self._write_end()

    def end_with(self, ending: RunEnded) -> None:
        """End as `ending` says."""
        self.end(ending.status, ending.exit_code, ending.message)

    def set_reward(self, reward: float | None) -> None:
        """Keep the verdict of a task's own judge, which may come after the end."""
        assert self._end is not None, "the episode has not ended"
        self._end = replace(self._end, reward=reward)
        self._write_end()

    def _write_end(self) -> None:
        assert self._end is not None
        with _writing(self.path):
            (self.path / ".reserve").unlink(missing_ok=True)
            write_whole(self.path / "end.json", _json(asdict(self._end), indent=2))

    def _forget_pixels(self, index: int) -> None:
        if index < 0:
            return
        step = self._steps[index]
        seen = step.seen
        file = self.picture_of(seen)
        lazy = Screenshot.from_file(file, seen.geometry, seen.taken_at, condition=seen.condition, sha256=seen.sha256)
        self._steps[index] = replace(step, seen=lazy)


def list_episodes(root: str | os.PathLike[str]) -> list[Path]:
    """The folders under `root` that hold an episode, `root` itself included, oldest first."""
    base = Path(root)
    if (base / "episode.json").is_file():
        return [base]
    return sorted((file.parent for file in base.glob("**/episode.json")), key=lambda path: (path.name, str(path)))


def _new_folder(root: Path, task: str) -> Path:
    words = re.sub(r"[^a-z0-9]+", "-", task.lower())[:40].strip("-") or "task"
    now = time.time()
    moment = f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}.{int(now * 1000) % 1000:03d}"
    path = root / f"{moment}-{words}-{secrets.token_hex(3)}"
    path.mkdir(parents=True)
    return path


def _json(data: object, indent: int | None = None) -> bytes:
    """`data` on one line, or indented for people; a lone surrogate, which UTF-8 has no bytes for, makes all of it ASCII."""
    try:
        return (json.dumps(data, ensure_ascii=False, indent=indent) + "\n").encode()
    except UnicodeEncodeError:
        return (json.dumps(data, indent=indent) + "\n").encode()


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RecordingFailed(
            f"the episode cannot be written to {path}: {error.strerror or error}. Make room there, or record elsewhere (--episodes)"
        ) from error


def _read_about(folder: Path) -> Mapping[str, Any]:
    about = _read_json(folder / "episode.json")
    if about is None:
        raise EpisodeError(f"{folder} is not an episode: it has no episode.json")
    if about.get("format") != FORMAT:
        raise EpisodeError(f"{folder} is not an episode: the format in its episode.json is {about.get('format')!r}, not {FORMAT!r}")
    if about.get("version") != VERSION:
        raise EpisodeError(
            f"{folder} has version {about.get('version')!r} of the episode format, and this Deftly reads version {VERSION}: "
            f"open it with the Deftly that wrote it and bring it over with `deftly episodes export --to jsonl`, or update Deftly"
        )
    for name, kind in (("task", str), ("started", (int, float)), ("meta", dict)):
        if not isinstance(about.get(name), kind):
            raise EpisodeError(f"{folder}/episode.json: {name} is {about.get(name)!r}")
    return about


class _Recorded(NamedTuple):
    """The steps on disk, the files of their screens by digest, and what was wrong that could be mended."""

    steps: list[Step]
    screens: dict[str, str]
    notes: list[str]


def _read_steps(folder: Path) -> _Recorded:
    file = folder / "steps.jsonl"
    *lines, rest = file.read_bytes().split(b"\n") if file.is_file() else [b""]
    recorded = _Recorded([], {}, [_torn(len(lines) + 1, rest)] if rest else [])
    for number, line in enumerate(lines, start=1):
        try:
            data = json.loads(line)
        except ValueError as error:
            if number == len(lines) and not rest:  # after a power cut the newline can be there and the line not
                recorded.notes.append(_torn(number, line))
                break
            raise EpisodeError(f"{file}, line {number}: {error}") from error
        try:
            recorded.steps.append(step_from_json(data, folder))
        except ValueError as error:
            raise EpisodeError(f"{file}, line {number}: {error}") from error
        recorded.screens[data["screen"]["sha256"]] = data["screen"]["file"]
    return recorded


def _torn(number: int, line: bytes) -> str:
    return f"line {number} of steps.jsonl was torn after {len(line)} bytes and was dropped: the process died while it wrote it"


def _read_end(folder: Path) -> End | None:
    data = _read_json(folder / "end.json")
    if data is None:
        return None
    try:
        return End(**data)
    except TypeError as error:
        raise EpisodeError(f"{folder}/end.json: {error}") from error


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        raise EpisodeError(f"{path} is damaged: {error}") from error
    if not isinstance(data, dict):
        raise EpisodeError(f"{path} is damaged: it must hold an object")
    return data
