"""`deftly mcp`, used by the SDK's own client over both transports, on a virtual desktop of its own."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from agent import png
from agent.episode import Episode, list_episodes
from agent.safety.audit import read_audit

pytest.importorskip("mcp", reason="the MCP SDK is not installed: pip install 'deftly[mcp]'")

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

pytestmark = pytest.mark.display
REPO = Path(__file__).resolve().parents[2]
WAIT = "Thought: I wait.\nAction: wait()"
DONE = "Thought: It is done.\nAction: finished(content='there')"


class Host:
    """What an MCP host starts: a virtual desktop with a terminal on it, and a scripted model."""

    def __init__(self, folder: Path, replies: list[str], *more: str) -> None:
        self.folder = folder
        (folder / "script.jsonl").write_text("".join(json.dumps(reply) + "\n" for reply in replies))
        options = ["--virtual", "800x600", "--engine", "scripted", "--script", "script.jsonl", "--family", "uitars-1.5"]
        self.argv = [
            "-m",
            "deftly",
            "mcp",
            *more,
            *options,
            "--",
            "xterm",
            "-geometry",
            "120x40+0+0",
            "-e",
            "sh",
            "-c",
            f"cat > {folder}/heard",
        ]
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("DEFTLY_")}
        self.environment |= {"PYTHONPATH": str(REPO), "XDG_CONFIG_HOME": str(folder)}

    @asynccontextmanager
    async def by_stdio(self) -> AsyncIterator[Client]:
        told = StdioServerParameters(command=sys.executable, args=self.argv, cwd=self.folder, env=self.environment)
        async with Client(told) as client:
            yield client

    @asynccontextmanager
    async def by_http(self, token: str | None) -> AsyncIterator[tuple[Client, str]]:
        with subprocess.Popen(
            [sys.executable, *self.argv], cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, text=True
        ) as server:
            try:
                assert server.stdout
                said = await anyio.to_thread.run_sync(server.stdout.readline)
                found = re.search(r"http://\S+/mcp", said)
                assert found, said
                headers = {"Authorization": f"Bearer {token}"} if token else {}
                async with (
                    httpx2.AsyncClient(headers=headers, timeout=60) as http,
                    Client(streamable_http_client(found[0], http_client=http)) as client,
                ):
                    yield client, found[0]
            finally:
                server.terminate()

    def episodes(self) -> dict[str, Episode]:
        return {episode.task: episode for episode in map(Episode.open, list_episodes(self.folder / "episodes"))}


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        with anyio.fail_after(200):
            await work()

    anyio.run(bounded)


async def look_and_type(client: Client, heard: Path) -> None:
    assert {tool.name for tool in (await client.list_tools()).tools} == {"look", "act", "run_task"}
    seen = await client.call_tool("look")
    picture = png.decode(base64.b64decode(seen.content[0].data))  # type: ignore[union-attr]
    assert picture.shape == (600, 800, 3) and picture.any()
    assert seen.structured_content["geometry"] == {"left": 0, "top": 0, "width": 800, "height": 600}
    assert not (await act(client, {"type": "click", "point": [0.25, 0.25]})).is_error
    done = await act(client, {"type": "type", "text": "naïve ☃\n"}, "I greet")
    assert done.structured_content["performed"] == {"type": "type", "text": "naïve ☃\n"}
    deadline = time.monotonic() + 60
    while heard.read_text() != "naïve ☃\n":
        assert time.monotonic() < deadline
        await anyio.sleep(0.05)


async def act(client: Client, action: dict[str, Any], thought: str = "") -> Any:
    return await client.call_tool("act", {"action": action, "thought": thought})


def words(result: Any) -> str:
    assert result.is_error
    return str(result.content[0].text)


def test_over_stdio_a_client_looks_acts_and_lets_the_agent_work(tmp_path: Path) -> None:
    host = Host(tmp_path, [WAIT.replace("wait()", "hotkey(key='shift')"), DONE])

    async def work() -> None:
        async with host.by_stdio() as client:
            await look_and_type(client, tmp_path / "heard")
            assert "rule 'shell-commands'" in words(await act(client, {"type": "type", "text": "sudo reboot\n"}))
            assert "user_needed" in words(await act(client, {"type": "click", "point": [0.5, 0.5]}, "I delete it"))
            assert "refused by rule 'consoles'" in words(await act(client, {"type": "hotkey", "keys": ["ctrl", "alt", "f2"]}))
            assert "click.point[1] is 7" in words(await act(client, {"type": "click", "point": [0, 7]}))
            assert "it takes action, thought" in words(await client.call_tool("act", {"action": {"type": "wait"}, "x": 1}))
            assert "no tool is called" in words(await client.call_tool("eval", {}))
            told: list[str] = []

            async def hear(progress: float, total: float | None, message: str | None) -> None:
                told.append(f"{progress:g}/{total:g} {message}" if total else str(message))

            result = await client.call_tool("run_task", {"task": "be there", "max_steps": 5}, progress_callback=hear)
            assert result.structured_content["status"] == "done"
            assert told == ["1/5 press shift", "2/5 finished: there"]

    run(work)
    episodes = host.episodes()
    session, task = episodes["a session of MCP"], episodes["be there"]
    assert [outcome.action.type for step in session.steps for outcome in step.outcomes] == ["click", "type"]
    assert task.ended is not None and task.ended.exit_code == 0
    rules = [rule for entry in read_audit(session.path).entries for rule in entry.get("rules", ())]
    assert rules == ["shell-commands", "destruction", "consoles"]
    assert read_audit(session.path).complete and read_audit(task.path).complete


def test_a_cancelled_task_stops_and_the_computer_is_free_again(tmp_path: Path) -> None:
    host = Host(tmp_path, [WAIT] * 50, "--max-steps", "40")

    async def work() -> None:
        async with host.by_stdio() as client:
            started = anyio.Event()

            async def hear(progress: float, total: float | None, message: str | None) -> None:
                started.set()

            async with anyio.create_task_group() as group:

                async def ask() -> None:
                    await client.call_tool("run_task", {"task": "wait"}, progress_callback=hear)

                group.start_soon(ask)
                await started.wait()
                assert "in use" in words(await client.call_tool("look"))
                group.cancel_scope.cancel()
            deadline = time.monotonic() + 60
            while (await client.call_tool("look")).is_error:
                assert time.monotonic() < deadline
                await anyio.sleep(0.1)

    run(work)
    ended = host.episodes()["wait"].ended
    assert ended is not None and (ended.exit_code, ended.message) == (130, "cancelled by the client")


def test_over_http_only_who_has_the_token_is_let_in(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a-token-of-some-length\n")
    host = Host(tmp_path, [DONE], "--http", "127.0.0.1:0", "--token-file", "token")

    async def work() -> None:
        async with host.by_http("a-token-of-some-length") as (client, url):
            await look_and_type(client, tmp_path / "heard")
            result = await client.call_tool("run_task", {"task": "be there"})
            assert result.structured_content["status"] == "done"
            body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
            async with httpx.AsyncClient() as stranger:
                for headers in ({}, {"Authorization": "Bearer wrong"}):
                    assert (await stranger.post(url, json=body, headers=headers)).status_code == 401

    run(work)


def test_without_a_token_web_pages_are_turned_away(tmp_path: Path) -> None:
    host = Host(tmp_path, [DONE], "--http", "127.0.0.1:0")

    async def work() -> None:
        async with host.by_http(None) as (client, url):
            assert not (await client.call_tool("look")).is_error
            async with httpx.AsyncClient() as page:
                for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
                    assert (await page.post(url, json={}, headers=headers)).status_code == 403

    run(work)


def test_over_stdio_nobody_can_be_asked_at_the_terminal(tmp_path: Path) -> None:
    host = Host(tmp_path, [DONE], "--mode", "confirm")
    done = subprocess.run([sys.executable, *host.argv], cwd=tmp_path, env=host.environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 2 and "--mode confirm asks at the terminal" in done.stderr
