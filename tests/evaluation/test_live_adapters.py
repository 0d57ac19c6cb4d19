"""Other people's live suites: BrowserGym's tasks in a real browser, OSWorld's task files on a real server with a real display."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agent.capture import Capture
from agent.endings import DisplayLost
from agent.policy import ModelPolicy
from evaluation.live.base import CannotBegin, SuiteError
from evaluation.live.browsergym import browsergym_suite
from evaluation.live.folder import LiveFolder
from evaluation.live.osworld import OsWorldStage, osworld_suite, read_task
from evaluation.live.runner import LiveRunner, plan
from evaluation.live.trial import Trial
from inference.engines.scripted import ScriptedEngine
from inference.families import load_family

CLICK_MIDDLE = "Thought: the middle\nAction: click(point='<point>{x} {y}</point>')"
ANSWER = "Thought: done\nAction: finished(content='{}')"

# -- BrowserGym


class BigButton:
    """A task in BrowserGym's contract: the page is one button, whose number must be pressed."""

    def __init__(self, seed: int, **_: object) -> None:
        self.seed = seed

    def setup(self, page: Any) -> tuple[str, dict[str, Any]]:
        page.set_content(f"<button style='position:fixed;inset:0' onclick='this.id=\"pressed\"'>{self.seed}</button>")
        return f"Press the button {self.seed}.", {}

    def validate(self, page: Any, chat_messages: list[dict[str, str]]) -> tuple[float, bool, str, dict[str, Any]]:
        pressed = page.query_selector("#pressed") is not None
        return float(pressed), pressed, "", {}

    def teardown(self) -> None:
        """Nothing is held."""


class Question(BigButton):
    """One that is answered in words."""

    def validate(self, page: Any, chat_messages: list[dict[str, str]]) -> tuple[float, bool, str, dict[str, Any]]:
        said = [message["message"] for message in chat_messages if message["role"] == "assistant"]
        return float(said == [str(self.seed)]), bool(said), "", {}


def run(suite: Any, folder: Path, reply: str, seeds: tuple[int, ...] = (7,)) -> list[Trial]:
    kept, family = LiveFolder(folder), load_family("uitars-1.5")
    engine = ScriptedEngine(lambda request: reply)
    runner = LiveRunner(suite=suite, folder=kept, open_policy=lambda: lambda job: ModelPolicy(engine, family), max_steps=3)
    runner.run(plan(suite.tasks, seeds, 1))
    return list(kept.trials().values())


@pytest.mark.browser
@pytest.mark.display
def test_browsergym_tasks_are_set_up_worked_on_by_real_events_and_judged(tmp_path: Path) -> None:
    suite = browsergym_suite([f"{__name__}:BigButton", f"{__name__}:Question"])
    pressed, asked = run(suite, tmp_path / "click", CLICK_MIDDLE.format(x=640, y=500))
    assert (pressed.reward, pressed.solved, pressed.status, pressed.num_steps) == (1.0, True, "done", 1)
    assert (asked.reward, asked.solved) == (0.0, False)
    answered = run(browsergym_suite([f"{__name__}:Question"]), tmp_path / "answer", ANSWER.format(7))
    assert [one.solved for one in answered] == [True]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Button", "module:Class"),
        ("no_such_package.tasks:A", "no module 'no_such_package'"),
        (f"{__name__}:Nothing", "has no Nothing"),
        ("json:JSONDecoder", "setup, validate and teardown"),
    ],
)
def test_a_wrong_browsergym_task_is_told_in_words(name: str, words: str) -> None:
    with pytest.raises(SuiteError, match=words):
        browsergym_suite([name])


# -- OSWorld


class Machine:
    """OSWorld's server in small, on a real display: the calls that a task is set up and judged by do what they are told."""

    def __init__(self, display: str) -> None:
        environment = {**os.environ, "DISPLAY": display, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                capture = Capture(display)
                png = capture.grab().png
                capture.close()
                self._reply(200, png)

            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path not in ("/execute", "/setup/execute"):
                    self._reply(404, b"no such call")
                    return
                command = ["sh", "-c", told["command"]] if told.get("shell") else told["command"]
                done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
                status = 500 if self.path == "/setup/execute" and done.returncode else 200
                self._reply(status, json.dumps({"output": done.stdout, "error": done.stderr, "returncode": done.returncode}).encode())

            def _reply(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def machine(x_display: str) -> Iterator[Machine]:
    machine = Machine(x_display)
    yield machine
    machine.close()


def task(file: Path, **changed: Any) -> Path:
    """A task in OSWorld's own layout."""
    told = {
        "id": file.stem,
        "snapshot": "os",
        "instruction": "Write a note.",
        "config": [{"type": "execute", "parameters": {"command": ["touch", str(file.with_suffix(".note"))]}}],
        "evaluator": {
            "func": "exact_match",
            "result": {"type": "vm_command_line", "command": f"test -e {file.with_suffix('.note')} && echo there", "shell": True},
            "expected": {"type": "rule", "rules": {"expected": "there\n"}},
        },
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(told | changed))
    return file


@pytest.mark.display
def test_an_osworld_task_is_set_up_worked_on_and_judged_through_its_server(machine: Machine, tmp_path: Path) -> None:
    wrong = {
        "func": ["exact_match", "check_include_exclude"],
        "conj": "and",
        "result": [{"type": "vm_command_line", "command": ["echo", "a b"]}] * 2,
        "expected": [{"type": "rule", "rules": {"expected": "a b\n"}}, {"type": "rule", "rules": {"include": ["a"], "exclude": ["b"]}}],
    }
    suite = osworld_suite(machine.url, [task(tmp_path / "tasks" / "right.json"), task(tmp_path / "tasks" / "wrong.json", evaluator=wrong)])
    trials = run(suite, tmp_path / "run", ANSWER.format("done"))
    assert [(one.task, one.reward, one.solved, one.status) for one in trials] == [
        ("right", 1.0, True, "done"),
        ("wrong", 0.0, False, "done"),
    ]


@pytest.mark.display
def test_a_task_that_cannot_be_done_is_solved_by_giving_up(machine: Machine, tmp_path: Path) -> None:
    infeasible = task(tmp_path / "never.json", config=[], evaluator={"func": "infeasible"})
    stage = OsWorldStage(machine.url, {"never": read_task(infeasible), "can": read_task(task(tmp_path / "can.json"))})
    from agent.episode import End

    gave_up, done = (End(status=status, exit_code=0, message="", ended=0.0) for status in ("gave_up", "done"))
    try:
        stage.begin("never", 0)
        assert (stage.reward(gave_up), stage.reward(done)) == (1.0, 0.0)
        stage.begin("can", 0)
        assert (stage.reward(gave_up), stage.reward(done)) == (0.0, 1.0)
    finally:
        stage.close()


@pytest.mark.display
def test_a_setup_step_that_fails_ends_the_trial_and_not_the_run(machine: Machine, tmp_path: Path) -> None:
    broken = task(tmp_path / "broken.json", config=[{"type": "execute", "parameters": {"command": ["false"]}}])
    stage = OsWorldStage(machine.url, {"broken": read_task(broken)})
    with pytest.raises(CannotBegin, match="'execute'"):
        stage.begin("broken", 0)
    stage.close()
    (trial,) = run(osworld_suite(machine.url, [broken]), tmp_path / "run", ANSWER.format("x"))
    assert (trial.status, trial.solved, trial.episode) == ("not_begun", False, "")


def test_no_server_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(DisplayLost, match=r"http://127\.0\.0\.1:9 cannot be reached"):
        osworld_suite("osworld+http://127.0.0.1:9", [task(tmp_path / "a.json")])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"evaluator": {"func": "compare_table", "result": {}, "expected": {}}}, "compare_table.*run this task with OSWorld itself"),
        ({"config": [{"type": "googledrive", "parameters": {}}]}, "config wants googledrive"),
        ({"evaluator": {"func": "exact_match", "result": {"type": "vm_file"}, "expected": {"type": "rule"}}}, "vm_command_line with rule"),
        ({"instruction": ""}, "instruction is empty"),
    ],
)
def test_what_a_task_needs_and_is_not_here_is_said_before_anything_is_tried(tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    with pytest.raises(SuiteError, match=words):
        read_task(task(tmp_path / "a.json", **changed))


def test_a_file_that_is_no_task_is_told_in_words(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text("[]")
    with pytest.raises(SuiteError, match="no task of OSWorld's"):
        read_task(file)
