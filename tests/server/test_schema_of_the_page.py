"""What schemathesis makes of the page's own API, `/runs`, `/episodes` and `/reports`, never makes the server fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from server.episodes import episode_id
from tests.server.page_serving import PageServer, serving_page
from tests.server.test_episodes_api import record

pytestmark = pytest.mark.display
NUM_EXAMPLES = 12
PATHS = (
    *("/runs", "/runs/options", "/runs/{run_id}", "/runs/{run_id}/events", "/runs/{run_id}/steps/{step}/screen"),
    *("/runs/{run_id}/approve", "/runs/{run_id}/modify", "/runs/{run_id}/reject", "/runs/{run_id}/stop"),
    *("/episodes", "/episodes/{episode_id}", "/episodes/{episode_id}/steps/{step}/screen"),
    *("/reports", "/reports/{report_id}", "/reports/{report_id}/page"),
)
DONE = "Thought: done\nAction: finished(content='done')"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    with serving_page(tmp_path_factory.mktemp("page")) as server:
        server.reports.mkdir()
        told = {"suite": "miniwob", "tasks": [], "mean_success": 0.5, "steps": [{"score": 1}, {"score": None}, 7]}
        (server.reports / "report.json").write_text(json.dumps(told))
        (server.reports / "report.html").write_text("<p>fine</p>")
        yield server


@pytest.fixture(scope="module")
def known(server: PageServer) -> dict[str, Any]:
    """Names of things that are there: made-up ones would test nothing but that they are not found."""
    episode = record(server.rules.episodes, "recorded", num_steps=2)
    with server.client() as client:
        run = server.start(client, [DONE], computer={"kind": "virtual", "width": 320, "height": 200})
        server.ended(client, run)
        (report,) = client.get("/reports").json()["reports"]
        assert client.get(f"/reports/{report['id']}").status_code == 200
    return {"run_id": run, "episode_id": episode_id(server.rules.episodes, episode.path), "report_id": report["id"]}


def test_no_path_is_forgotten(server: PageServer) -> None:
    with server.client() as client:
        paths = client.get("/openapi.json").json()["paths"]
    assert {path for path in paths if path.startswith(("/runs", "/episodes", "/reports"))} == set(PATHS)


@pytest.mark.parametrize("valid", [True, False], ids=["valid", "invalid"])
@pytest.mark.parametrize("path", PATHS)
def test_no_request_makes_the_server_fail(server: PageServer, known: dict[str, Any], path: str, valid: bool) -> None:
    server.backend.script = [DONE]
    mode = schemathesis.GenerationMode.POSITIVE if valid else schemathesis.GenerationMode.NEGATIVE
    with server.client() as client:
        schema = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
        for operation in schema[path].values():
            if valid or operation.body or operation.path_parameters or operation.query:
                _try(client, operation, mode, known)


def _try(client: httpx.Client, operation: Any, mode: Any, known: dict[str, Any]) -> None:
    @settings(max_examples=NUM_EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate], database=None)
    @given(st.data())
    def attempt(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy(generation_mode=mode))
        if operation.path_parameters and data.draw(st.booleans()):
            case.path_parameters |= {name: value for name, value in known.items() if name in case.path_parameters}
        told = case.as_transport_kwargs(base_url=str(client.base_url))
        content = {"json": told["json"]} if "json" in told else {"content": told["data"]} if isinstance(told.get("data"), bytes) else {}
        headers = {name: value for name, value in (told.get("headers") or {}).items() if name.lower() in ("content-type", "last-event-id")}
        response = client.request(told["method"], told["url"], params=told.get("params"), headers=headers, **content)
        assert response.status_code < 500, f"{told['method']} {told['url']}: {response.text}"
        assert "Traceback" not in response.text
        if response.status_code >= 400:
            assert set(response.json()["error"]) == {"message", "type", "param", "code"}

    attempt()
