"""`deftly record` for real: its own process listens on a display while somebody clicks and types there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from actions.backends.x11 import X11Backend
from actions.executor import Executor
from actions.geometry import Geometry, Point, Size
from actions.space import Action, Click, Drag, Finished, Hotkey, Scroll, TypeText
from agent.computers.virtual import VirtualDesktop
from agent.episode import Episode

pytestmark = pytest.mark.display
PATIENCE = 60
SIZE = Size(1280, 720)
WHOLE = Geometry(left=0, top=0, width=SIZE.width, height=SIZE.height)

# Shows what happens: it turns red as soon as it is clicked.
WINDOW = """
import tkinter as tk
root = tk.Tk()
root.geometry("1000x600+50+50")
text = tk.Text(root, bg="white")
text.pack(fill="both", expand=True)
text.bind("<Button-1>", lambda _: text.configure(bg="red"))
text.focus_force()
root.wait_visibility()
print("ready", flush=True)
root.mainloop()
"""


class Person:
    """Acts on the display as a person would, one thing after the other."""

    def __init__(self, display: str) -> None:
        self._hands = Executor(X11Backend(display))

    def do(self, *actions: Action, pause: float = 0.9) -> None:
        for action in actions:
            self._hands.perform(action, WHOLE)
            time.sleep(pause)

    def close(self) -> None:
        self._hands.close()


class Recording:
    """A `deftly record` process, which has said that it listens."""

    def __init__(self, display: str, out: Path, *more: str) -> None:
        program = "import sys; from deftly.cli import main; sys.exit(main())"
        argv = [sys.executable, "-c", program, "record", "a test of hands", "--display", display, "--out", str(out), *more]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr
        assert "recording" in self.process.stderr.readline()

    def result(self, code: int) -> dict[str, Any]:
        said, errors = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == code, errors
        told: dict[str, Any] = json.loads(said)
        assert told["exit_code"] == code
        return told


@pytest.fixture
def person(x_display: str) -> Iterator[Person]:
    person = Person(x_display)
    yield person
    person.close()


@pytest.fixture
def window(desktop: VirtualDesktop) -> Iterator[None]:
    window = desktop.launch([sys.executable, "-c", WINDOW], stdout=subprocess.PIPE)
    assert window.stdout
    assert window.stdout.readline() == b"ready\n"
    yield
    window.terminate()
    window.communicate(timeout=PATIENCE)


def at(x_px: int, y_px: int) -> Point:
    return Point.from_pixel(x_px, y_px, SIZE)


def test_everything_that_a_person_does_is_in_the_episode_with_the_screen_before_it(
    x_display: str, person: Person, window: None, tmp_path: Path
) -> None:
    recording = Recording(x_display, tmp_path, "--json")
    time.sleep(0.5)
    did: list[Action] = [
        Click(point=at(401, 302)),
        Click(point=at(500, 200), count=2),
        Click(point=at(300, 250), modifiers=("ctrl",)),
        TypeText(text="Hello <you>, 3+4=7"),
        Hotkey(keys=("ctrl", "a")),
        Drag(path=(at(200, 200), at(400, 200), at(400, 400))),
        Scroll(point=at(600, 300), dy=-4),
        Click(point=at(700, 400), button="middle"),
        TypeText(text="bye\n"),
    ]
    person.do(*did)
    person.do(*[Hotkey(keys=("escape",))] * 3, pause=0.1)
    told = recording.result(code=0)
    assert told["status"] == "done"

    episode = Episode.open(told["episode"])
    assert episode.task == "a test of hands"
    assert [step.prediction.actions[0] for step in episode.steps] == [*did, Finished()]
    assert [step.outcomes[0].action for step in episode.steps[:-1]] == did
    place = episode.steps[0].seen.rgb[302, 420]
    assert place.tolist() == [255, 255, 255]  # before the click that made it red
    assert episode.steps[-1].seen.rgb[302, 420].tolist() == [255, 0, 0]
    taken = [step.seen.taken_at for step in episode.steps]
    assert taken == sorted(taken)


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_a_recording_that_still_opens_with_what_was_done(
    x_display: str, person: Person, tmp_path: Path, kind: signal.Signals
) -> None:
    recording = Recording(x_display, tmp_path, "--json")
    time.sleep(0.5)
    person.do(Click(point=at(1200, 700)))
    person.do(TypeText(text="unfinished"), pause=0.3)
    recording.process.send_signal(kind)
    told = recording.result(code=130)
    episode = Episode.open(told["episode"])
    assert [step.prediction.actions[0] for step in episode.steps] == [Click(point=at(1200, 700)), TypeText(text="unfinished")]
    assert episode.ended
    assert episode.ended.status == "stopped"


def test_a_display_that_dies_ends_the_recording_and_the_episode_opens(tmp_path: Path) -> None:
    with VirtualDesktop(window_manager=None) as desktop:
        recording = Recording(desktop.display, tmp_path, "--json")
        person = Person(desktop.display)
        person.do(Click(point=at(100, 100)), pause=1.5)
        person.close()
    told = recording.result(code=1)
    assert told["status"] == "display_lost"
    assert len(Episode.open(told["episode"]).steps) == 1


def test_what_cannot_be_recorded_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], x_display: str) -> None:
    from deftly.commands.record import record_command

    assert record_command(["a task", "--display", ":987", "--out", str(tmp_path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["status"] == "display_lost"
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert record_command(["a task", "--display", x_display, "--out", str(blocked), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["status"] == "recording_failed"
    with pytest.raises(SystemExit) as wrong:
        record_command([" "])
    assert wrong.value.code == 2


LISTEN_BY_PYNPUT = """
import sys, time
from agent.listen_pynput import PynputListener
listener = PynputListener(lambda event: print(event, flush=True))
print("ready", flush=True)
sys.stdin.readline()
listener.close()
"""


def test_the_portable_listener_hears_the_same_events(desktop: VirtualDesktop, person: Person) -> None:
    if find_spec("pynput") is None:
        pytest.skip("pynput is not installed: on Linux it is not needed")
    program = [sys.executable, "-c", LISTEN_BY_PYNPUT]
    env = {**os.environ, **desktop.environment}
    process = subprocess.Popen(program, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    person.do(Click(point=at(640, 360)), Hotkey(keys=("ctrl", "page_down")), Scroll(dy=-1), TypeText(text="é<"), pause=0.1)
    heard, errors = process.communicate("stop\n", timeout=PATIENCE)
    assert not errors
    for event in ("x_px=640, y_px=360, button='left', down=True", "key='ctrl', char='', down=True", "key='page_down', char=''", "dy=-1"):
        assert event in heard
    assert "key='<', char='<', down=True" in heard


def ask_for_password(title: str) -> str:
    return f"""
import tkinter as tk
root = tk.Tk(); root.title({title!r}); root.geometry("400x200+700+400")
entry = tk.Entry(root); entry.pack(); entry.focus_force()
root.wait_visibility(); print("ready", flush=True); root.mainloop()
"""


def test_what_is_typed_into_a_private_window_and_what_it_shows_is_not_kept(
    desktop: VirtualDesktop, x_display: str, person: Person, window: None, tmp_path: Path
) -> None:
    recording = Recording(x_display, tmp_path, "--json")
    time.sleep(0.5)
    person.do(Click(point=at(300, 300)), TypeText(text="open"))
    asking = desktop.launch([sys.executable, "-c", ask_for_password("Password required")], stdout=subprocess.PIPE)
    assert asking.stdout and asking.stdout.readline() == b"ready\n"
    time.sleep(0.5)
    person.do(Click(point=at(900, 450)), TypeText(text="hunter2"))
    asking.terminate()
    asking.communicate()
    person.do(Click(point=at(300, 300)), TypeText(text="shut"), pause=1.0)
    escape(person)
    told = recording.result(0)
    episode = Episode.open(told["episode"])
    typed = [action.text for step in episode.steps for action in step.prediction.actions if isinstance(action, TypeText)]
    assert typed == ["open", "{{secret:hidden}}", "shut"]
    assert b"hunter2" not in b"".join(file.read_bytes() for file in Path(told["episode"]).rglob("*") if file.is_file())
    hidden = next(step for step in episode.steps if TypeText(text="{{secret:hidden}}") in step.prediction.actions)
    assert not hidden.seen.rgb[420:580, 720:1080].any() and hidden.seen.rgb[100:300].any()


def test_nothing_is_kept_while_a_recording_is_paused(x_display: str, person: Person, window: None, tmp_path: Path) -> None:
    recording = Recording(x_display, tmp_path, "--json", "--pause-key", "f9")
    time.sleep(0.5)
    person.do(Click(point=at(300, 300)), TypeText(text="before"), Hotkey(keys=("f9",)))
    person.do(TypeText(text="between"), Click(point=at(500, 500)), Hotkey(keys=("f9",)))
    person.do(TypeText(text="after"), pause=1.0)
    escape(person)
    episode = Episode.open(recording.result(0)["episode"])
    did = [action for step in episode.steps for action in step.prediction.actions]
    assert did == [Click(point=did[0].point), TypeText(text="before"), TypeText(text="after"), Finished()]  # type: ignore[union-attr]


def escape(person: Person) -> None:
    """Say that the task is done."""
    person.do(*[Hotkey(keys=("escape",))] * 3, pause=0.2)
