"""A data set's pictures as an engine is shown them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agent.png import PngError, encode
from evaluation.pictures import Picture
from evaluation.recorded_screen import RecordedScreen


def saved(file: Path, shade: int) -> Picture:
    file.write_bytes(encode(np.full((32, 48, 3), shade, np.uint8)))
    return Picture.from_file(file)


def test_a_screen_is_known_by_its_file_and_two_screens_by_different_names(tmp_path: Path) -> None:
    one, again, other = saved(tmp_path / "1.png", 7), saved(tmp_path / "2.png", 7), saved(tmp_path / "3.png", 8)
    names = [picture.screenshot().sha256 for picture in (one, again, other)]
    assert names[0] == names[1] != names[2]
    assert len(names[2]) == 64


def test_a_server_is_shown_a_png_without_a_pixel_of_it_being_decoded_here(tmp_path: Path) -> None:
    data = encode(np.zeros((32, 48, 3), np.uint8))[:60]  # the header is whole, the pixels are not
    screen = Picture.from_bytes(data, "cut.png").screenshot()
    assert isinstance(screen, RecordedScreen)
    assert (screen.png, len(screen.sha256), tuple(screen.size)) == (data, 64, (48, 32))
    with pytest.raises(PngError, match="damaged"):
        _ = screen.rgb
