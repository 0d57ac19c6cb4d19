"""Two workers on a Ray of their own give the numbers of one, and go on where the run stopped; nothing is left running."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.ray_runner import Plan, pieces
from evaluation.run_folder import RunFolder
from inference.families import load_family
from tests.evaluation import published
from tests.evaluation.agentnetbench_cases import Case, as_episode, at

pytest.importorskip("ray")
STEPS, EPISODES = 8, 6


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for number in range(EPISODES):
        episode = as_episode([Case(f"step {n}", [[at("click", n / STEPS, 0.5)]], "", 0, {}) for n in range(STEPS)], f"e{number}")
        published.put(root / f"e{number}.json", episode)
        for step in episode["steps"]:
            published.put(root / "images" / step["image"], published.picture(280, 280))
    return root


def plan_of(folder: Path, context: str) -> Plan:
    return Plan(
        load=lambda: pytest.fail("not here"),
        digest="",
        open_engine=lambda: pytest.fail("not here"),
        family=load_family("uitars-1.5"),
        folder=folder,
        context=context,  # type: ignore[arg-type]
        concurrency=1,
        seed=None,
    )


def test_pieces_hold_every_step_once_and_whole_episodes_where_the_model_remembers(data: Path, tmp_path: Path) -> None:
    from evaluation.datasets import load_dataset

    steps = load_dataset(data).steps
    keys = [(step.episode, step.step) for step in steps]
    folder = RunFolder(tmp_path)
    folder.append(*keys[0], "x", {})
    folder.close()
    done = folder.answers()
    teacher = pieces(steps, done, plan_of(tmp_path, "teacher"), workers=2)
    assert [key for piece in teacher for key in piece] == keys[1:]
    assert len(teacher) >= 4
    own = pieces(steps, done, plan_of(tmp_path, "own"), workers=2)
    assert [key for piece in own for key in piece] == keys  # an episode's answered steps are told again
    assert all(len({key[0] for key in piece} & {key[0] for key in other}) == 0 for piece in own for other in own if piece is not other)


@pytest.mark.timeout(600)  # starting Ray takes seconds on a quiet machine, and minutes on a busy one
def test_two_workers_give_the_numbers_of_one_and_go_on(data: Path, tmp_path: Path) -> None:
    replies = [f"Thought: x\nAction: click(point='<point>{x} 140</point>')" for x in range(0, 280, 35)]
    script = published.put(tmp_path / "script.jsonl", "".join(json.dumps(reply) + "\n" for reply in replies))
    argv = [sys.executable, "-m", "deftly", "eval", str(data), "--engine", "scripted", "--script", str(script), "--json"]
    argv += ["--family", "uitars-1.5", "--concurrency", "1"]
    alone, shared = tmp_path / "alone", tmp_path / "shared"

    def run(*more: str) -> dict[str, object]:
        told: dict[str, object] = json.loads(subprocess.run([*argv, *more], capture_output=True, text=True, timeout=500, check=True).stdout)
        return told

    whole = run("--out", str(alone))
    lines = (alone / "predictions.jsonl").read_text().splitlines()[:10]
    shared.mkdir()
    (shared / "run.json").write_text((alone / "run.json").read_text())
    (shared / "predictions.0.jsonl").write_text("\n".join(lines) + '\n{"episode": "e')
    again = run("--out", str(shared), "--ray", "2")
    assert again["steps"] == whole["steps"]
    counts = [len(file.read_text().splitlines()) for file in sorted(shared.glob("predictions.*.jsonl"))]
    assert sum(counts) == STEPS * EPISODES  # none was asked twice
    assert len(counts) == 2
    assert counts[1] > 0
