"""What schemathesis makes of our own OpenAPI document never makes the server fail."""

from __future__ import annotations

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.server.serving import Served

WITH_BODY = ("/v1/act", "/v1/chat/completions", "/session", "/v1/completions")
CASES = [*((path, True) for path in (*WITH_BODY, "/v1/models/{model}")), *((path, False) for path in WITH_BODY)]


@pytest.mark.parametrize(("path", "valid"), CASES)
def test_no_body_makes_the_server_fail(embedded: Served, path: str, valid: bool) -> None:
    with embedded.client() as client:
        document = client.get("/openapi.json").json()
        schema = schemathesis.openapi.from_dict(document)
        mode = schemathesis.GenerationMode.POSITIVE if valid else schemathesis.GenerationMode.NEGATIVE
        for method, operation in schema[path].items():
            if valid or method.lower() == "post":  # without a body there is nothing to get wrong
                _try(client, operation, mode)


def _try(client: httpx.Client, operation: object, mode: object) -> None:
    quick = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate], database=None)

    @quick
    @given(st.data())
    def attempt(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy(generation_mode=mode))  # type: ignore[attr-defined]
        told = case.as_transport_kwargs(base_url=str(client.base_url))
        told.setdefault("headers", {})
        body = told.get("json")
        if isinstance(body, dict):
            body["max_tokens"] = 1  # hundreds of tokens prove nothing more
        response = client.request(told["method"], told["url"], json=body, headers={"content-type": "application/json"})
        assert response.status_code < 500 or response.status_code == 501, response.text
        assert "Traceback" not in response.text

    attempt()
