"""Episodes on disk: what is written is read back, whatever happened in between."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from actions.geometry import Geometry, Point
from actions.space import Click, Drag, Finished, Hotkey, Prediction, Scroll, TypeText, Wait
from agent.endings import LimitReached, RecordingFailed
from agent.episode import RESERVE_BYTES, Episode, EpisodeError, list_episodes
from agent.screenshot import Screenshot
from agent.step import Step

MakeStep = Callable[..., Step]
MakeScreen = Callable[..., Screenshot]
REPO = Path(__file__).parents[2]


@pytest.fixture
def episode(tmp_path: Path) -> Episode:
    return Episode.create(tmp_path, "Press “OK” — twice!", {"model": "m", "seed": 3})


def same(one: Step, other: Step) -> bool:
    seen = one.seen.sha256 == other.seen.sha256 and np.array_equal(one.seen.rgb, other.seen.rgb)
    where = (one.seen.geometry, one.seen.taken_at, one.seen.condition) == (other.seen.geometry, other.seen.taken_at, other.seen.condition)
    return seen and where and replace(one, seen=other.seen) == other


def test_what_is_written_is_read_back(episode: Episode, make_step: MakeStep) -> None:
    actions = (
        Click(point=Point(0.1, 0.2), button="right", count=2, modifiers=("ctrl",)),
        Drag(path=(Point(0, 0), Point(1, 1))),
        Scroll(dy=-3),
        TypeText(text="naïve ☃ \ud83d\n\u2028"),
        Hotkey(keys=("ctrl", "c")),
        Wait(seconds=1.5),
        Finished(answer=None),
    )
    steps = [
        make_step(0, *actions, text="raw \x00\x1b text", feedback="f", notes=("n",), timing={"look": 0.25}, trace={"prompt_tokens": 3}),
        replace(make_step(1), prediction=Prediction(text="?", error="not an action"), outcomes=()),
    ]
    for step in steps:
        episode.append(step)
    episode.end("done", 0, "ok", reward=0.5)
    again = Episode.open(episode.path)
    assert (again.task, again.meta, again.notes) == ("Press “OK” — twice!", {"model": "m", "seed": 3}, ())
    assert len(again.steps) == 2 and all(map(same, steps, again.steps))
    assert again.ended == episode.ended and again.reward == 0.5


def test_an_episode_is_readable_while_it_runs(episode: Episode, make_step: MakeStep) -> None:
    episode.append(make_step(0))
    again = Episode.open(episode.path)
    assert len(again.steps) == 1 and again.ended is None and not again.running and episode.running


def test_identical_screens_are_stored_once(episode: Episode, make_step: MakeStep) -> None:
    for index, colour in enumerate([5, 6, 5, 5, 6, 7]):
        episode.append(make_step(index, colour=colour))
    assert sorted(file.name for file in (episode.path / "screens").iterdir()) == ["0000.png", "0001.png", "0002.png"]
    assert [step.seen.rgb[1, 1, 0] for step in Episode.open(episode.path).steps] == [5, 6, 5, 5, 6, 7]


def test_old_pixels_leave_memory_and_come_back_from_disk(episode: Episode, make_step: MakeStep) -> None:
    for index in range(20):
        episode.append(make_step(index))
    assert "rgb" not in vars(episode.steps[0].seen) and "rgb" in vars(episode.steps[-1].seen)
    assert episode.steps[0].seen.rgb[1, 1, 0] == 0


def test_the_place_of_the_screen_on_the_desktop_is_kept(episode: Episode, make_step: MakeStep) -> None:
    where = Geometry(left=-100, top=20, width=64, height=48)
    seen = Screenshot.from_rgb(np.zeros((48, 64, 3), np.uint8), geometry=where, taken_at=12.5, condition="blank")
    episode.append(replace(make_step(0), seen=seen))
    (step,) = Episode.open(episode.path).steps
    assert (step.seen.geometry, step.seen.taken_at, step.seen.condition) == (where, 12.5, "blank")


def test_an_ending_is_kept(episode: Episode) -> None:
    episode.end_with(LimitReached("50 steps were not enough"))
    end = Episode.open(episode.path).ended
    assert end is not None and (end.status, end.exit_code, end.message) == ("limit_reached", 3, "50 steps were not enough")


def test_a_reward_may_come_after_the_end(episode: Episode) -> None:
    episode.end("done", 0, "ok")
    Episode.open(episode.path).set_reward(-1.0)
    again = Episode.open(episode.path)
    assert again.reward == -1.0 and again.ended is not None and again.ended.message == "ok"


@pytest.mark.parametrize("keep", [1, 20, -1])
def test_a_torn_last_line_is_dropped_with_a_note(episode: Episode, make_step: MakeStep, keep: int) -> None:
    for index in range(3):
        episode.append(make_step(index))
    file = episode.path / "steps.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:-1]) + lines[-1][:keep])
    again = Episode.open(episode.path)
    assert len(again.steps) == 2
    assert "line 3" in again.notes[0] and "torn" in again.notes[0]


def test_a_line_of_zeros_after_a_power_cut_is_dropped(episode: Episode, make_step: MakeStep) -> None:
    episode.append(make_step(0))
    with (episode.path / "steps.jsonl").open("ab") as file:
        file.write(b"\0" * 300 + b"\n")
    again = Episode.open(episode.path)
    assert len(again.steps) == 1 and "line 2" in again.notes[0]


def test_a_bad_line_in_the_middle_is_an_error_that_names_it(episode: Episode, make_step: MakeStep) -> None:
    for index in range(3):
        episode.append(make_step(index))
    file = episode.path / "steps.jsonl"
    file.write_bytes(file.read_bytes().replace(b'"point": [0.5, 0.25]', b'"point": [9.5, 0.25]', 1))
    with pytest.raises(EpisodeError, match=r"steps.jsonl, line 1: .*point"):
        Episode.open(episode.path)


def test_a_screen_outside_the_episode_is_never_read(episode: Episode, make_step: MakeStep) -> None:
    episode.append(make_step(0))
    file = episode.path / "steps.jsonl"
    file.write_bytes(file.read_bytes().replace(b"screens/0000.png", b"../../../etc/passwd"))
    with pytest.raises(EpisodeError, match="inside the episode"):
        Episode.open(episode.path)


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_an_unknown_version_says_what_to_do(episode: Episode, version: object) -> None:
    file = episode.path / "episode.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"version": version}))
    with pytest.raises(EpisodeError, match=rf"version {version!r} of the episode format, and this Deftly reads version 1: .*update Deftly"):
        Episode.open(episode.path)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": "x"}', "\x00"])
def test_what_is_not_an_episode_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "episode.json").write_text(text)
    with pytest.raises(EpisodeError, match=str(tmp_path)):
        Episode.open(tmp_path)


def test_a_folder_without_an_episode_is_named(tmp_path: Path) -> None:
    with pytest.raises(EpisodeError, match=r"nowhere is not an episode: it has no episode.json"):
        Episode.open(tmp_path / "nowhere")


def test_episodes_are_listed_oldest_first(tmp_path: Path) -> None:
    paths = [Episode.create(tmp_path / place, "t").path for place in ("a", "b", "a/c")]
    assert set(list_episodes(tmp_path)) == set(paths)
    assert list_episodes(paths[1]) == [paths[1]]
    assert list_episodes(tmp_path / "none") == []


def test_ten_megabytes_of_text_are_kept(episode: Episode, make_step: MakeStep) -> None:
    text = "x" * 10_000_000
    episode.append(make_step(0, text=text))
    assert Episode.open(episode.path).steps[0].prediction.text == text


WRITER = """
import sys, numpy as np
from actions.geometry import Point
from actions.space import Click, Prediction
from agent.screenshot import Screenshot
from agent.episode import Episode
from agent.step import Step
episode = Episode.create(sys.argv[1], "killed")
rng = np.random.default_rng(0)
for index in range(100_000):
    seen = Screenshot.from_rgb(rng.integers(0, 256, (200, 300, 3), np.uint8))
    if index % 3:  # a picture that is begun ahead, as a run does, and now and then one that is not needed after all
        episode.expect(Screenshot.from_rgb(seen.rgb[::-1]))
        episode.expect(seen)
    episode.append(Step(index=index, seen=seen, prediction=Prediction(thought="t" * 5000, actions=(Click(point=Point(0.5, 0.5)),))))
    print(index, flush=True)
"""


@pytest.mark.parametrize("attempt", range(10))
def test_kill_9_loses_at_most_the_step_in_flight(tmp_path: Path, attempt: int) -> None:
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, cwd=REPO, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "0\n"
    time.sleep(random.Random(attempt).uniform(0, 0.2))
    process.send_signal(signal.SIGKILL)
    told = [0, *(int(line) for line in process.stdout.read().splitlines())]
    process.wait()
    process.stdout.close()
    (path,) = list_episodes(tmp_path)
    episode = Episode.open(path)
    assert len(episode.steps) in (told[-1] + 1, told[-1] + 2)  # the one in flight may have been written and not yet told
    assert [step.index for step in episode.steps] == list(range(len(episode.steps)))
    assert all(step.seen.rgb.shape == (200, 300, 3) for step in episode.steps)
    assert episode.ended is None


def test_a_picture_that_was_begun_ahead_is_the_one_of_the_step(episode: Episode, make_step: MakeStep) -> None:
    for index in range(3):
        step = make_step(index)
        episode.expect(step.seen)
        episode.ensure_expected()
        assert (episode.path / f"screens/{index:04d}.png").read_bytes() == step.seen.png, "it is there before the step is"
        episode.append(step)
    episode.expect(make_step(0).seen)  # a screen that is known
    episode.append(make_step(3, colour=0))
    again = Episode.open(episode.path)
    assert [step.seen.rgb.tolist() for step in again.steps] == [make_step(colour).seen.rgb.tolist() for colour in (0, 1, 2, 0)]
    assert len(list((episode.path / "screens").iterdir())) == 3


def test_a_picture_that_no_step_needed_is_taken_away(episode: Episode, make_step: MakeStep) -> None:
    episode.expect(make_step(7).seen)
    episode.expect(make_step(8).seen)
    episode.append(make_step(0))  # not the one that was expected
    episode.expect(make_step(9).seen)
    episode.end("done", 0, "")
    assert [file.name for file in (episode.path / "screens").iterdir()] == ["0000.png"]
    assert Episode.open(episode.path).steps[0].seen.rgb.tolist() == make_step(0).seen.rgb.tolist()


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A real file system of 256 KB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("only root can mount a small file system")
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    return place


def noise(seed: int) -> Screenshot:
    return Screenshot.from_rgb(np.random.default_rng(seed).integers(0, 256, (100, 150, 3), np.uint8))


def test_a_full_disk_is_said_and_leaves_a_readable_episode_that_knows_how_it_ended(small_disk: Path, make_step: MakeStep) -> None:
    try:
        episode = Episode.create(small_disk, "fill the disk")
        with pytest.raises(RecordingFailed, match=r"No space left on device. Make room there") as failed:
            for index in range(100):
                episode.append(replace(make_step(index), seen=noise(index)))
        episode.end_with(failed.value)
        again = Episode.open(episode.path)
        assert again.ended is not None and (again.ended.status, again.ended.exit_code) == ("recording_failed", 1)
        assert 1 <= len(again.steps) == len(episode.steps) < 100
        assert again.notes == () and all(step.seen.rgb.shape == (100, 150, 3) for step in again.steps)
        assert not list(again.path.glob("**/.*"))
    finally:
        subprocess.run(["umount", str(small_disk)], check=True)


def test_a_full_disk_is_said_before_anything_is_done_about_a_screen(small_disk: Path, make_step: MakeStep) -> None:
    try:
        episode = Episode.create(small_disk, "fill the disk")
        episode.append(make_step(0))
        (small_disk / "filler").write_bytes(b"\0" * (small_disk_free(small_disk) - 8192))
        episode.expect(noise(1))
        with pytest.raises(RecordingFailed, match="No space left on device"):
            episode.ensure_expected()
        with pytest.raises(RecordingFailed):
            episode.append(replace(make_step(1), seen=noise(1)))
        episode.end("recording_failed", 1, "full")
        assert len(Episode.open(episode.path).steps) == 1
    finally:
        subprocess.run(["umount", str(small_disk)], check=True)


def small_disk_free(place: Path) -> int:
    disk = os.statvfs(place)
    return disk.f_bavail * disk.f_frsize


def test_a_line_that_does_not_fit_is_taken_back(tmp_path: Path, make_step: MakeStep) -> None:
    """A limit on file size fails as a full disk does, and needs no root."""
    episode = Episode.create(tmp_path, "t")
    episode.append(make_step(0))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * RESERVE_BYTES, hard))
    try:
        with pytest.raises(RecordingFailed, match="File too large"):
            episode.append(make_step(1, colour=0, text="x" * 100_000))
        episode.append(make_step(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    again = Episode.open(episode.path)
    assert [step.index for step in again.steps] == [0, 2] and again.notes == ()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingFailed, match=r"file: .*Make room there, or record elsewhere"):
        Episode.create(tmp_path / "file", "t")


def test_a_folder_that_is_taken_away_is_said(tmp_path: Path, make_step: MakeStep) -> None:
    episode = Episode.create(tmp_path, "t")
    shutil.rmtree(episode.path)
    with pytest.raises(RecordingFailed, match=episode.id):
        episode.append(make_step(0))
    with pytest.raises(RecordingFailed):
        episode.end("done", 0, "ok")
    assert episode.ended is not None and episode.ended.status == "done"
