"""What goes wrong in a run, done for real: each ends with a clear message, its exit code, an episode that opens, and nothing held down."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.computers.virtual import VirtualDesktop
from tests.displays import own_display_number
from tests.e2e.runs import Run, held, wait_for

pytestmark = pytest.mark.display
Start = Callable[..., Run]

CLICK = "Thought: Click.\nAction: click(point='<point>300 200</point>')"
HOLD = "Thought: Hold shift.\nAction: press(key='shift')"
WAIT = "Thought: Wait.\nAction: wait()"
DRAG = "Thought: Drag.\nAction: drag(start_point='<point>100 100</point>', end_point='<point>400 300</point>')"
DONE = "Thought: Done.\nAction: finished(content='all done')"


def typing(text: str) -> str:
    return f"Thought: Type.\nAction: type(content='{text}')"


def test_a_run_that_is_done_exits_0(desk: VirtualDesktop, start: Start) -> None:
    run = start(desk.display, script=[CLICK, HOLD, DONE])
    code, told, err = run.finish()
    assert (code, told["status"], told["message"], told["steps"], err) == (0, "done", "all done", 3, "")
    assert held(desk.display) == []
    config = json.loads((run.episode().path / "config.json").read_text())
    assert (config["engine"], config["max_steps"], config["where"]) == ("scripted", 30, {"kind": "LocalDesktop"})


# --- the engine


@pytest.fixture
def model_server(tmp_path: Path) -> Iterator[Callable[[list[str]], tuple[subprocess.Popen[str], str]]]:
    """Starts a real server process with replies; gives it and its address."""
    servers: list[subprocess.Popen[str]] = []

    def serve(replies: list[str]) -> tuple[subprocess.Popen[str], str]:
        file = tmp_path / "replies.json"
        file.write_text(json.dumps(replies))
        command = [sys.executable, str(Path(__file__).with_name("model_server.py")), str(file)]
        servers.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        assert servers[-1].stdout is not None
        return servers[-1], f"http://127.0.0.1:{servers[-1].stdout.readline().strip()}/v1"

    yield serve
    for server in servers:
        server.kill()
        server.communicate()


def test_an_engine_that_dies_in_an_answer_exits_6(desk: VirtualDesktop, start: Start, model_server: Callable[..., object]) -> None:
    server, url = model_server([CLICK, HOLD])  # type: ignore[misc]
    run = start(desk.display, "--engine", "openai", "--base-url", url, "--family", "uitars-1.5")
    run.wait_for_steps(2)
    assert held(desk.display) != []
    server.kill()
    code, told, _ = run.finish()
    assert (code, told["status"]) == (6, "model_unreachable")
    assert url in told["message"]
    assert held(desk.display) == []
    end = run.episode().ended
    assert end is not None
    assert (end.exit_code, end.status, len(run.episode().steps) >= 2) == (6, "model_unreachable", True)


def test_a_server_that_was_never_there_exits_6(desk: VirtualDesktop, start: Start) -> None:
    url = "http://127.0.0.1:9/v1"
    run = start(desk.display, "--engine", "openai", "--base-url", url, "--family", "uitars-1.5")
    code, told, err = run.finish()
    assert (code, told["status"], err) == (6, "model_unreachable", "")
    assert url in told["message"]


def test_text_that_cannot_be_read_exits_1_and_is_kept(desk: VirtualDesktop, start: Start) -> None:
    run = start(desk.display, script=[HOLD, *["I would rather not."] * 20])
    code, told, _ = run.finish()
    assert (code, told["status"]) == (1, "gave_up")
    assert "could not be read" in told["message"]
    assert run.episode().steps[-1].prediction.text == "I would rather not."
    assert held(desk.display) == []


# --- the screen


def test_a_display_that_vanishes_exits_1(start: Start) -> None:
    # On a high number: servers of other tests take the lowest that is free, and the run would go on with theirs.
    with VirtualDesktop(number=own_display_number()) as desk:
        desk.launch(["xterm", "-geometry", "80x24+0+0"])
        run = start(desk.display, script=[CLICK, *[typing(f"line {number}") for number in range(500)]], stdin=subprocess.DEVNULL)
        run.wait_for_steps(2)
    code, told, _ = run.finish()
    assert (code, told["status"]) == (1, "display_lost")
    assert desk.display in told["message"]
    end = run.episode().ended
    assert end is not None
    assert end.status == "display_lost"
    assert len(run.episode().steps) >= 2


def test_no_display_at_all_says_what_to_do(start: Start) -> None:
    code, told, err = start(None, script=[DONE]).finish()
    assert (code, told) == (2, {})
    assert err == "deftly: error: there is no desktop here: DISPLAY is not set. Add --virtual, --miniwob NAME or --computer WHERE\n"


def test_a_display_that_does_not_answer_exits_1(start: Start) -> None:
    code, told, err = start(":987", script=[DONE]).finish()
    assert (code, told["status"], err) == (1, "display_lost", "")
    assert ":987" in told["message"]


def shrink(display: str, width: int, height: int) -> None:
    """Make the screen smaller, as xrandr does."""
    from Xlib.display import Display
    from Xlib.ext import randr  # noqa: F401 - registers its requests

    connection = Display(display)
    root = connection.screen().root
    resources = root.xrandr_get_screen_resources()
    connection.xrandr_set_crtc_config(resources.crtcs[0], resources.config_timestamp, 0, 0, 0, 1, [])
    root.xrandr_set_screen_size(width, height, width // 4, height // 4)
    connection.sync()
    connection.close()


def test_a_screen_that_changes_size_is_noticed_and_aimed_at_anew(desk: VirtualDesktop, start: Start) -> None:
    run = start(desk.display, script=[CLICK, WAIT, CLICK, DONE])
    run.wait_for_steps(1)
    shrink(desk.display, 640, 480)
    code, told, _ = run.finish()
    assert (code, told["status"]) == (0, "done")
    steps = run.episode().steps
    assert [step.seen.size for step in steps][-1] == (640, 480)
    assert any("640x480" in note for step in steps for note in step.notes)
    assert held(desk.display) == []


# --- the disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 128 KB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(folder)], capture_output=True, check=False)
    if mount.returncode != 0:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def check_recording_failed(run: Run, why: str, display: str) -> None:
    code, told, err = run.finish()
    assert (code, told["status"], err) == (1, "recording_failed", "")
    assert "cannot be written" in told["message"]
    assert why in told["message"]
    assert run.episode().steps
    assert held(display) == []


def test_a_full_disk_exits_1_and_the_episode_says_so(desk: VirtualDesktop, start: Start, small_disk: Path) -> None:
    run = start(desk.display, "--episodes", str(small_disk), script=[HOLD, *[typing(f"line {n:03d} " * 9) for n in range(200)]])
    run.episodes = small_disk
    check_recording_failed(run, "No space left on device", desk.display)
    end = run.episode().ended
    assert end is not None
    assert end.status == "recording_failed"


def test_a_file_size_limit_exits_1(desk: VirtualDesktop, start: Start) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    script = [HOLD, *[typing(f"line {n:03d} " * 9) for n in range(200)]]
    check_recording_failed(start(desk.display, script=script, preexec_fn=limit), "File too large", desk.display)


def test_a_folder_that_cannot_be_made_exits_1(desk: VirtualDesktop, start: Start, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, told, err = start(desk.display, "--episodes", str(tmp_path / "file" / "x"), script=[DONE]).finish()
    assert (code, told["status"], told["episode"], err) == (1, "recording_failed", None, "")
    assert "file" in told["message"]


# --- the user, and worse


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_at_once_with_130_and_lets_go(desk: VirtualDesktop, start: Start, kind: signal.Signals) -> None:
    run = start(desk.display, script=[HOLD, *[WAIT] * 50])
    run.wait_for_steps(1)
    wait_for(lambda: held(desk.display), "shift to be held")
    run.process.send_signal(kind)
    code, told, _ = run.finish()
    assert (code, told["status"]) == (130, "stopped")
    assert held(desk.display) == []
    end = run.episode().ended
    assert end is not None
    assert (end.status, end.exit_code) == ("stopped", 130)


def test_kill_9_in_a_drag_loses_one_step_and_the_next_run_lets_go(desk: VirtualDesktop, start: Start) -> None:
    run = start(desk.display, script=[CLICK, *[DRAG] * 50])
    run.wait_for_steps(1)
    wait_for(lambda: "button 1" in held(desk.display), "the drag")
    run.process.kill()
    assert run.process.wait() == -signal.SIGKILL
    episode = run.episode()
    assert (episode.ended, len(episode.steps) >= 1) == (None, True)
    run.episodes.rename(run.episodes.with_name("killed"))
    code, _, _ = start(desk.display, script=[DONE]).finish()
    assert code == 0
    assert held(desk.display) == []


def test_kill_9_leaves_no_virtual_desktop_behind(start: Start) -> None:
    run = start(None, "--virtual", "640x480", script=[WAIT] * 50)
    run.wait_for_steps(1)
    group = children(run.process.pid)
    assert any("Xvfb" in name for name in group.values())
    run.process.kill()
    wait_for(lambda: not any(alive(pid) for pid in group), "the desktop to end")


def children(parent: int) -> dict[int, str]:
    """The processes that `parent` started, by id."""
    listed = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(parent)], capture_output=True, text=True, check=True).stdout
    return {int(line.split()[0]): line for line in listed.splitlines() if "ps -o" not in line}


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
