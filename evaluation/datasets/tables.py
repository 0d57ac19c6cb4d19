"""Parquet tables, read row by row so that a table larger than memory can be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from evaluation.errors import DatasetError


def parquet_files(root: Path) -> list[Path]:
    """Those of a data set as the hub lays them out: at its root, or under `data/`."""
    if root.is_file():
        return [root] if root.suffix == ".parquet" else []
    return sorted({*root.glob("*.parquet"), *root.glob("data/*.parquet"), *root.glob("data/*/*.parquet")})


def columns_of(file: Path) -> set[str]:
    """The names of its columns; none where it is no parquet file.

    Raises:
        DatasetError: pyarrow is not installed.
    """
    from pyarrow import ArrowInvalid

    try:
        return set(_parquet().read_schema(file).names)
    except (ArrowInvalid, OSError):
        return set()


def rows_of(file: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Its rows with those of `columns` that it has.

    Raises:
        DatasetError: it cannot be read.
    """
    from pyarrow import ArrowInvalid

    try:
        table = _parquet().ParquetFile(file)
        having = [name for name in columns if name in table.schema_arrow.names]
        for batch in table.iter_batches(batch_size=32, columns=having):
            yield from batch.to_pylist()
    except (ArrowInvalid, OSError) as error:
        raise DatasetError(f"{file} cannot be read as parquet: {error}") from error


def image_bytes(value: Any) -> bytes:
    """A picture as the hub stores it: `{"bytes", "path"}`, or the bytes themselves.

    Raises:
        ValueError: it is neither.
    """
    data = value.get("bytes") if isinstance(value, dict) else value
    if not isinstance(data, bytes):
        raise ValueError("the image is not stored as bytes")
    return data


def _parquet() -> Any:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise DatasetError("data sets in parquet files need pyarrow: pip install 'deftly[eval]'") from error
    return pyarrow.parquet
