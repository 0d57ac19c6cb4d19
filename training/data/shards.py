"""Parquet files of a data set while they are written: rows of one kind, in groups that are read together, in files of bounded size."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

GROUP_ROWS = {"samples": 16, "pictures": 4}  # rows that are read together: reading is random, and a picture is large
SHARD_BYTES = 256 * 1024**2


class Shards:
    """Rows of one kind, in files of about `SHARD_BYTES`."""

    def __init__(self, folder: Path, kind: str, schema: Any) -> None:
        self._folder, self._kind, self._schema = folder, kind, schema
        self._rows: list[Mapping[str, Any]] = []
        self._writer: Any = None
        self._bytes = self._shard = self.count = 0

    def add(self, row: Mapping[str, Any], *, size: int) -> int:
        self._rows.append(row)
        self._bytes += size
        if len(self._rows) == GROUP_ROWS[self._kind]:
            self._flush()
        self.count += 1
        return self.count - 1

    def close(self) -> None:
        self._flush()
        self._end_shard()

    def _flush(self) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        if not self._rows:
            return
        if self._writer is None:
            file = self._folder / f"{self._kind}-{self._shard:05d}.parquet"
            codec = {"png": "none"} if self._kind == "pictures" else "zstd"
            self._writer = parquet.ParquetWriter(file, self._schema, compression=codec)
        self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema))
        self._rows.clear()
        if self._bytes > SHARD_BYTES:
            self._end_shard()

    def _end_shard(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer, self._bytes, self._shard = None, 0, self._shard + 1


def sample_schema() -> Any:
    """Of the samples' columns."""
    import pyarrow as pa

    numbers = pa.list_(pa.int32())
    lists = dict.fromkeys(("ids", "positions", "labels", "pictures", "branches"), numbers)
    whole = {name: pa.int32() for name in ("length", "supervised", "turns")}
    return pa.schema({"name": pa.string(), "source": pa.string(), **lists, **whole})


def picture_schema() -> Any:
    """Of the pictures' columns."""
    import pyarrow as pa

    return pa.schema({"sha256": pa.string(), "rows": pa.int32(), "columns": pa.int32(), "png": pa.binary()})
