"""Prepared samples on disk: sharded Parquet, written as they come and read by number, for sets larger than memory.

dataset.json              format and version, model, family, picture settings, counts
samples-00000.parquet     ids, positions, labels, picture numbers, and the true lengths by which packs are planned
pictures-00000.parquet    each picture once, as lossless PNG at the size in which the model looks at it
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from agent import png
from agent.durable import write_whole
from inference.vlm.pictures import PictureReader
from training.data.encode import Encoded
from training.data.shards import GROUP_ROWS, Shards, picture_schema, sample_schema
from training.errors import DataSetError
from training.packing import IGNORED, Ids, Picture, Sample

FORMAT, VERSION = "deftly-samples", 1
GROUPS_KEPT = 8  # decoded, so that neighbours need not be read again


class PictureRow(NamedTuple):
    """A stored picture; `rows` and `columns` count patches."""

    sha256: str
    rows: int
    columns: int
    png: bytes


class SampleWriter:
    """Writes a data set into a new `folder`; it can be read once it is closed."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.glob("*.parquet")) or (folder / "dataset.json").exists():
            raise DataSetError(f"{folder} holds a data set already: choose another folder, or remove it")
        self.folder = folder
        self._samples = Shards(folder, "samples", sample_schema())
        self._pictures = Shards(folder, "pictures", picture_schema())

    def add_picture(self, row: PictureRow) -> int:
        """Its number."""
        return self._pictures.add(row._asdict(), size=len(row.png))

    def add(self, sample: Encoded, picture_numbers: Sequence[int]) -> int:
        """Its number."""
        labels = sample.labels
        row = {
            "name": sample.name,
            "source": sample.source,
            "ids": sample.ids,
            "positions": sample.positions.reshape(-1),
            "labels": labels,
            "pictures": list(picture_numbers),
            "branches": list(sample.branches),
            "length": len(sample.ids),
            "supervised": int((labels != IGNORED).sum()),
            "turns": sample.turns,
        }
        return self._samples.add(row, size=20 * len(sample.ids))

    def close(self, about: Mapping[str, Any]) -> None:
        """Make it whole; `about` is written beside what was counted."""
        self._samples.close()
        self._pictures.close()
        counts = {"samples": self._samples.count, "pictures": self._pictures.count}
        data = {"format": FORMAT, "version": VERSION, **counts, **about}
        write_whole(self.folder / "dataset.json", (json.dumps(data, indent=2) + "\n").encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """Of every sample by number, what planning and holding out need."""

    lengths: tuple[int, ...]
    supervised: tuple[int, ...]
    sources: tuple[str, ...]
    names: tuple[str, ...]


T = TypeVar("T")


@dataclass(slots=True)
class _Cache(Generic[T]):
    """The last few things that were read, by where they lie."""

    read: Callable[[tuple[int, int]], T]
    kept: OrderedDict[tuple[int, int], T] = field(default_factory=OrderedDict)

    def __call__(self, key: tuple[int, int]) -> T:
        if key in self.kept:
            self.kept.move_to_end(key)
        else:
            self.kept[key] = self.read(key)
            if len(self.kept) > GROUPS_KEPT:
                self.kept.popitem(last=False)
        return self.kept[key]


class SampleStore:
    """Reads a prepared data set; `store[number]` is a `Sample`. Files are opened where they are read, so that workers can share one.

    Raises:
        DataSetError: the folder holds no whole data set of a version that this Deftly reads.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.about = _read_about(folder)
        self.pictures = PictureReader(**self.about["picture_settings"])
        self._places = {kind: _places(folder, kind, self.about[kind]) for kind in GROUP_ROWS}
        self._open_files()

    def __len__(self) -> int:
        return int(self.about["samples"])

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__init__(state["folder"])  # type: ignore[misc]

    def index(self) -> Index:
        from pyarrow import parquet

        columns = ("length", "supervised", "source", "name")
        tables = [parquet.read_table(file, columns=list(columns)) for file in _files(self.folder, "samples")]
        lengths, supervised, sources, names = (tuple(v for table in tables for v in table[c].to_pylist()) for c in columns)
        return Index(lengths=lengths, supervised=supervised, sources=sources, names=names)

    def __getitem__(self, number: int) -> Sample:
        row = self._row("samples", number)
        ids = np.asarray(row["ids"], dtype=np.int64)
        return Sample(
            name=f"{row['source']}, {row['name']}",
            ids=ids,
            positions=np.asarray(row["positions"], dtype=np.int64).reshape(-1, len(ids)),
            labels=np.asarray(row["labels"], dtype=np.int64),
            pictures=tuple(self.picture(number) for number in row["pictures"]),
            branches=tuple(row["branches"]),
        )

    def picture(self, number: int) -> Picture:
        row = self._row("pictures", number)
        return Picture(patches=self.pictures.patches(png.decode(row["png"])), rows=row["rows"], columns=row["columns"])

    def _row(self, kind: str, number: int) -> Mapping[str, Any]:
        if not 0 <= number < len(self._places[kind]):
            raise IndexError(f"{self.folder} has {len(self._places[kind])} {kind}, and number {number} was asked for")
        shard, group, row = (int(part) for part in self._places[kind][number])
        return self._groups[kind]((shard, group))[row]

    def _open_files(self) -> None:
        from functools import partial

        self._groups = {kind: _Cache(partial(_read_group, self.folder, kind)) for kind in GROUP_ROWS}


def _read_group(folder: Path, kind: str, key: tuple[int, int]) -> list[Mapping[str, Any]]:
    from pyarrow import parquet

    shard, group = key
    with parquet.ParquetFile(_files(folder, kind)[shard], memory_map=True) as file:
        rows: list[Mapping[str, Any]] = file.read_row_group(group, use_threads=False).to_pylist()
    return rows


def _files(folder: Path, kind: str) -> list[Path]:
    return sorted(folder.glob(f"{kind}-*.parquet"))


def _places(folder: Path, kind: str, count: int) -> Ids:
    """Shard, row group and row of every number."""
    from pyarrow import parquet

    places: list[tuple[int, int, int]] = []
    for shard, file in enumerate(_files(folder, kind)):
        metadata = parquet.read_metadata(file)
        for group in range(metadata.num_row_groups):
            places += [(shard, group, row) for row in range(metadata.row_group(group).num_rows)]
    if len(places) != count:
        raise DataSetError(f"{folder} has {len(places)} {kind}, and dataset.json says {count}: prepare it again")
    return np.asarray(places, dtype=np.int64).reshape(-1, 3)


def _read_about(folder: Path) -> dict[str, Any]:
    try:
        about = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataSetError(
            f"{folder} is no prepared data set, or one that was not finished: make it with `deftly train prepare`"
        ) from error
    except ValueError as error:
        raise DataSetError(f"{folder}/dataset.json is damaged: {error}") from error
    if about.get("format") != FORMAT or about.get("version") != VERSION:
        found = f"{about.get('format')} {about.get('version')}"
        raise DataSetError(f"{folder} is {found}, and this Deftly reads {FORMAT} {VERSION}: prepare it again with `deftly train prepare`")
    return dict(about)


def picture_settings(reader: PictureReader) -> dict[str, Any]:
    """As JSON, for `dataset.json`."""
    return asdict(reader)
