"""From messages to model input: token ids with each picture's place in them, their positions, and keys that tell contexts apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from inference.engines.base import EngineError, ImageSource, Message
from inference.vlm.padded_pictures import Grid
from inference.vlm.pictures import PictureReader

Ids = npt.NDArray[np.int64]


class Placed(NamedTuple):
    """A picture and where its tokens begin in the prompt; `rows` and `columns` count merged tokens."""

    source: ImageSource
    grid: Grid
    start: int
    rows: int
    columns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What the model reads: `ids` `[T]` and their `positions` `[3, T]`.

    `keys` `[T]` are the ids, except that a picture's tokens carry its hash: equal keys mean an equal context.
    """

    ids: Ids
    keys: Ids
    positions: Ids
    pictures: tuple[Placed, ...]

    @property
    def next_position(self) -> int:
        """The position of the first token of the answer."""
        return int(self.positions.max()) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptReader:
    """Renders messages through the model's own chat template and puts the pictures' tokens where it put their placeholders."""

    tokenizer: Any
    pictures: PictureReader
    image_token_id: int

    def read(self, messages: Sequence[Message]) -> Prompt:
        """The prompt for an answer to `messages`.

        Raises:
            EngineError: the messages cannot be put into this model's chat template.
        """
        text = self._render(messages)
        ids = np.asarray(self.tokenizer(text, add_special_tokens=False)["input_ids"], dtype=np.int64)
        sources = [part for message in messages for part in message.content if not isinstance(part, str)]
        holes = np.flatnonzero(ids == self.image_token_id)
        if len(holes) != len(sources):
            raise EngineError(
                f"the chat template made {len(holes)} picture placeholders for {len(sources)} pictures: "
                "the model's chat_template does not fit, or it shows no pictures in a system or assistant message"
            )
        return self._place(ids, holes, sources)

    def _render(self, messages: Sequence[Message]) -> str:
        from jinja2 import TemplateError

        placeholder = self.tokenizer.convert_ids_to_tokens(self.image_token_id)
        for message in messages:
            if any(isinstance(part, str) and placeholder in part for part in message.content):
                raise EngineError(f"a {message.role} message has the text {placeholder!r}, which stands for a picture: leave it out")
        chat = [{"role": message.role, "content": _content(message)} for message in messages]
        try:
            return str(self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True))
        except (TemplateError, ValueError) as error:
            raise EngineError(f"the model's chat template refused the messages: {error}") from error

    def _place(self, ids: Ids, holes: Ids, sources: Sequence[ImageSource]) -> Prompt:
        merge = self.pictures.merge_size
        grids = [self.pictures.grid(*source.rgb.shape[:2]) for source in sources]
        lengths = np.ones(len(ids), dtype=np.int64)
        lengths[holes] = [grid.rows * grid.columns // merge**2 for grid in grids]
        starts = (np.cumsum(lengths) - lengths)[holes]
        ids = np.repeat(ids, lengths)
        pictures = tuple(
            Placed(source, grid, int(start), grid.rows // merge, grid.columns // merge)
            for source, grid, start in zip(sources, grids, starts, strict=True)
        )
        keys = ids.copy()
        for picture in pictures:
            keys[picture.start : picture.start + picture.rows * picture.columns] = _picture_key(picture.source)
        return Prompt(ids=ids, keys=keys, positions=self._positions(len(ids), pictures), pictures=pictures)

    def _positions(self, length: int, pictures: Sequence[Placed]) -> Ids:
        """`[3, T]`: three equal rows where the model counts a picture's tokens on like those of a text."""
        if self.pictures.positions == "line":
            return np.tile(np.arange(length), (3, 1))
        return _positions(length, pictures)


def _content(message: Message) -> str | list[dict[str, str]]:
    """Plain text as a string, which every template takes; text and pictures as a list of parts, in the order given."""
    if all(isinstance(part, str) for part in message.content):
        return "".join(str(part) for part in message.content)
    return [{"type": "text", "text": part} if isinstance(part, str) else {"type": "image"} for part in message.content]


def _picture_key(source: ImageSource) -> int:
    """A negative number, so that no token id equals it, with 62 bits of the picture's hash."""
    return -1 - (int(source.sha256[:16], 16) >> 2)


def _positions(length: int, pictures: Sequence[Placed]) -> Ids:
    """M-RoPE: text counts on in time, height and width at once; a picture stands still in time and spans its rows and columns.

    What follows a picture begins after the longer of its sides.
    """
    positions = np.empty((3, length), dtype=np.int64)
    at = position = 0
    for picture in pictures:
        text = picture.start - at
        positions[:, at : picture.start] = np.arange(position, position + text)
        position += text
        at = picture.start + picture.rows * picture.columns
        positions[0, picture.start : at] = position
        positions[1, picture.start : at] = position + np.repeat(np.arange(picture.rows), picture.columns)
        positions[2, picture.start : at] = position + np.tile(np.arange(picture.columns), picture.rows)
        position += max(picture.rows, picture.columns)
    positions[:, at:] = np.arange(position, position + length - at)
    return positions
