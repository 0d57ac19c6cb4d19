"""A server ends as it should: in good order when told to, at once when there is nothing to serve, and with its engine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.server.screens import draw_screen
from tests.server.serving import Served, find_vllm, serving, stop

pytestmark = [pytest.mark.model, pytest.mark.timeout(1800)]
SCREEN = draw_screen(0)


def descendants(parent: int) -> list[int]:
    """The processes below `parent`, the nearest first."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=False).stdout
    children = [int(pid) for pid in listed.split()]
    return children + [pid for child in children for pid in descendants(child)]


def long_request(served: Served) -> dict[str, Any]:
    return {"model": served.model, "messages": SCREEN.chat(), "max_tokens": 200, "temperature": 1.5, "seed": 1, "stream": True}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_stop_finishes_what_is_in_flight_and_takes_nothing_new(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with serving(tmp_path) as served, served.client() as client, served.client() as other:
        with client.stream("POST", "/v1/chat/completions", json=long_request(served)) as stream:
            lines = stream.iter_lines()
            next(lines)
            served.process.send_signal(number)
            deadline = time.monotonic() + 60
            with pytest.raises(httpx.TransportError):
                while time.monotonic() < deadline:
                    other.get("/health", headers={"connection": "close"})
            assert list(lines)[-2:] == ["data: [DONE]", ""]
        assert stop(served.process) == code
        assert served.log_lines()[-1]["event"] == "stopped"


def test_a_model_that_is_not_there_is_an_error_of_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "deftly", "serve", str(tmp_path / "nowhere"), "--family", "deftly-tiny", "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "there is no model folder" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_vllm_that_cannot_start_ends_the_server_with_code_6(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'no such option' >&2\nexit 3\n")
    broken.chmod(0o755)
    command = [sys.executable, "-m", "deftly", "serve", "--engine", "vllm", "--vllm-python", str(broken), "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 6, done.stderr
    assert "ended with exit code 3 before it could answer" in done.stderr


def test_an_engine_killed_in_mid_answer_is_a_clean_error_and_comes_back(vllm: Served) -> None:
    """Last of this module's tests: it leaves the server with an engine that was started anew."""
    (engine,) = [pid for pid in descendants(vllm.process.pid) if "api_server" in Path(f"/proc/{pid}/cmdline").read_text()][:1]
    before = descendants(vllm.process.pid)
    client = openai.OpenAI(base_url=f"{vllm.url}/v1", api_key="unused", max_retries=0, timeout=600)
    endless: dict[str, Any] = {"model": vllm.model, "messages": SCREEN.chat(), "max_tokens": 1500, "extra_body": {"ignore_eos": True}}

    def whole() -> str:
        with pytest.raises(openai.APIStatusError) as caught:
            client.chat.completions.create(**endless)
        return str(caught.value)

    with client, ThreadPoolExecutor(1) as pool, pytest.raises(openai.APIError, match="ended in the middle of the answer"):
        waiting = pool.submit(whole)
        for number, _ in enumerate(client.chat.completions.create(stream=True, **endless)):
            if number == 5:
                os.kill(engine, signal.SIGKILL)
    assert "Error code: 502" in waiting.result()
    with vllm.client() as plain:
        told = plain.post("/v1/chat/completions", json={"messages": SCREEN.chat()})
        assert (told.status_code, told.json()["error"]["code"]) == (503, "engine_unavailable")
        assert int(told.headers["retry-after"]) > 0
        deadline = time.monotonic() + 900
        while plain.get("/health").json()["status"] != "ok" and time.monotonic() < deadline:
            time.sleep(0.5)
        assert plain.get("/health").json()["restarts"] == 1
        assert plain.post("/v1/act", json={"task": SCREEN.task, "screenshot": SCREEN.data_url}).status_code == 200
    assert not [pid for pid in before if Path(f"/proc/{pid}").exists() and is_running(pid)]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except OSError:
        return False


def test_vllm_does_not_outlive_a_server_that_was_killed(tmp_path: Path) -> None:
    if find_vllm() is None or not sys.platform.startswith("linux"):
        pytest.skip("no vLLM here, or no kernel that ends orphans")
    sleeper = tmp_path / "python"
    # Stands for vLLM's Python, so that its start need not be waited for: what ties it to us is run by the real one.
    sleeper.write_text(f'#!/bin/sh\nif [ "$1" = -c ]; then exec {sys.executable} "$@"; fi\nexec sleep 600\n')
    sleeper.chmod(0o755)
    command = [sys.executable, "-m", "deftly", "serve", "--engine", "vllm", "--vllm-python", str(sleeper), "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while not (below := [pid for pid in descendants(server.pid) if b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes()]):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        server.kill()
        server.wait()
    while is_running(below[0]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
