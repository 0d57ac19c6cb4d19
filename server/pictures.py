"""Pictures that clients send: found in a request, checked by their header before a pixel is decoded, then decoded once.

A picture comes as a data URL. Other URLs are refused unless their host was allowed when the server was started; `file:` always is.
"""

from __future__ import annotations

import binascii
import hashlib
import io
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from actions.geometry import Size
from server.errors import ApiError, invalid
from server.picture_sizes import header_size, size_of
from server.settings import Access, Limits

if TYPE_CHECKING:
    from agent.screenshot import Screenshot

FORMATS = ("PNG", "JPEG", "WEBP")
LONGEST_HEAD = 512  # characters of "data:image/…;base64"
HEADER_CHARACTERS = 1 << 14  # of base64, in which a picture's header lies; one with a long profile before it is decoded whole
NUM_KEPT = 64  # decoded pictures: agents send the same history again and again
BYTES_KEPT = 512 << 20
# Where an engine looks for pictures, and what vLLM would take there besides: it would fetch, unpickle or decode it.
SHOWN_IN = ("messages", "input", "prompt")
REFUSED = frozenset(
    {"video_url", "audio_url", "input_audio", "input_video", "image_pil", "input_file", "file_data", "file_url", "file_id", "prompt_embeds"}
    | {"image_embeds", "audio_embeds", "video_embeds"}
)


class FoundPicture(NamedTuple):
    """A picture's URL in a request, and its dotted path there."""

    url: str
    path: str


class PictureBook:
    """Checks and decodes pictures; the last ones are kept by the hash of their bytes, so that a resent history costs no decoding."""

    def __init__(self, limits: Limits, access: Access) -> None:
        self._limits = limits
        self._media_hosts = access.media_hosts
        self._decoded: OrderedDict[str, Screenshot] = OrderedDict()
        self._num_bytes = 0
        self._lock = threading.Lock()

    def check_all(self, body: dict[str, Any]) -> None:
        """Check every picture that a request to an OpenAI endpoint holds, without decoding any.

        Raises:
            ApiError: one is too large, of an unknown format, or must not be fetched; or they are too many.
        """
        try:
            found = list(find_pictures(body))
        except RecursionError:
            raise invalid("the body is nested too deeply", code="invalid_json") from None
        self.check_number(len(found))
        for picture in found:
            if not self._may_fetch(picture):
                self._check(size_in_url(picture.url, picture.path), picture.path)

    def check_number(self, number: int) -> None:
        if number > self._limits.images:
            raise ApiError(
                400, f"the request shows {number} images, and this server takes {self._limits.images} at most", code="too_many_images"
            )

    def size(self, data: bytes, path: str) -> Size:
        """The size of an encoded picture, from its header.

        Raises:
            ApiError: it is too large, or not a picture.
        """
        return self._check(size_of(data, path), path)

    def _check(self, size: Size, path: str) -> Size:
        if size.width * size.height > self._limits.image_pixels:
            raise invalid(
                f"{path}: the image has {size.width}x{size.height} pixels, and this server takes {self._limits.image_pixels} at most",
                param=path,
                code="image_too_large",
            )
        return size

    def open(self, url: str, path: str) -> Screenshot:
        """The picture of a data URL, or bare base64, decoded.

        Raises:
            ApiError: as `size`, or it is broken.
        """
        data = read_data_url(url, path)
        self.size(data, path)
        name = hashlib.sha256(data).hexdigest()
        with self._lock:
            if name in self._decoded:
                self._decoded.move_to_end(name)
                return self._decoded[name]
        return self._keep(name, _decode(data, path))

    def known(self, name: str, path: str) -> Screenshot:
        """The picture that was sent before, by its name `sha256:…`.

        Raises:
            ApiError: it was not, or too long ago.
        """
        with self._lock:
            found = self._decoded.get(name.removeprefix("sha256:"))
        if found is None:
            raise ApiError(
                409,
                f"{path}: this server does not know the image {name[:80]!r} (any more): send it again",
                code="image_unknown",
                param=path,
            )
        return found

    def _keep(self, name: str, picture: Screenshot) -> Screenshot:
        with self._lock:
            if name not in self._decoded:
                self._decoded[name] = picture
                self._num_bytes += picture.rgb.nbytes
            while len(self._decoded) > NUM_KEPT or (self._num_bytes > BYTES_KEPT and len(self._decoded) > 1):
                self._num_bytes -= self._decoded.popitem(last=False)[1].rgb.nbytes
        return picture

    def _may_fetch(self, picture: FoundPicture) -> bool:
        """Whether the engine may fetch it itself; a URL that it may not is an error, a data URL is none to fetch."""
        if picture.url[:5].lower() == "data:":
            return False
        try:
            parts = urlsplit(picture.url)
            host = parts.hostname or ""
        except ValueError:
            raise invalid(f"{picture.path} is no URL", param=picture.path) from None
        if parts.scheme in ("http", "https") and host in self._media_hosts and "@" not in parts.netloc and "\\" not in picture.url:
            return True
        raise invalid(
            f"{picture.path}: this server fetches no {parts.scheme[:20] or 'such'} URL: send the image itself, as data:image/png;base64,…",
            param=picture.path,
            code="url_not_allowed",
        )


def name_of(url: str, path: str) -> str:
    """The name under which a picture that was sent is known to the server from then on."""
    return "sha256:" + hashlib.sha256(read_data_url(url, path)).hexdigest()


def find_pictures(body: dict[str, Any]) -> Iterator[FoundPicture]:
    """Every image part of a request, in the forms of the chat and the responses API.

    Raises:
        ApiError: there is a part that this server does not take, such as video or embeddings.
    """
    for field in SHOWN_IN:
        yield from _find(body.get(field), field)


def _find(value: object, path: str) -> Iterator[FoundPicture]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _find(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        refused = REFUSED.intersection(value) or REFUSED.intersection([value["type"]] if isinstance(value.get("type"), str) else [])
        if refused:
            raise invalid(f"{path}: this server takes text and images, and no {min(refused)}", param=path, code="unsupported_content")
        if value.get("image_url") is not None:
            yield _picture_of(value["image_url"], f"{path}.image_url")
        for key, item in value.items():
            if key != "image_url":
                yield from _find(item, f"{path}.{key}")


def _picture_of(value: object, path: str) -> FoundPicture:
    url = value.get("url") if isinstance(value, dict) else value
    if not isinstance(url, str):
        raise invalid(f"{path} must be a URL, as {{'url': 'data:image/png;base64,…'}}", param=path)
    return FoundPicture(url, path)


def read_data_url(url: str, path: str, num_characters: int | None = None) -> bytes:
    """The bytes in a base64 data URL of an image, or in bare base64; of its first `num_characters`, a multiple of 4, where they are given.

    Raises:
        ApiError: it is neither.
    """
    comma = url.find(",", 0, LONGEST_HEAD)
    head = url[: max(0, comma)]
    if comma >= 0 and not (head[:11].lower() == "data:image/" and head.endswith(";base64")):
        raise invalid(f"{path} must be a data URL such as data:image/png;base64,…", param=path)
    payload = url[comma + 1 :] if num_characters is None else url[comma + 1 : comma + 1 + num_characters]
    try:
        return binascii.a2b_base64(payload, strict_mode=True)
    except (binascii.Error, ValueError):
        raise invalid(f"{path} is not base64", param=path, code="invalid_base64") from None


def size_in_url(url: str, path: str) -> Size:
    """Width and height of the picture in a data URL.

    No more of it is decoded than that takes: it is done in the server's loop, where the 3 ms of a megabyte count.

    Raises:
        ApiError: as `read_data_url` and `size_of`.
    """
    return header_size(read_data_url(url, path, HEADER_CHARACTERS)) or size_of(read_data_url(url, path), path)


def _decode(data: bytes, path: str) -> Screenshot:
    """Pixels as vLLM makes them of the same bytes: turned by their EXIF orientation, on white where they are transparent."""
    import numpy as np
    from PIL import Image, ImageOps

    from agent.screenshot import Screenshot

    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            turned = ImageOps.exif_transpose(image)
            if turned.mode in ("RGBA", "LA", "PA") or "transparency" in turned.info:
                seen = turned.convert("RGBA")
                turned = Image.new("RGB", seen.size, (255, 255, 255))
                turned.paste(seen, mask=seen.split()[3])
            pixels = np.asarray(turned.convert("RGB"))
    except (OSError, ValueError, SyntaxError, EOFError, TypeError, OverflowError, IndexError, Image.DecompressionBombWarning) as error:
        raise invalid(f"{path} is a broken image: {str(error)[:120]}", param=path, code="invalid_image") from None
    return Screenshot.from_rgb(pixels)
