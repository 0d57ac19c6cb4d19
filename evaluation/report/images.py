"""The pictures of a report: made smaller, the more of them there are, so that a page with hundreds stays one that a browser opens at once.

WebP at quality 60: a desktop full of text, 1920x1080, is 60 kB at 1120 px and 30 kB at 720 px; its letters can be read.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from evaluation.report.content import Shown

WIDTHS = ((60, 1280), (250, 1120), (600, 800), (1500, 640))  # up to so many pictures, so wide
MOST = 3000  # more would make a file that no browser likes; the rest is shown without
QUALITY, EFFORT = 60, 2  # more effort saves 5 % and takes three times as long
WORKERS = 2  # the encoder lets go of the interpreter


def embed(pictures: Sequence[Shown | None]) -> list[str | None]:
    """Each as a `data:` address, in order; `None` for one that is missing or damaged, and past the first `MOST`."""
    count = sum(picture is not None for picture in pictures)
    width = next((width for limit, width in WIDTHS if count <= limit), 480)

    def one(picture: Shown | None) -> str | None:
        return None if picture is None else _embed(picture, width)

    with ThreadPoolExecutor(WORKERS) as pool:
        shown = list(pool.map(one, pictures[:MOST]))
    return shown + [None] * (len(pictures) - len(shown))


def _embed(picture: Shown, width: int) -> str | None:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(picture.read())) as image:
            small = image.convert("RGB")
    except (OSError, ValueError):  # a damaged picture must not cost the report
        return None
    height = max(1, round(small.height * width / small.width))
    if small.width > width or small.height > 3 * width:
        small.thumbnail((width, min(height, 3 * width)), Image.Resampling.LANCZOS, reducing_gap=2.0)
    data = io.BytesIO()
    small.save(data, "WEBP", quality=QUALITY, method=EFFORT)
    return "data:image/webp;base64," + base64.b64encode(data.getvalue()).decode("ascii")
