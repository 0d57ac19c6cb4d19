"""Collected answers and pairs as prepared data sets, in the same form as those of `deftly train prepare`."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from inference.families import Family
from training.collect.selection import Pair
from training.data.encode import Encoder
from training.data.exchange import Exchange
from training.data.model_folder import open_model_folder
from training.data.pictures import PictureBook
from training.data.store import FORMAT, SampleWriter, picture_settings
from training.errors import DataSetError


def write_answers(exchanges: Iterable[Exchange], model: Path, family: Family, out: Path) -> int:
    """A data set in `out`, in the place of one that is there; returns the number of its samples.

    Raises:
        BadData: an exchange cannot be learnt from.
        DataSetError: `out` holds something else.
    """
    _make_room(out)
    opened = open_model_folder(model, family)
    writer = SampleWriter(out)
    book = PictureBook(opened.pictures, writer)
    encoder = Encoder(opened, book)
    count = 0
    for exchange in exchanges:
        for sample in encoder.add(exchange):
            writer.add(sample, [book.number(digest) for digest in sample.pictures])
            count += 1
    for sample in encoder.finish():
        writer.add(sample, [book.number(digest) for digest in sample.pictures])
        count += 1
    about = {"model": opened.name, "vocabulary": opened.vocabulary, "family": family.name}
    writer.close({**about, "picture_settings": picture_settings(opened.pictures), "order": {"form": "collected"}})
    return count


def write_pairs(pairs: Iterable[Pair], model: Path, family: Family, out: Path) -> int:
    """The same of pairs: better and worse answers take turns; returns the number of pairs."""
    return write_answers((exchange for pair in pairs for exchange in pair.exchanges()), model, family, out) // 2


def _make_room(out: Path) -> None:
    if not out.exists():
        return
    if not (out / "dataset.json").exists() or FORMAT not in (out / "dataset.json").read_text():
        raise DataSetError(f"{out} is there and holds no data set: choose another --out")
    shutil.rmtree(out)
