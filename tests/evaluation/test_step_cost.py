"""The step bench on a real desktop: it measures every stage, judges every wait, and counts peers by the same events."""

from __future__ import annotations

import json
import statistics
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

from actions.geometry import Size
from agent import png
from deftly.commands.bench import bench_command
from evaluation.step_cost import StepCost, Wait
from evaluation.step_peers import ENCODERS, PEERS


@pytest.mark.display
@pytest.mark.skipif(find_spec("_tkinter") is None, reason="this Python has no Tk")
def test_the_quick_bench_measures_every_stage_and_judges_every_wait(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench_command(["step", "--quick", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["screen"] == "1920x1080"
    assert set(told["stages_seconds"]) == {"grab", "encode", "parse", "check", "act", "record"}
    assert {wait["event"] for wait in told["waits"]} >= {"click without effect", "click: window after 600 ms", "type 3 letters"}
    assert 0 < told["background_seconds"] < 10
    late = next(wait for wait in told["waits"] if wait["event"] == "click: window after 600 ms")
    assert late["again"] is None or late["again"] > 0.6, "a second look comes after the window has"
    assert told["settle_again_seconds"] >= told["settle_seconds"]
    assert {wait["verdict"] for wait in told["waits"]} <= {"complete", "caught", "missed"}
    assert all(0 < wait["seconds"] < 10 for wait in told["waits"])
    assert told["step_seconds"] == pytest.approx(told["fixed_seconds"] + told["settle_seconds"])
    assert told["peers_seconds"]["cua"] >= 0.5


def test_a_step_is_summed_over_events_and_not_over_repeats() -> None:
    cost = StepCost(screen=Size(1920, 1080), stages={"grab": [0.01, 0.02, 0.03], "act": [0.01, 0.01, 0.07]})
    cost.waits = [
        Wait(event="menu", action="click", seconds=0.1, verdict="complete"),
        Wait(event="menu", action="click", seconds=0.3, verdict="caught", late="1x1 at 0,0"),
        Wait(event="type", action="type", seconds=0.4, verdict="complete"),
    ]
    cost.peers = {"slow": {"click": 3.0, "type": 1.0}, "fast": {"click": 1.0, "type": 1.0}}
    assert cost.fixed == pytest.approx(0.03)
    assert cost.settle == pytest.approx(0.3)
    assert cost.ratio_best == pytest.approx(1.0 / 0.33)
    assert cost.ratio_median == pytest.approx(1.5 / 0.33)
    assert cost.targets["every screen complete or caught"]
    cost.waits.append(Wait(event="late", action="click", seconds=0.1, verdict="missed", late="9x9 at 0,0"))
    assert not cost.targets["every screen complete or caught"]


def test_every_peer_has_a_source_and_an_encoder_that_works() -> None:
    rgb = np.random.default_rng(3).integers(0, 256, (60, 80, 3), np.uint8)
    image = Image.fromarray(rgb)
    for peer in PEERS:
        assert peer.source
        assert len(ENCODERS[peer.encoder](image)) > 100, peer.name
    assert np.array_equal(png.decode(ENCODERS["png level 6"](image)), rgb)
    assert statistics.median(peer.before + peer.after for peer in PEERS) > 0.5


def test_an_unknown_bench_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        bench_command(["nothing"])
    assert ended.value.code == 2
    assert "step" in capsys.readouterr().err
