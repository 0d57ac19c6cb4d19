"""Episodes in, a data set out: reads any of the known forms, tells of what is bad, and never holds more than one episode in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from agent.durable import write_whole
from inference.families import Family, check_model_fits
from training.data.agentnet import read_agentnet
from training.data.chats import read_sharegpt, read_uitars
from training.data.encode import Encoded, Encoder
from training.data.episodes import read_episodes
from training.data.exchange import Exchange, Items, LeftOut, Problem
from training.data.model_folder import open_model_folder
from training.data.pictures import PictureBook
from training.data.report import OnBadData, Report
from training.data.sharing import share_beginnings
from training.data.store import SampleWriter, picture_settings
from training.errors import BadData, DataSetError

Form = Literal["episodes", "uitars", "agentnet", "sharegpt"]
FORMS: tuple[Form, ...] = ("episodes", "uitars", "agentnet", "sharegpt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to prepare: `sources` of one `form`, for the model in `model`, into `out`."""

    sources: tuple[Path, ...]
    model: Path
    out: Path
    form: Form = "episodes"
    on_bad_data: OnBadData = "stop"
    max_length: int | None = None
    min_reward: float | None = None
    images: Path | None = None
    from_dialect: str | None = None
    share_beginnings: bool = False
    learn_pictures: bool = False


def prepare(order: Order, family: Family, tell: Callable[[str], None] = print) -> Report:
    """Do it.

    Raises:
        BadData: something cannot be learnt from, and `on_bad_data` is `stop`.
        WrongFamily: the model is of another architecture than the family.
        DataSetError: the model's folder or `out` is not as it must be, or nothing was left to learn from.
    """
    check_model_fits(order.model, family)
    model = open_model_folder(order.model, family)
    writer = SampleWriter(order.out)
    report = Report(on_bad_data=order.on_bad_data, tell=tell)
    book = PictureBook(model.pictures, writer)
    encoder = Encoder(model, book, max_length=order.max_length, learn_pictures=order.learn_pictures)
    samples = _samples(order, family, encoder, report)
    for sample in share_beginnings(samples, max_length=order.max_length) if order.share_beginnings else samples:
        _write(sample, writer, book, report)
    if not report.samples:
        raise DataSetError(f"{', '.join(map(str, order.sources))}: nothing to learn from ({len(report.problems)} problems)")
    report.pictures = book.count
    settings = {"model": model.name, "vocabulary": model.vocabulary, "family": family.name}
    writer.close({**settings, "picture_settings": picture_settings(model.pictures), "order": _order_json(order)})
    write_whole(order.out / "report.json", (json.dumps(report.to_json(), indent=2) + "\n").encode())
    return report


def _samples(order: Order, family: Family, encoder: Encoder, report: Report) -> Iterator[Encoded]:
    for source in order.sources:
        for item in _read(order, source, family):
            yield from _take(item, encoder, report)
    yield from encoder.finish()


def _read(order: Order, source: Path, family: Family) -> Items:
    match order.form:
        case "episodes":
            return read_episodes(source, family, min_reward=order.min_reward)
        case "uitars":
            return read_uitars(source, family, images=order.images, dialect=order.from_dialect)
        case "agentnet":
            return read_agentnet(source, family, images=order.images)
        case "sharegpt":
            return read_sharegpt(source, family, images=order.images)


def _take(item: Exchange | Problem | LeftOut, encoder: Encoder, report: Report) -> Sequence[Encoded]:
    if isinstance(item, Problem):
        report.add_problem(item)
    elif isinstance(item, LeftOut):
        report.add_left_out(item)
    else:
        try:
            done = list(encoder.add(item))
        except BadData as error:
            report.add_problem(Problem(source=item.source, name=item.name, what=str(error)))
            return ()
        report.exchanges += 1
        return done
    return ()


def _write(sample: Encoded, writer: SampleWriter, book: PictureBook, report: Report) -> None:
    writer.add(sample, [book.number(digest) for digest in sample.pictures])
    report.samples += 1
    report.tokens += len(sample.ids)
    report.supervised += int(sample.supervised.sum())
    report.longest = max(report.longest, len(sample.ids))


def _order_json(order: Order) -> dict[str, Any]:
    return {
        name: [str(p) for p in v] if isinstance(v, tuple) else str(v) if isinstance(v, Path) else v for name, v in asdict(order).items()
    }


def sources_in(paths: Sequence[Path], form: Form) -> Iterator[Path]:
    """The files of `form` that `paths` name, folders searched; a folder of episodes stays one."""
    for path in paths:
        if form == "episodes" or path.is_file():
            yield path
        elif path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.suffix in (".json", ".jsonl"))
        else:
            raise DataSetError(f"{path} is not there: name a file of the form {form}, or a folder of them")
