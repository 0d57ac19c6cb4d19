"""TFRecord files of tf.train.Example, and the protocol-buffer wire format as far as they need it; so that TensorFlow is not.

A record is its length (8 bytes), a checksum of that (4), the data, and a checksum of the data (4), which are not checked: gzip has its own.
Example { features: 1 { feature: 1 { key: 1, value: 2 { bytes_list: 1 | float_list: 2 | int64_list: 3 { value: 1 } } } } }
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator
from pathlib import Path

from evaluation.errors import DatasetError

GZIP = b"\x1f\x8b"
MAX_RECORD_BYTES = 1 << 31
Field = tuple[int, int | bytes]


def read_records(file: Path) -> Iterator[bytes]:
    """The records of a gzipped file, one after the other.

    Raises:
        DatasetError: it is no such file, or ends in the middle of a record.
    """
    number = 0
    try:
        with gzip.open(file, "rb") as data:
            while head := data.read(12):
                length = struct.unpack("<Q", head[:8])[0] if len(head) == 12 else MAX_RECORD_BYTES
                record = data.read(length) if length < MAX_RECORD_BYTES else b""
                if len(record) != length or len(data.read(4)) != 4:
                    raise DatasetError(f"{file} ends in the middle of record {number}: it was not downloaded whole")
                yield record
                number += 1
    except (OSError, EOFError) as error:
        raise DatasetError(f"{file}, record {number}: {error}") from error


def is_record_file(file: Path) -> bool:
    """Whether `file` begins as gzipped records do."""
    try:
        with file.open("rb") as data:
            if data.read(2) != GZIP:
                return False
        with gzip.open(file, "rb") as records:
            head = records.read(13)
    except (OSError, EOFError):
        return False
    return len(head) == 13 and head[12:13] == b"\x0a"  # an Example has one field, number 1


def read_example(record: bytes) -> dict[str, list[bytes] | list[int]]:
    """The features of an Example: byte strings or whole numbers, by name.

    Raises:
        ValueError: it is none.
    """
    features: dict[str, list[bytes] | list[int]] = {}
    for _, body in fields(record):
        for _, entry in fields(_bytes(body)):
            pair = dict(fields(_bytes(entry)))
            features[_bytes(pair[1]).decode()] = _feature(_bytes(pair.get(2, b"")))
    return features


def fields(data: bytes) -> Iterator[Field]:
    """The fields of a message, number and value: whole numbers, or bytes for what has a length.

    Raises:
        ValueError: the message is damaged.
    """
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        match key & 7:
            case 0:
                value, at = _varint(data, at)
                yield key >> 3, value
            case 2:
                length, at = _varint(data, at)
                if at + length > len(data):
                    raise ValueError("a field is longer than its message")
                yield key >> 3, data[at : at + length]
                at += length
            case 1 | 5 as kind:
                at += 8 if kind == 1 else 4  # fixed numbers, which nothing here needs
            case kind:
                raise ValueError(f"there is no wire type {kind}")


def _feature(data: bytes) -> list[bytes] | list[int]:
    for number, body in fields(data):
        if number == 1:
            return [_bytes(value) for _, value in fields(_bytes(body))]
        if number == 3:
            return [each for _, value in fields(_bytes(body)) for each in _numbers(value)]
    return list[bytes]()


def _numbers(value: int | bytes) -> Iterator[int]:
    """Packed or not."""
    if isinstance(value, int):
        yield _signed(value)
        return
    at = 0
    while at < len(value):
        number, at = _varint(value, at)
        yield _signed(number)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("a number does not end")
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at


def _signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number


def _bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("a number stands where a message belongs")
    return value
