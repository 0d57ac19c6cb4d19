"""Runs over HTTP: the ordinary agent on a real virtual desktop, watched, answered and stopped from afar."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.episode import Episode, list_episodes
from tests.server.page_serving import PATIENCE_SECONDS, TOKEN, PageServer, serving_page

pytestmark = pytest.mark.display
TERMINAL = ("xterm", "-geometry", "80x20+0+0")
CLICK = "Thought: focus\nAction: click(point='<point>100 100</point>')"
TYPE = "Thought: type\nAction: type(content='hello')"
DONE = "Thought: done\nAction: finished(content='typed')"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    with serving_page(tmp_path_factory.mktemp("runs"), program=TERMINAL) as server:
        yield server


@pytest.fixture
def client(server: PageServer) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client
        for run in client.get("/runs").json()["runs"]:
            if run["live"]:
                client.post(f"/runs/{run['id']}/stop")
                server.ended(client, run["id"])


def episode_of(server: PageServer, task: str) -> Episode:
    found = [Episode.open(path) for path in list_episodes(server.rules.episodes)]
    return next(episode for episode in found if episode.task == task)


def events_of(client: httpx.Client, run: str, **headers: str) -> list[tuple[str, Any]]:
    """Every event until the stream ends by itself."""
    with client.stream("GET", f"/runs/{run}/events", headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        blocks = "".join(stream.iter_text()).split("\n\n")
    told = [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks if block.startswith("id")]
    return [(each["event"], json.loads(each["data"])) for each in told]


def test_a_run_that_is_approved_acts_and_tells_every_step(server: PageServer, client: httpx.Client) -> None:
    run = server.start(client, [CLICK, TYPE, DONE], task="approved")
    question = server.waiting(client, run)["question"]
    assert (question["step"], question["action"]["type"], question["words"]) == (0, "click", "click at 16 %, 26 %")
    picture = client.get(f"/runs/{run}/steps/0/screen")
    assert (picture.headers["content-type"], picture.content[:4]) == ("image/png", b"\x89PNG")
    for number in (1, 2):
        server.waiting(client, run, number)
        assert client.post(f"/runs/{run}/approve", json={"ask": number}).status_code == 200
    ended = server.ended(client, run)
    assert (ended["status"], ended["message"], ended["steps"]) == ("done", "typed", 3)
    kinds = [kind for kind, _ in events_of(client, run)]
    assert [kind for kind in kinds if kind not in ("stage", "run")] == [
        *("screen", "said", "waiting", "answered", "step"),
        *("screen", "said", "waiting", "answered", "step"),
        *("screen", "said", "step", "ended"),
    ]
    episode = episode_of(server, "approved")
    assert [outcome.action.type for step in episode.steps for outcome in step.outcomes] == ["click", "type"]
    assert client.get(f"/episodes/{ended['episode']}").json()["task"] == "approved"


def test_whoever_comes_back_gets_only_the_events_they_missed(server: PageServer, client: httpx.Client) -> None:
    run = server.start(client, [DONE], task="missed", mode="auto")
    server.ended(client, run)
    every = events_of(client, run)
    assert events_of(client, run, **{"Last-Event-ID": str(len(every) - 2)}) == every[-2:]
    assert events_of(client, run, **{"Last-Event-ID": "nonsense"}) == every


def test_what_is_modified_happens_instead_and_the_model_is_told(server: PageServer, client: httpx.Client) -> None:
    run = server.start(client, [TYPE, DONE], task="modified")
    server.waiting(client, run)
    wrong = client.post(f"/runs/{run}/modify", json={"ask": 1, "action": {"type": "click", "point": [0.5, 7]}})
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "action")
    client.post(f"/runs/{run}/modify", json={"ask": 1, "action": {"type": "type", "text": "other"}})
    server.ended(client, run)
    step = episode_of(server, "modified").steps[0]
    assert [getattr(outcome.action, "text", "") for outcome in step.outcomes] == ["other"]
    assert "changed" in step.feedback


def test_what_is_rejected_does_not_happen_and_the_model_is_told_why(server: PageServer, client: httpx.Client) -> None:
    run = server.start(client, [TYPE, DONE], task="rejected")
    server.waiting(client, run)
    client.post(f"/runs/{run}/reject", json={"ask": 1, "reason": "not that window"})
    server.ended(client, run)
    step = episode_of(server, "rejected").steps[0]
    assert step.outcomes == ()
    assert "not that window" in step.feedback
    asked = server.backend.engines[-1].requests[-1]
    assert any("not that window" in part for message in asked.messages for part in message.content if isinstance(part, str))


def test_a_second_click_approves_nothing_else(server: PageServer, client: httpx.Client) -> None:
    run = server.start(client, [CLICK, TYPE, DONE], task="twice")
    server.waiting(client, run)
    client.post(f"/runs/{run}/approve", json={"ask": 1})
    again = client.post(f"/runs/{run}/approve", json={"ask": 1})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "not_asked")
    assert server.waiting(client, run, 2)["steps"] == 1


@pytest.mark.parametrize("waits", [True, False])
def test_a_run_is_stopped_while_it_waits_and_while_the_model_thinks(server: PageServer, client: httpx.Client, waits: bool) -> None:
    server.backend.seconds = 0.0 if waits else PATIENCE_SECONDS
    try:
        run = server.start(client, [TYPE], task=f"stopped {waits}")
        if waits:
            server.waiting(client, run)
        else:
            server.wait(client, run, lambda told: client.get(f"/runs/{run}/steps/0/screen").status_code == 200)
        assert client.post(f"/runs/{run}/stop").status_code == 202
        ended = server.ended(client, run)
    finally:
        server.backend.seconds = 0.0
    assert (ended["status"], ended["message"]) == ("stopped", "stopped on the page")
    end = episode_of(server, f"stopped {waits}").ended
    assert end is not None and end.exit_code == 130


def test_nobody_answers_and_the_run_ends(tmp_path: Path) -> None:
    with serving_page(tmp_path, approval_seconds=0.2, program=TERMINAL) as server, server.client() as client:
        ended = server.ended(client, server.start(client, [TYPE]))
        assert ended["status"] == "stopped" and "nobody answered" in ended["message"]


def test_a_dry_run_touches_nothing(server: PageServer, client: httpx.Client) -> None:
    run = server.start(client, [CLICK, DONE], task="dry", mode="dry-run")
    assert server.ended(client, run)["status"] == "done"
    assert episode_of(server, "dry").steps[0].outcomes == ()


def test_one_run_at_a_time(server: PageServer, client: httpx.Client) -> None:
    run = server.start(client, [TYPE])
    server.waiting(client, run)
    second = client.post("/runs", json={"task": "x", "computer": {"kind": "virtual"}})
    assert (second.status_code, second.json()["error"]["code"]) == (429, "too_many_runs")


@pytest.mark.parametrize(
    ("order", "status", "complaint"),
    [
        ({"task": "x", "computer": {"kind": "desktop"}}, 403, "did not allow"),
        ({"task": "x", "computer": {"kind": "virtual", "program": "xterm -e rm"}}, 400, "one that the owner named"),
        ({"task": "x", "computer": {"kind": "virtual", "width": 1}}, 400, "width"),
        ({"task": " ", "computer": {"kind": "virtual"}}, 400, "task is missing"),
        ({"task": "x", "computer": {"kind": "virtual"}, "limits": {"steps": 9999}}, 400, "200 at most"),
        ({"task": "x", "computer": {"kind": "virtual"}, "episodes": "/etc"}, 400, "episodes"),
        ({"task": "", "computer": {"kind": "miniwob", "name": "../../etc/passwd"}}, 400, "has no task"),
        ({"task": "x", "computer": {"kind": "miniwob", "name": "click-test"}}, 400, "leave `task` out"),
        ({"task": "x", "computer": {"kind": "bash"}}, 400, "computer"),
        ([], 400, "body"),
    ],
)
def test_what_is_not_allowed_is_refused_in_words(client: httpx.Client, order: object, status: int, complaint: str) -> None:
    response = client.post("/runs", json=order)
    assert response.status_code == status
    assert complaint in response.json()["error"]["message"]


@pytest.mark.parametrize(
    "path",
    [
        *("/runs/0", "/runs/..%2f..%2fetc", "/runs/0/steps/0/screen", "/runs/0/steps/-1/screen", "/runs/0/events"),
        *("/episodes/0", "/episodes/..%2f/steps/0/screen", "/reports/0", "/reports/0/page"),
        *("/page/..%2fpages%2f__init__.py", "/page/../access.py"),
    ],
)
def test_made_up_names_find_nothing(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code in (400, 404)


def test_a_program_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    with serving_page(tmp_path, program=("no-such-program",)) as server, server.client() as client:
        ended = server.ended(client, server.start(client, [DONE]))
        assert ended["status"] == "crashed" and "no-such-program" in ended["message"]
        assert ended["episode"] is None


def test_half_a_character_and_markup_come_through_as_they_are(server: PageServer, client: httpx.Client) -> None:
    said = "Thought: \ud800 <b>x</b> \u202e\nAction: finished(content='\ud800</script>')"
    ended = server.ended(client, server.start(client, [said], task="odd", mode="auto"))
    assert ended["message"] == "\ud800</script>"
    assert client.get(f"/episodes/{ended['episode']}").json()["steps"][0]["thought"].startswith("\ud800 <b>x</b>")
    asked = client.post(
        "/runs", content=b'{"task": "\\udfff", "computer": {"kind": "virtual"}}', headers={"content-type": "application/json"}
    )
    assert asked.status_code == 400


def test_a_run_ends_with_its_server(tmp_path: Path) -> None:
    with serving_page(tmp_path, program=TERMINAL) as server:
        with server.client() as client:
            server.waiting(client, server.start(client, [TYPE]))
        server.stop()
        (path,) = list_episodes(server.rules.episodes)
        end = Episode.open(path).ended
        assert end is not None and (end.status, end.message) == ("stopped", "the server was stopped")


def test_the_token_is_wanted_for_all_but_the_page_itself(tmp_path: Path) -> None:
    with serving_page(tmp_path, token=TOKEN) as server, server.client() as client:
        assert [client.get(path).status_code for path in ("/", "/page/main.js", "/session")] == [200, 200, 200]
        for path in ("/runs", "/runs/options", "/episodes", "/reports", "/runs/0/events", "/page"):
            assert client.get(path).status_code == 401, path
        cookie = client.post("/session", json={"token": TOKEN}).headers["set-cookie"].lower()
        assert "httponly" in cookie and "samesite=strict" in cookie
        assert client.get("/runs").status_code == 200
        body = {"task": "x", "computer": {"kind": "virtual"}}
        assert client.post("/runs", json=body).json()["error"]["code"] == "csrf"
        foreign = {"origin": "https://evil.example", "x-deftly-csrf": client.get("/session").json()["csrf"]}
        assert client.post("/runs", json=body, headers=foreign).json()["error"]["code"] == "wrong_origin"
