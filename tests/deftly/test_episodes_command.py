"""`deftly episodes`: what runs recorded, listed, shown, exported and made into pages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from actions.geometry import Point
from actions.space import Action, Click, Finished, Prediction, TypeText
from agent.computers.base import Outcome
from agent.episode import Episode
from agent.screenshot import Screenshot
from agent.step import Step
from deftly.commands.episodes import episodes_command
from deftly.errors import UsageError


def record(root: Path, task: str, *, ended: bool = True) -> Path:
    episode = Episode.create(root, task, {"model": "m"})
    actions: tuple[Action, ...] = (Click(point=Point(0.5, 0.25)), TypeText(text="hi\x1b[31m"), Finished(answer="ok"))
    for index, action in enumerate(actions):
        done = () if isinstance(action, Finished) else (Outcome(action=action, seconds=0.01),)
        seen = Screenshot.from_rgb(np.full((48, 64, 3), index, np.uint8))
        said = Prediction(thought=f"thought {index}", actions=(action,), text=f"raw {index}")
        episode.append(Step(index=index, seen=seen, prediction=said, outcomes=done, timing={"look": 0.02}))
    if ended:
        episode.end("done", 0, "ok", reward=1.0)
    return episode.path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    record(tmp_path / "episodes", "first task")
    record(tmp_path / "episodes", "second task", ended=False)
    return tmp_path / "episodes"


def told(capsys: pytest.CaptureFixture[str], *argv: object) -> str:
    assert episodes_command([str(word) for word in argv]) == 0
    return capsys.readouterr().out


def test_list_has_a_line_for_each(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, "list", root).splitlines()
    assert len(lines) == 2
    assert sorted(line.split()[0] for line in lines) == ["done", "unfinished"]
    assert any("reward 1" in line and "first task" in line for line in lines)


def test_list_as_json(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = {row["task"]: row for row in json.loads(told(capsys, "list", "--json", "--episodes", root))}
    assert rows["first task"]["status"] == "done" and rows["first task"]["reward"] == 1.0 and rows["first task"]["steps"] == 3
    assert rows["second task"]["status"] == "unfinished" and rows["second task"]["exit_code"] is None


def test_one_that_cannot_be_read_does_not_hide_the_others(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = root / "bad"
    bad.mkdir()
    (bad / "episode.json").write_text('{"format": "deftly-episode", "version": 99}')
    assert "unreadable" in told(capsys, "list", root)
    assert len(json.loads(told(capsys, "list", root, "--json"))) == 3


def test_an_empty_folder_is_said_and_a_missing_one_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no episodes under" in told(capsys, "list", tmp_path)
    with pytest.raises(UsageError, match="nowhere"):
        episodes_command(["list", str(tmp_path / "nowhere")])


def test_show_tells_every_step_and_cannot_command_the_terminal(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = next(path for path in root.iterdir() if "first" in path.name)
    words = told(capsys, "show", path)
    for part in (
        "first task",
        "thought 0",
        "click at 50 %, 25 %",
        "type “hi�[31m”",
        "finished: ok",
        "look 20 ms",
        "done (exit code 0, reward 1): ok",
    ):
        assert part in words
    assert "\x1b" not in words and "not performed" not in words


def test_show_as_json_names_the_pictures(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = next(path for path in root.iterdir() if "first" in path.name)
    data = json.loads(told(capsys, "show", path.name, "--episodes", root, "--json"))
    assert data["meta"] == {"model": "m"} and len(data["steps"]) == 3
    assert Path(data["steps"][0]["screen"]["file"]).is_file()


def test_last_is_the_newest(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    newest = sorted(path.name for path in root.iterdir())[-1]
    assert newest in told(capsys, "show", "last", "--episodes", root)


def test_an_unknown_episode_is_named(root: Path) -> None:
    with pytest.raises(UsageError, match=r"no episode is called 'nosuch': .*deftly episodes list"):
        episodes_command(["show", "nosuch", "--episodes", str(root)])


def test_page_of_a_whole_folder(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "new" / "page.html"
    data = json.loads(told(capsys, "page", root, "-o", page, "--title", "both", "--json"))
    assert data == {"page": str(page), "episodes": 2, "bytes": page.stat().st_size}
    assert "<title>both</title>" in page.read_text()


def test_export_jsonl_is_the_whole_episode(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.jsonl"
    told(capsys, "export", root, "--to", "jsonl", "-o", out)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["kind"] for row in rows].count("step") == 6
    assert sorted({row["kind"] for row in rows}) == ["end", "episode", "step"]
    assert all((tmp_path / row["screen"]["file"]).is_file() for row in rows if row["kind"] == "step")


def test_export_uitars_has_one_answer_to_learn_in_each_conversation(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.json"
    data = json.loads(told(capsys, "export", root, "--to", "uitars", "-o", out, "--json"))
    assert data == {"file": str(out), "to": "uitars", "episodes": 2}
    conversations = json.loads(out.read_text())
    assert len(conversations) == 6
    for conversation in conversations:
        assert [message["loss_mask"] for message in conversation] == [0] * (len(conversation) - 1) + [1]
    first = conversations[0]
    assert first[-1] == {"role": "assistant", "content": "Thought: thought 0\nAction: click(point='<point>168 63</point>')", "loss_mask": 1}
    assert (tmp_path / first[-2]["content"][0]["image"]).is_file()


@pytest.mark.parametrize("argv", [[], ["nosuch"], ["page", "x"], ["export", "x", "-o", "y"], ["export", "x", "-o", "y", "--to", "mp4"]])
def test_wrong_use_exits_with_2(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        episodes_command(argv)
    assert exit_.value.code == 2


def test_the_command_line_says_an_unreadable_episode_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "episode.json").write_text('{"format": "deftly-episode", "version": 99}')
    argv = [sys.executable, "-m", "deftly", "episodes", "show", str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, env=os.environ | {"DEFTLY_EPISODES": ""}, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("deftly: error: ") and "version 99" in done.stderr and done.stderr.count("\n") == 1


def test_listing_loads_no_model_library(tmp_path: Path) -> None:
    code = "import sys; from deftly.cli import main; main(['episodes', 'list', sys.argv[1]]); print({'torch', 'cv2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
