"""Tiles that were measured are kept for each GPU and version of Triton, and nothing that is in the file can do harm."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest
import torch

pytest.importorskip("triton", reason="no Triton: pip install 'deftly[triton]'")

from inference.kernels.flash_attention.gluon.shapes import HopperTile
from inference.kernels.flash_attention.settings import Settings
from inference.kernels.flash_attention.triton.shapes import Tile, forward_tile, near
from inference.kernels.flash_attention.triton.tuning import Choices, chosen, fastest, shape_name

GPU, TRITON = "NVIDIA H100 80GB HBM3", "3.6.0"
TILE = Tile(128, 64, 8, 3)


def read(folder: Path, gpu: str = GPU, triton: str = TRITON) -> Choices:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return Choices.read(folder, gpu, triton)


def test_what_is_kept_is_read_again_by_the_next_process(tmp_path: Path) -> None:
    read(tmp_path).put("forward", Tile(64, 128, 4, 2), 1.25)
    read(tmp_path).put("gluon", HopperTile(128, 128, 2, 2, True), 0.5)
    again = read(tmp_path)
    assert again.get("forward", TILE) == Tile(64, 128, 4, 2)
    assert again.get("gluon", HopperTile(128, 128, 3, 2, False)) == HopperTile(128, 128, 2, 2, True)
    assert again.get("keys", TILE) is None
    assert again.get("gluon", TILE) is None  # not of this form
    assert [path.name for path in tmp_path.iterdir()] == ["tiles-NVIDIA-H100-80GB-HBM3-triton-3.6.0.json"]


def test_another_gpu_and_another_triton_have_files_of_their_own(tmp_path: Path) -> None:
    read(tmp_path).put("forward", TILE, 1.0)
    assert read(tmp_path, gpu="NVIDIA H200").get("forward", TILE) is None
    assert read(tmp_path, triton="3.9.0").get("forward", TILE) is None


def test_processes_that_tune_at_once_keep_each_others_tiles(tmp_path: Path) -> None:
    one, other = read(tmp_path), read(tmp_path)
    one.put("forward", TILE, 1.0)
    other.put("keys", Tile(32, 64, 8, 2), 2.0)
    assert set(read(tmp_path).tiles) == {"forward", "keys"}


WHOLE = {"format": 1, "gpu": GPU, "triton": TRITON, "tiles": {"forward": {"tile": [1, 2, 3, 4], "ms": 1.0}}}
CORRUPT = {
    "empty": "",
    "cut off": json.dumps(WHOLE)[:50],
    "a list": "[1, 2]",
    "another gpu": json.dumps(WHOLE | {"gpu": "A100"}),
    "another format": json.dumps(WHOLE | {"format": 2}),
    "no tiles": json.dumps({key: value for key, value in WHOLE.items() if key != "tiles"}),
    "words": json.dumps(WHOLE | {"tiles": {"forward": {"tile": ["rm", "-rf", 3, 4], "ms": 1.0}}}),
    "below zero": json.dumps(WHOLE | {"tiles": {"forward": {"tile": [-1, 2, 3, 4], "ms": 1.0}}}),
    "no time": json.dumps(WHOLE | {"tiles": {"forward": {"tile": [1, 2, 3, 4], "ms": None}}}),
}


@pytest.mark.parametrize("content", CORRUPT.values(), ids=CORRUPT.keys())
def test_a_corrupt_file_is_passed_over_with_a_warning_and_written_anew(tmp_path: Path, content: str) -> None:
    path = read(tmp_path).path
    path.write_text(content)
    with pytest.warns(RuntimeWarning, match="is passed over"):
        choices = Choices.read(tmp_path, GPU, TRITON)
    assert choices.get("forward", TILE) is None
    choices.put("forward", TILE, 1.0)
    assert read(tmp_path).get("forward", TILE) == TILE


def test_bytes_that_are_no_text_are_passed_over(tmp_path: Path) -> None:
    read(tmp_path).path.write_bytes(b"\xff\xfe\x00")
    with pytest.warns(RuntimeWarning, match="is passed over"):
        Choices.read(tmp_path, GPU, TRITON)


def test_the_fastest_that_fits_is_taken() -> None:
    from triton.runtime.errors import OutOfResources

    times = {16: 3.0, 32: 1.0, 64: 2.0}

    def measure(tile: Tile) -> float:
        if tile.bn not in times:
            raise OutOfResources(300_000, 232_448, "shared memory")
        return times[tile.bn]

    assert fastest([Tile(128, bn, 8, 2) for bn in (128, 64, 32, 16)], measure) == (Tile(128, 32, 8, 2), 1.0)
    with pytest.raises(RuntimeError, match="none of 1 tiles"):
        fastest([Tile(128, 128, 8, 2)], measure)


def test_without_a_gpu_the_usual_tile_is_taken_and_nothing_is_launched() -> None:
    launched: list[Tile] = []
    assert chosen("forward", [TILE, Tile(64, 64, 4, 2)], launched.append, torch.device("cpu"), Settings(scale=1.0)) == TILE
    assert launched == []


def test_names_tell_apart_what_runs_differently() -> None:
    causal, full, window = (Settings(scale=1.0, window_right=right, window_left=left) for left, right in ((-1, 0), (-1, -1), (9, 0)))
    names = {
        shape_name(kind, 128, 128, dtype, rows, settings)
        for kind in ("forward", "gluon")
        for dtype in (torch.bfloat16, torch.float16)
        for rows in (1000, 4096)
        for settings in (causal, full, window)
    }
    assert len(names) == 24
    assert shape_name("forward", 128, 128, torch.bfloat16, 1000, causal) == "forward 128x128 bfloat16 1024 causal"
    assert shape_name("forward", 128, 128, torch.bfloat16, 1024, causal) == shape_name("forward", 128, 128, torch.bfloat16, 513, causal)


@pytest.mark.parametrize("size", [64, 72, 128, 256])
def test_neighbours_begin_with_the_usual_tile_and_are_tiles_that_triton_takes(size: int) -> None:
    usual = forward_tile(size, size, torch.bfloat16, 4096)
    tiles = near(usual, torch.bfloat16)
    assert tiles[0] == usual
    assert len(set(tiles)) == len(tiles) > 3
    assert all(x.bm & (x.bm - 1) == 0 and x.bn & (x.bn - 1) == 0 and x.bn >= 16 and x.num_stages >= 1 for x in tiles)
    assert near(forward_tile(size, size, torch.float32, 4096), torch.float32) == [forward_tile(size, size, torch.float32, 4096)]
