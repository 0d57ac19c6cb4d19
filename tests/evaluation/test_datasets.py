"""Data sets in their published layouts are told apart by content, and read into steps; what is wrong with them is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from actions.geometry import Point, Size
from actions.space import Click, Drag, Finished, Hotkey, Move, Scroll, TypeText
from evaluation.datasets import load_dataset
from evaluation.errors import DatasetError
from evaluation.steps import Box, Place
from evaluation.vocabularies import agentnet, androidcontrol, odyssey
from tests.evaluation import published
from tests.evaluation.agentnetbench_cases import CASES, as_episode


def agentnetbench(root: Path) -> Path:
    published.put(root / "e.json", as_episode(CASES[:4]))
    return root


LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "agentnetbench": agentnetbench,
    "agentnet": published.agentnet,
    "androidcontrol": published.androidcontrol,
    "mind2web": published.mind2web,
    "odyssey": published.odyssey,
    "osworld-g": published.osworld_g,
    "screenspot": published.screenspot,
    "screenspot-pro": published.screenspot_pro,
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_told_by_its_content_and_its_pictures_are_found(name: str, tmp_path: Path) -> None:
    data = load_dataset(LAYOUTS[name](tmp_path / "anything"))
    assert data.name == name
    assert len(data.digest) == 64
    if name != "agentnetbench":
        for step in data.steps:
            assert step.picture.screenshot().rgb.ndim == 3
    assert [step.index for step in data.steps if step.episode == data.steps[-1].episode] == list(range(data.steps[-1].index + 1))


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_digest_changes_with_the_annotations_and_only_with_them(name: str, tmp_path: Path) -> None:
    first, again = (load_dataset(LAYOUTS[name](tmp_path / where)).digest for where in ("a", "b"))
    assert first == again


def test_agentnet_code_is_the_ground_truth(tmp_path: Path) -> None:
    click, typed = load_dataset(published.agentnet(tmp_path)).steps
    assert (click.task, click.thought, click.truth[0].act.place) == ("say hi", "Click it.", Place(0.5, 0.25))
    assert [wanted.act.type for wanted in typed.truth] == ["write", "press"]
    assert typed.history == (click,)
    assert typed.screen == Size(1280, 720)


def test_mind2web_rows_are_ordered_within_their_task_and_split(tmp_path: Path) -> None:
    steps = load_dataset(published.mind2web(tmp_path)).steps
    assert [(step.split, step.episode, step.step) for step in steps] == [
        *(("test_task", "a", 0), ("test_task", "a", 1)),
        *(("test_website", "b", 0), ("test_website", "b", 1)),
    ]
    assert steps[0].truth[0].boxes == (Box(0.1, 0.1, 0.3, 0.15),)
    assert len(steps[2].truth[0].boxes) == 2
    assert steps[3].truth == ()


def test_variants_choose_splits_and_instructions(tmp_path: Path) -> None:
    assert [step.episode for step in load_dataset(published.mind2web(tmp_path / "m"), "train").steps] == ["c"]
    assert {step.episode for step in load_dataset(published.odyssey(tmp_path / "o"), "app").steps} == {"0002"}
    assert load_dataset(published.osworld_g(tmp_path / "g"), "refined").steps[0].task == "the blue one"
    assert load_dataset(published.androidcontrol(tmp_path / "a"), "low").steps[1].task == "set an alarm\nstep 1"
    with pytest.raises(DatasetError, match="osworld-g has no variant 'best': there are original, refined"):
        load_dataset(tmp_path / "g", "best")
    with pytest.raises(DatasetError, match="screenspot has no variant 'x': it has none"):
        load_dataset(published.screenspot(tmp_path / "s"), "x")


def test_androidcontrol_reads_the_test_episodes_and_the_target_from_the_tree(tmp_path: Path) -> None:
    data = load_dataset(published.androidcontrol(tmp_path))
    assert {step.episode for step in data.steps} == {"11", "13"}
    opened, row, corner, *_ = data.steps
    assert opened.task == "set an alarm"
    assert row.truth[0].act.place == Place(0.5, 0.5)
    assert row.truth[0].boxes == (Box(0.0, 1100 / 2400, 1.0, 1300 / 2400),)  # the clickable row, not the label in it
    assert corner.truth[0].boxes == ()  # what is invisible is no target
    assert data.steps[-1].tags["subsplits"] == "app_unseen,task_unseen"


def test_odyssey_buttons_boxes_and_ways(tmp_path: Path) -> None:
    acts = [step.truth[0].act for step in load_dataset(published.odyssey(tmp_path)).steps if step.episode == "0001"]
    assert [act.type for act in acts] == ["CLICK", "LONG_PRESS", "SCROLL", "TYPE", "PRESS_HOME", "PRESS_RECENT", "COMPLETE"]
    assert acts[2].value == "UP"
    assert load_dataset(tmp_path).steps[0].truth[0].boxes == (Box(0.4, 0.28, 0.6, 0.32),)


def test_screenspot_of_the_hub_is_a_table(tmp_path: Path) -> None:
    (step,) = load_dataset(published.screenspot_table(tmp_path)).steps
    assert (step.platform, step.truth[0].boxes) == ("desktop", (Box(0.1, 0.1, 0.3, 0.3),))


def test_pixels_become_fractions_of_the_picture(tmp_path: Path) -> None:
    steps = load_dataset(published.screenspot(tmp_path / "s", version="")).steps
    assert len(steps) == 6
    assert steps[0].truth[0].boxes == (Box(0.1, 0.1, 0.3, 0.3),)
    assert load_dataset(published.screenspot_pro(tmp_path / "p")).steps[0].truth[0].boxes == (Box(0.5, 0.5, 1980 / 3840, 1120 / 2160),)


def test_what_is_done_is_said_in_deftlys_actions_for_the_history() -> None:
    middle = Point(0.5, 0.5)
    text = "pyautogui.moveTo(x=0.1, y=0.2)\npyautogui.dragTo(x=0.5, y=0.5)\npyautogui.moveTo(x=0.5, y=0.5)\npyautogui.scroll(-3)"
    assert agentnet.to_actions(agentnet.read(text)) == (Drag(path=(Point(0.1, 0.2), middle)), Scroll(point=middle, dy=-3))
    text = "pyautogui.doubleClick(x=0.5, y=0.5)\npyautogui.write('a')\npyautogui.hotkey('ctrl', 'F')\ncomputer.terminate(status='success')"
    assert agentnet.to_actions(agentnet.read(text)) == (
        *(Click(point=middle, count=2), TypeText(text="a"), Hotkey(keys=("ctrl", "f")), Finished()),
    )


@pytest.mark.parametrize("vocabulary", [agentnet.AGENTNET, odyssey.ODYSSEY, androidcontrol.ANDROIDCONTROL], ids=lambda each: each.name)
def test_actions_survive_the_way_into_a_vocabulary_and_back(vocabulary: agentnet.Vocabulary) -> None:
    for action in (Click(point=Point(0.25, 0.75)), TypeText(text="x"), Scroll(dy=-5), Scroll(dx=5), Finished()):
        if vocabulary.name == "agentnet" and action == Scroll(dx=5):
            continue  # hscroll is a word of its own there
        assert vocabulary.to_actions(vocabulary.from_actions((action,))) == (action,)
    if vocabulary.name == "agentnet":
        for moves in (
            (Move(point=Point(0.1, 0.1)),),
            (Drag(path=(Point(0.1, 0.1), Point(0.2, 0.2))),),
            (Scroll(point=Point(0.1, 0.1), dy=2),),
        ):
            assert vocabulary.to_actions(vocabulary.from_actions(moves)) == moves


def broken_json(root: Path) -> None:
    (root / "e.json").write_text("{")
    (root / "f.json").write_text(json.dumps(as_episode(CASES[:1])))


def without_a_position(root: Path) -> None:
    episode = as_episode(CASES[:3])
    del episode["steps"][1]["ground_truth_actions"][0]["params"]["position"]["x"]
    published.put(root / "e.json", episode)


def without_ground_truth(root: Path) -> None:
    episode = as_episode(CASES[:3])
    del episode["steps"][2]["ground_truth_actions"]
    published.put(root / "e.json", episode)


def with_a_step_twice(root: Path) -> None:
    episode = as_episode(CASES[:3])
    episode["steps"][2]["step_num"] = 2
    published.put(root / "e.json", episode)


def with_a_missing_picture(root: Path) -> None:
    published.screenspot(root)
    (root / "screenspotv2_image" / "web.png").unlink()


def with_a_box_of_three(root: Path) -> None:
    published.screenspot_pro(root)
    file = root / "annotations" / "blender_windows.json"
    samples = json.loads(file.read_text())
    samples[1]["bbox"] = [1, 2, 3]
    published.put(file, samples)


def with_a_strange_box_type(root: Path) -> None:
    published.osworld_g(root)
    file = root / "benchmark" / "OSWorld-G.json"
    samples = json.loads(file.read_text())
    samples[1]["box_type"] = "circle"
    published.put(file, samples)


def with_a_strange_action(root: Path) -> None:
    published.odyssey(root)
    file = root / "annotations" / "0001.json"
    episode = json.loads(file.read_text())
    episode["steps"][3]["action"] = "FLY"
    published.put(file, episode)


def with_half_a_shard(root: Path) -> None:
    published.androidcontrol(root)
    shard = root / "android_control-00001-of-00020"
    shard.write_bytes(shard.read_bytes()[:-100])


def with_unreadable_code(root: Path) -> None:
    published.agentnet(root)
    file = root / "agentnet_ubuntu_5k.jsonl"
    file.write_text(file.read_text().replace("pyautogui.click(x=0.5, y=0.25)", "import os"))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (broken_json, r"e\.json cannot be read as JSON"),
        (without_a_position, r"e\.json, step 2: 'x' is missing"),
        (without_ground_truth, r"e\.json, step 4: 'ground_truth_actions' is missing"),
        (with_a_step_twice, r"has step 2 of episode 's_cases' twice"),
        (with_a_missing_picture, r"screenspot_web_v2\.json, sample 0: the picture .*web\.png cannot be read: No such file"),
        (with_a_box_of_three, r"blender_windows\.json, sample 1: "),
        (with_a_strange_box_type, r"OSWorld-G\.json, sample 1: box_type is 'circle'"),
        (with_a_strange_action, r"0001\.json, sample 3: action is 'FLY'"),
        (with_half_a_shard, r"android_control-00001-of-00020"),
        (with_unreadable_code, r"jsonl, line 1, step 0: its code cannot be read"),
    ],
)
def test_what_is_wrong_is_named_by_file_and_step(spoil: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    spoil(tmp_path)
    with pytest.raises(DatasetError, match=message):
        load_dataset(tmp_path)


def test_an_unknown_layout_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no layout that is known: those of episodes, agentnetbench"):
        load_dataset(tmp_path)


def test_a_path_that_is_none_is_told_from_a_name_on_the_hub(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="there is no data set at"):
        load_dataset(tmp_path / "not" / "here")


def test_without_a_network_the_hub_is_one_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A fresh process: the hub's client reads its settings when it is imported."""
    import subprocess
    import sys

    code = "import sys; from deftly.cli import main; sys.exit(main(['eval', 'owner/data', '--predictions', sys.argv[1]]))"
    predictions = published.put(tmp_path / "p.jsonl", "")
    env = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", code, str(predictions)], capture_output=True, text=True, timeout=120, env=env, check=False)
    assert done.returncode == 2
    assert "the hub cannot be asked" in done.stderr
    assert "huggingface-cli download --repo-type dataset owner/data" in done.stderr
    assert len(done.stderr.splitlines()) == 1
