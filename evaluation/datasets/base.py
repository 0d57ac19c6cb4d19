"""What a data set is once it is read, and how its files are read with errors that name them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from evaluation.errors import DatasetError
from evaluation.steps import EvalStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """The steps of a data set in order, episode by episode; `metric` and `dialect` are its own, `digest` is that of its annotations."""

    name: str
    path: Path
    steps: tuple[EvalStep, ...]
    metric: str
    dialect: str = "native"
    digest: str = ""
    variant: str = ""


class Loader(Protocol):
    """A module that reads one layout."""

    NAME: str
    METRIC: str

    def recognises(self, root: Path) -> bool:
        """Whether `root` is laid out so, told by its content. Cheap: a few files at most are opened."""
        ...

    def load(self, root: Path, **variant: str) -> tuple[EvalStep, ...]:
        """Every step. Modules with `VARIANTS`, the default first, take one of them as `variant`.

        Raises:
            DatasetError: a file or a step is wrong.
        """
        ...

    def files(self, root: Path) -> Sequence[Path]:
        """The files that the data set's digest is taken of."""
        ...


def read_json(file: Path) -> Any:
    """What `file` holds.

    Raises:
        DatasetError: it is no JSON.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise DatasetError(f"{file} cannot be read as JSON: {error}") from error


def peek_json(file: Path) -> Any:
    """The same, `None` when it is no JSON; for telling layouts apart."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        return None


def lines_of(file: Path) -> Iterator[tuple[int, Any]]:
    """The JSON value of each line that is not blank, with its number from 1.

    Raises:
        DatasetError: a line is no JSON.
    """
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    yield number, json.loads(line)
                except ValueError as error:
                    raise DatasetError(f"{file}, line {number}: {error}") from error


def with_history(steps: Iterable[EvalStep]) -> tuple[EvalStep, ...]:
    """The steps of one episode, each knowing those before it; `index` is counted here."""
    done: list[EvalStep] = []
    for index, step in enumerate(steps):
        done.append(replace(step, index=index, history=tuple(done)))
    return tuple(done)


def find_folder(root: Path, *names: str) -> Path:
    """The first of `names` that is a folder under `root`; `root` itself where none is."""
    return next((root / name for name in names if (root / name).is_dir()), root)


def digest_of(files: Iterable[Path], root: Path) -> str:
    """SHA-256 over the names and contents of `files`, so that two runs can be told to be about the same data."""
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(f"{file.relative_to(root) if file.is_relative_to(root) else file.name}\0".encode())
        with file.open("rb") as data:
            digest.update(hashlib.file_digest(data, "sha256").digest())
    return digest.hexdigest()
