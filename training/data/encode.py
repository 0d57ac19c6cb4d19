"""Exchanges in tokens: exactly those that the engine reads and the model writes; exchanges that only go on become one sample.

While a context only grows, the prompt of a step is the prompt, answer and end of the step before it, and more. Such steps are learnt
together: the screens are read once, and each answer is learnt where it stands. Whether one does go on from the other is seen in the
tokens and pictures themselves, so a sample can never show anything else than what the agent sends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from inference.engines.base import EngineError, Message
from inference.vlm.prompt import Ids
from training.data.exchange import Exchange
from training.data.model_folder import ModelFolder
from training.data.pictures import PictureBook
from training.errors import BadData, DataSetError
from training.packing import shifted


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A sample as it is stored; `pictures` are digests. `turns` answers are learnt in it."""

    name: str
    source: str
    ids: Ids
    positions: Ids
    supervised: npt.NDArray[np.bool_]
    pictures: tuple[str, ...]
    turns: int = 1
    branches: tuple[int, ...] = ()

    @property
    def labels(self) -> Ids:
        return shifted(self.ids, self.supervised)


class _Open(NamedTuple):
    """The sample that may still grow, of which thread, and from which message on its conversation was encoded."""

    sample: Encoded
    thread: str
    start: int


class Encoder:
    """`add` exchanges in their order; samples come out when they can grow no more.

    With `learn_pictures`, pictures are learnt, too, where they are tokens like text.

    Raises:
        DataSetError: they are none.
    """

    def __init__(self, model: ModelFolder, pictures: PictureBook, *, max_length: int | None = None, learn_pictures: bool = False) -> None:
        if learn_pictures and not model.is_one_stream:
            raise DataSetError(f"{model.name} sees pictures and has no tokens for them: leave --learn-pictures out")
        self._learn_pictures = learn_pictures
        self._model = model
        self._pictures = pictures
        self._max_length = max_length
        self._open: _Open | None = None

    def add(self, exchange: Exchange) -> Iterator[Encoded]:
        """The samples that are done now.

        Raises:
            BadData: the exchange cannot be learnt from; what came before it is kept.
        """
        grown = self._open if self._open and self._open.thread == exchange.thread else None
        sample, start = self._fitting(exchange, grown.start if grown else 0)
        if grown is not None and start == grown.start and _goes_on(grown.sample, sample):
            learnt = sample.supervised.copy()
            learnt[: len(grown.sample.ids)] |= grown.sample.supervised
            sample = replace(sample, name=f"{grown.sample.name.split(' to ')[0]} to {exchange.name}", supervised=learnt)
            sample = replace(sample, turns=grown.sample.turns + 1)
        else:
            yield from self.finish()
        self._open = _Open(sample, exchange.thread, start)

    def finish(self) -> Iterator[Encoded]:
        """The sample that was still open."""
        done, self._open = self._open, None
        if done is not None:
            yield done.sample

    def _fitting(self, exchange: Exchange, start: int) -> tuple[Encoded, int]:
        """The exchange in tokens; a conversation that is too long begins anew at its last question."""
        sample = self._encode(exchange, start)
        if self._max_length is None or len(sample.ids) <= self._max_length:
            return sample, start
        if exchange.restart is not None and exchange.restart > start:
            return self._fitting(exchange, exchange.restart)
        raise BadData(f"it has {len(sample.ids)} tokens, and {self._max_length} are allowed (--max-length)")

    def _encode(self, exchange: Exchange, start: int) -> Encoded:
        messages = self._pictures.store(_from(exchange.messages, start))
        try:
            prompt = self._model.prompts.read(messages)
        except EngineError as error:
            raise BadData(str(error)) from error
        answer = np.asarray(self._model.tokenizer(exchange.answer, add_special_tokens=False)["input_ids"], dtype=np.int64)
        said = np.concatenate([answer, self._model.end])
        ids = np.concatenate([prompt.ids, said])
        positions = np.concatenate([prompt.positions, prompt.next_position + np.tile(np.arange(len(said)), (3, 1))], axis=1)
        return Encoded(
            name=exchange.name,
            source=exchange.source,
            ids=ids,
            positions=positions,
            supervised=self._supervised(ids, len(prompt.ids)),
            pictures=tuple(picture.source.sha256 for picture in prompt.pictures),
        )

    def _supervised(self, ids: Ids, start: int) -> npt.NDArray[np.bool_]:
        """The answer, which begins at `start`, and the pictures before it where they are learnt."""
        learnt = np.arange(len(ids)) >= start
        return learnt | (ids == self._model.prompts.image_token_id) if self._learn_pictures else learnt


def _from(messages: tuple[Message, ...], start: int) -> tuple[Message, ...]:
    """`messages` from `start` on, with the system message that opens them."""
    if start == 0:
        return messages
    opening = messages[:1] if messages[0].role == "system" else ()
    return (*opening, *messages[start:])


def _goes_on(before: Encoded, after: Encoded) -> bool:
    """Whether `after` begins with all of `before`, in tokens and pictures, and with nothing in it that would not be asked again."""
    length = len(before.ids)
    return (
        length < len(after.ids)
        and np.array_equal(before.ids, after.ids[:length])
        and np.array_equal(before.positions, after.positions[:, :length])
        and before.pictures == after.pictures[: len(before.pictures)]
    )
