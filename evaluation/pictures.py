"""The pictures of a data set: files, or bytes inside a table, opened when someone looks at them."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from actions.geometry import Geometry, Size
from evaluation.errors import DatasetError

if TYPE_CHECKING:
    from agent.screenshot import Screenshot

KEPT = 32  # the same screens are shown again in the steps that follow; 6 MB each at 1920x1080 where an engine decodes them
PNG = b"\x89PNG\r\n\x1a\n"


class Picture:
    """One screenshot; `where` names it in errors. A missing file only counts when it is asked for: scoring texts seldom needs pixels."""

    def __init__(self, load: Callable[[], bytes], where: str, size: Size | None = None, path: Path | None = None) -> None:
        self.where = where
        self._load = load
        self._path = path
        if size is not None:
            self.__dict__["size"] = size

    @classmethod
    def from_file(cls, path: Path, size: Size | None = None) -> Picture:
        return cls(path.read_bytes, str(path), size, path)

    @classmethod
    def from_bytes(cls, data: bytes, where: str, size: Size | None = None) -> Picture:
        return cls(lambda: data, where, size)

    @cached_property
    def size(self) -> Size:
        """Width and height in pixels, from the file's header alone.

        Raises:
            DatasetError: the picture is missing or damaged.
        """
        from PIL import Image

        try:
            with Image.open(self._path or io.BytesIO(self.read())) as image:
                return Size(*image.size)
        except OSError as error:
            raise DatasetError(f"the picture {self.where} cannot be read: {error.strerror or error}") from error

    def read(self) -> bytes:
        """The file as it is, PNG or JPEG.

        Raises:
            DatasetError: it is not there.
        """
        try:
            return self._load()
        except OSError as error:
            raise DatasetError(f"the picture {self.where} cannot be read: {error.strerror or error}") from error

    def screenshot(self) -> Screenshot:
        """As the model is shown it; read when an engine looks at it. A PNG is handed on as it is, anything else is encoded anew.

        Raises:
            DatasetError: it is missing or damaged.
        """
        return _screenshot(self)

    def _png(self) -> bytes:
        data = self.read()
        if data.startswith(PNG):
            return data
        from PIL import Image

        from agent.png import encode

        try:
            with Image.open(io.BytesIO(data)) as image:
                return encode(np.asarray(image.convert("RGB")))
        except OSError as error:
            raise DatasetError(f"the picture {self.where} cannot be read: {error}") from error


@lru_cache(maxsize=KEPT)
def _screenshot(picture: Picture) -> Screenshot:
    from evaluation.recorded_screen import RecordedScreen

    width, height = picture.size
    return RecordedScreen(geometry=Geometry(left=0, top=0, width=width, height=height), taken_at=0.0, png=picture._png)
