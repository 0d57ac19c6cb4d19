"""Pictures, decoded and resized once, whatever the number of samples that show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from agent import png
from inference.engines.base import EngineError, ImageSource, Message, Pixels
from inference.vlm.pictures import PictureReader
from training.errors import BadData

if TYPE_CHECKING:
    from training.data.store import PictureRow


class Kept(NamedTuple):
    """A stored picture: its number, and its size in pixels before it was resized."""

    number: int
    height: int
    width: int


class Sink(Protocol):
    """Where pictures are stored."""

    def add_picture(self, row: PictureRow) -> int: ...


@dataclass(frozen=True, slots=True)
class Stand:
    """Stands for a picture where only its size and digest matter, and takes no memory."""

    sha256: str
    height: int
    width: int

    @property
    def rgb(self) -> Pixels:
        return np.broadcast_to(np.uint8(0), (self.height, self.width, 3))

    @property
    def png(self) -> bytes:
        raise NotImplementedError("the pixels are in the data set")


class PictureBook:
    """Stores each picture that exchanges show, once, at the size in which the model looks at it."""

    def __init__(self, reader: PictureReader, sink: Sink) -> None:
        self._reader = reader
        self._sink = sink
        self._kept: dict[str, Kept] = {}

    @property
    def count(self) -> int:
        """How many pictures are stored."""
        return len(self._kept)

    def number(self, sha256: str) -> int:
        return self._kept[sha256].number

    def store(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """`messages` with stands in the places of their pictures.

        Raises:
            BadData: a picture is missing, damaged, or of another size than it was said to have.
        """
        return tuple(
            Message(role=message.role, content=tuple(part if isinstance(part, str) else self._stand(part) for part in message.content))
            for message in messages
        )

    def _stand(self, source: ImageSource) -> Stand:
        digest = source.sha256
        if digest not in self._kept:
            self._kept[digest] = self._store(source, digest)
        kept = self._kept[digest]
        return Stand(digest, kept.height, kept.width)

    def _store(self, source: ImageSource, digest: str) -> Kept:
        from training.data.store import PictureRow

        try:
            rgb = png.decode(_png_of(source))
            resized = self._reader.resized(rgb)
        except FileNotFoundError as error:
            raise BadData(f"the picture {error.filename} is missing") from error
        except (OSError, png.PngError) as error:
            raise BadData(f"the picture cannot be read: {error}") from error
        except EngineError as error:
            raise BadData(str(error)) from error
        height, width = rgb.shape[:2]
        size = getattr(source, "size", (width, height))
        if tuple(size) != (width, height):
            raise BadData(f"the picture is {width}x{height} px, and was said to be {size[0]}x{size[1]}: places in it would be wrong")
        grid = self._reader.grid(height, width)
        assert self._reader.grid(*resized.shape[:2]) == grid, "a picture at the model's size must not be resized again"
        number = self._sink.add_picture(PictureRow(sha256=digest, rows=grid.rows, columns=grid.columns, png=png.encode(resized)))
        return Kept(number, height, width)


def _png_of(source: ImageSource) -> bytes:
    """As PNG, whichever format its file has."""
    data = source.png
    if data.startswith(png.SIGNATURE):
        return data
    import io

    from PIL import Image, UnidentifiedImageError

    try:
        return png.encode(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))
    except UnidentifiedImageError as error:
        raise OSError(str(error)) from error
