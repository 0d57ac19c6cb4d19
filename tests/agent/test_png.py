"""PNG: lossless whatever the codec."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from agent import png

PICTURES = arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3)))


@given(PICTURES)
def test_every_picture_survives_a_round_trip(rgb: png.Pixels) -> None:
    assert np.array_equal(png.decode(png.encode(rgb)), rgb)


@given(PICTURES)
def test_the_standard_library_gives_the_same_pixels_as_the_fast_codec(rgb: png.Pixels) -> None:
    assert np.array_equal(png.decode(png.encode(rgb, lambda data: zlib.compress(data, 1))), png.decode(png.encode(rgb)))


def test_the_size_is_read_without_decoding() -> None:
    assert png.size_of(png.encode(np.zeros((30, 50, 3), np.uint8))) == (50, 30)


def test_pngs_of_others_are_read_and_their_alpha_dropped() -> None:
    into = io.BytesIO()
    Image.new("RGBA", (3, 2), (10, 20, 30, 255)).save(into, "PNG")
    assert png.decode(into.getvalue()).tolist() == [[[10, 20, 30]] * 3] * 2


@pytest.mark.parametrize("data", [b"", b"not a picture at all, but long enough to be one", png.SIGNATURE])
def test_what_is_no_png_is_refused(data: bytes) -> None:
    with pytest.raises(png.PngError, match="not a PNG"):
        png.decode(data)


def test_a_png_cut_short_is_refused() -> None:
    whole = png.encode(np.random.default_rng(0).integers(0, 256, (50, 50, 3), np.uint8))
    with pytest.raises(png.PngError, match="damaged"):
        png.decode(whole[: len(whole) // 2])
