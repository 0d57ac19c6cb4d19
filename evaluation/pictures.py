"""The pictures of a data set: files, or bytes inside a table, opened when someone looks at them."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from actions.geometry import Size
from evaluation.errors import DatasetError

if TYPE_CHECKING:
    from agent.capture import Screenshot

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
        """As the model is shown it; a PNG is handed on as it is, anything else is decoded.

        Raises:
            DatasetError: it is missing or damaged.
        """
        from PIL import Image

        from agent.capture import Screenshot

        data = self.read()
        try:
            if data.startswith(PNG):
                return Screenshot.from_png(data)
            with Image.open(io.BytesIO(data)) as image:
                return Screenshot.from_rgb(np.asarray(image.convert("RGB")), taken_at=0.0)
        except (OSError, ValueError) as error:
            raise DatasetError(f"{self.where} is no picture that can be read: {error}") from error
