"""The same API over both engines, by the clients that people use: openai's own, ours, and plain HTTP."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from inference.engines.base import ChatRequest, EngineError
from inference.engines.openai import OpenAIEngine
from inference.models import bundled_model
from inference.vlm.machine import set_threads
from inference.vlm.wording import HALF_CHARACTER
from tests.inference.tiny import Reference
from tests.server.screens import Screen, draw_screen
from tests.server.serving import Served

pytestmark = [pytest.mark.model, pytest.mark.timeout(1800)]  # a busy machine needs minutes to start vLLM

NUM_PROMPTS = 50
SCREENS = [draw_screen(seed) for seed in range(NUM_PROMPTS)]
MAX_TOKENS = 48


@pytest.fixture(scope="module")
def truth() -> list[str]:
    """What transformers' own `generate` says to all screens."""
    set_threads(1)  # on busy cores a second one makes a small model ten times slower
    reference = Reference(bundled_model())
    return [reference.generate(screen.messages(), MAX_TOKENS).rstrip(HALF_CHARACTER) for screen in SCREENS]


def client_of(served: Served) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{served.url}/v1", api_key="unused", max_retries=0, timeout=600)


def test_greedy_texts_equal_those_of_generate_eight_at_a_time(served: Served, truth: list[str]) -> None:
    client = client_of(served)

    def say(screen: Screen) -> str:
        answer = client.chat.completions.create(model=served.model, messages=screen.chat(), max_tokens=MAX_TOKENS, temperature=0)  # type: ignore[arg-type]
        return answer.choices[0].message.content or ""

    with client, ThreadPoolExecutor(8) as pool:
        said = list(pool.map(say, SCREENS))
    assert said == truth


def test_the_official_client_lists_the_model(served: Served) -> None:
    with client_of(served) as client:
        assert [model.id for model in client.models.list()] == [served.model]
        assert client.models.retrieve(served.model).id == served.model
        with pytest.raises(openai.NotFoundError, match="nonesuch"):
            client.models.retrieve("nonesuch")


def test_an_answer_has_all_fields_of_the_official_client(served: Served) -> None:
    with client_of(served) as client:
        answer = client.chat.completions.create(
            model=served.model, messages=SCREENS[0].chat(), temperature=0, max_completion_tokens=MAX_TOKENS
        )  # type: ignore[arg-type]
    (choice,) = answer.choices
    assert (answer.object, answer.model, choice.index, choice.finish_reason, choice.message.role) == (
        *("chat.completion", served.model, 0),
        *("stop", "assistant"),
    )
    assert answer.id.startswith("chatcmpl-")
    usage = answer.usage
    assert usage is not None
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.prompt_tokens_details is not None


def test_a_stream_joined_is_the_answer_and_ends_with_what_it_cost(served: Served, truth: list[str]) -> None:
    with client_of(served) as client:
        stream = client.chat.completions.create(  # type: ignore[call-overload]
            model=served.model, messages=SCREENS[3].chat(), temperature=0, stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(pieces) == truth[3]
    assert len([piece for piece in pieces if piece]) > 1
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 1
    assert {chunk.id for chunk in chunks} == {chunks[0].id}


def test_what_was_read_before_is_not_read_again(served: Served) -> None:
    request = ChatRequest(messages=draw_screen(4000).messages(), max_tokens=2)
    engine = OpenAIEngine(base_url=f"{served.url}/v1")
    first, again = engine.chat(request), engine.chat(request)
    engine.close()
    assert first.num_cached_tokens < first.num_prompt_tokens // 2 < again.num_cached_tokens


def test_a_stop_string_ends_the_answer(served: Served, truth: list[str]) -> None:
    engine = OpenAIEngine(base_url=f"{served.url}/v1")
    reply = engine.chat(ChatRequest(messages=SCREENS[0].messages(), max_tokens=MAX_TOKENS, stop=("\nAction",)))
    engine.close()
    assert (reply.text, reply.finish_reason) == (truth[0][: truth[0].index("\nAction")], "stop")


def test_a_seed_draws_the_same_answer_again(served: Served) -> None:
    engine = OpenAIEngine(base_url=f"{served.url}/v1")
    request = ChatRequest(messages=SCREENS[0].messages(), max_tokens=30, temperature=1.5, seed=7)
    assert engine.chat(request).text == engine.chat(request).text
    engine.close()


def test_act_turns_a_screenshot_into_typed_actions(served: Served, truth: list[str]) -> None:
    with served.client() as client:
        told = client.post("/v1/act", json={"task": SCREENS[0].task, "screenshot": SCREENS[0].data_url})
    assert told.status_code == 200, told.text
    answer = told.json()
    assert answer["text"] == truth[0]
    assert answer["error"] is None
    assert [action["type"] for action in answer["actions"]] == ["click"]
    assert all(0 <= number <= 1 for number in answer["actions"][0]["point"])
    assert answer["thought"] and answer["thought"] in answer["text"]
    assert answer["usage"]["completion_tokens"] > 1


def test_act_tells_the_model_what_was_done(served: Served) -> None:
    seen = SCREENS[1]
    with served.client() as client:
        first = client.post("/v1/act", json={"task": seen.task, "screenshot": seen.data_url}).json()
        step = {"screenshot": first["screenshot"], "thought": first["thought"], "actions": first["actions"], "text": first["text"]}
        second = client.post("/v1/act", json={"task": seen.task, "screenshot": first["screenshot"], "history": [step]})
        assert second.status_code == 200, second.text
        without = client.post("/v1/act", json={"task": seen.task, "screenshot": seen.data_url, "history": [step | {"screenshot": None}]})
    assert second.json()["usage"]["prompt_tokens"] > first["usage"]["prompt_tokens"]
    assert without.json()["text"] == second.json()["text"]  # this family shows the last screen only


def shows(url: str, kind: str = "image_url") -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"type": kind, kind: {"url": url}}]}]}


def says(text: str, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **more}


BAD: dict[str, tuple[dict[str, Any], int, str]] = {
    "no messages": ({"messages": []}, 400, ""),
    "a file": (shows("file:///etc/passwd"), 400, "fetches no file"),
    "a page": (shows("http://169.254.169.254/latest"), 400, "fetches no http"),
    "a video": (shows("data:video/mp4;base64,", "video_url"), 400, "no video_url"),
    "five images": ({"messages": SCREENS[0].chat() * 5}, 400, "5 images"),
    "no base64": (shows("data:image/png;base64,@"), 400, "base64"),
    "no image": (shows("data:image/png;base64,aGk="), 400, "no image"),
    "another model": (says("x", model="nonesuch"), 404, "nonesuch"),
    "too long a prompt": (says("word " * 9000), 400, ""),
    "a wrong temperature": (says("x", temperature=-3), 400, "temperature"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_answered_is_an_error_in_openais_shape(served: Served, name: str) -> None:
    body, status, words = BAD[name]
    with served.client() as client:
        told = client.post("/v1/chat/completions", json={"model": served.model, **body})
    assert told.status_code == status, told.text
    assert words in told.json()["error"]["message"]
    assert "Traceback" not in told.text


def test_our_own_client_names_the_mend_when_too_many_images_are_shown(served: Served) -> None:
    engine = OpenAIEngine(base_url=f"{served.url}/v1")
    with pytest.raises(EngineError, match=r"answered 400: .*5 images"):
        engine.chat(ChatRequest(messages=SCREENS[0].messages() * 5))
    engine.close()


def test_pictures_that_are_only_named_give_the_same_answer_and_forgotten_ones_are_sent_again(vllm: Served, truth: list[str]) -> None:
    engine = OpenAIEngine(base_url=f"{vllm.url}/v1")
    request = ChatRequest(messages=tuple(SCREENS[0].messages()), max_tokens=MAX_TOKENS)
    unseen = ChatRequest(messages=tuple(draw_screen(4711).messages()), max_tokens=MAX_TOKENS)
    assert [engine.chat(request).text for _ in range(2)] == truth[:1] * 2
    engine._shown.shown(unseen)  # as if it had been, and vLLM had forgotten it
    named_only = engine.chat(unseen).text
    engine._shown.refused()
    assert named_only == engine.chat(unseen).text != ""
    engine.close()


def test_a_client_that_vanishes_frees_its_place(served: Served) -> None:
    body = {
        "model": served.model,
        "messages": SCREENS[0].chat(),
        "stream": True,
        "max_tokens": 1500,
        "temperature": 1.5,
        "ignore_eos": True,
    }
    if served.engine == "embedded":
        del body["ignore_eos"]
    with served.client() as client:
        for _ in range(3):
            with client.stream("POST", "/v1/chat/completions", json=body) as stream:
                next(stream.iter_bytes())
        wait_until_idle(served)
        assert client.post("/v1/act", json={"task": "x", "screenshot": SCREENS[0].data_url}).status_code == 200


def test_who_leaves_in_mid_action_ends_nobody_elses_answer(served: Served) -> None:
    def ask(number: int) -> str:
        told = {"task": f"task {number}", "screenshot": SCREENS[number].data_url}
        with served.client() as client:
            try:
                answer = client.post("/v1/act", json=told, timeout=0.05 if number % 2 else None)
            except httpx.ReadTimeout:
                return "left"
        return "answered" if answer.is_success else answer.text

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(ask, range(16)))
    assert set(said[::2]) == {"answered"}
    assert "left" in said[1::2]
    wait_until_idle(served)


def wait_until_idle(served: Served) -> None:
    """Until nothing runs in the engine, by its own counters."""
    import time

    names = ("deftly_engine_running ", "vllm:num_requests_running{")
    deadline = time.monotonic() + 120
    with served.client() as client:
        while time.monotonic() < deadline:
            lines = [line for line in client.get("/metrics").text.splitlines() if line.startswith(names)]
            assert lines
            if all(float(line.split()[-1]) == 0 for line in lines):
                return
            time.sleep(0.1)
    raise AssertionError(f"the engine is still busy: {lines}")


def test_health_and_metrics(served: Served) -> None:
    with served.client() as client:
        assert client.get("/health").json() == {"status": "ok", "model": served.model, "engine": served.engine, "restarts": 0}
        metrics = client.get("/metrics").text
    assert 'deftly_requests_total{route="/v1/act",status="200"}' in metrics or "deftly_requests_total{" in metrics
    assert "deftly_engine_ready 1.0" in metrics
    assert ("deftly_engine_cached_tokens_total" if served.engine == "embedded" else "vllm:prefix_cache_hits_total") in metrics


def test_requests_are_logged_as_json_with_the_clients_id_and_without_what_was_said(served: Served) -> None:
    with served.client() as client:
        told = client.post(
            "/v1/act", json={"task": "a secret plan", "screenshot": SCREENS[2].data_url}, headers={"x-request-id": "my-own-id.1"}
        )
        again = client.get("/health", headers={"x-request-id": "no id!"})
    assert told.headers["x-request-id"] == "my-own-id.1"
    assert again.headers["x-request-id"] != "no id!"
    (line,) = [line for line in served.log_lines() if line.get("request_id") == "my-own-id.1"]
    assert (line["route"], line["status"], line["method"]) == ("/v1/act", 200, "POST")
    assert "secret plan" not in served.log.read_text(errors="replace")


def test_responses_are_there_where_vllm_has_them(served: Served) -> None:
    content = [{"type": "input_image", "image_url": SCREENS[0].data_url, "detail": "auto"}, {"type": "input_text", "text": SCREENS[0].text}]
    with client_of(served) as client:
        if served.engine == "embedded":
            with pytest.raises(openai.APIStatusError, match="has no /v1/responses"):
                client.responses.create(model=served.model, input="x")
        else:
            told = client.responses.create(
                model=served.model, input=[{"role": "user", "content": content}], temperature=0, max_output_tokens=30
            )  # type: ignore[arg-type, list-item]
            assert "Action" in told.output_text


def test_the_document_describes_the_bodies(served: Served) -> None:
    with served.client() as client:
        document = json.loads(client.get("/openapi.json").text)
    assert document["openapi"].startswith("3.")
    assert {"/v1/chat/completions", "/v1/act", "/v1/models", "/health", "/metrics"} <= set(document["paths"])
    assert {"ChatBody", "ActBody"} <= set(document["components"]["schemas"])


@pytest.mark.browser
@pytest.mark.display
@pytest.mark.parametrize(("task", "seed"), [("click-button", 3), ("enter-text", 1)])
def test_deftly_run_solves_tasks_against_it(served: Served, tmp_path: Path, task: str, seed: int) -> None:
    pytest.importorskip("miniwob")
    if not (shutil.which("Xvfb") and shutil.which("chromium")):
        pytest.skip("Xvfb and chromium are needed")
    command = [sys.executable, "-m", "deftly", "run", "--json", "--miniwob", task, "--seed", str(seed), "--episodes", str(tmp_path)]
    command += ["--engine", "openai", "--base-url", f"{served.url}/v1", "--family", "deftly-tiny"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    told = json.loads(done.stdout)
    assert (done.returncode, told["status"], told["reward"]) == (0, "done", 1.0), told


def test_the_dashboard_shows_numbers_that_exist(served: Served) -> None:
    dashboard = (Path(__file__).parents[2] / "deploy" / "grafana.json").read_text()
    assert json.loads(dashboard)["title"] == "Deftly"
    ours = set(re.findall(r"\b(deftly_\w+)", dashboard))
    theirs = set(re.findall(r"\b(vllm:\w+)", dashboard))
    assert len(ours) > 8
    with served.client() as client:
        client.post("/v1/act", json={"task": "x", "screenshot": SCREENS[0].data_url})
        shown = set(re.findall(r"^([\w:]+)", client.get("/metrics").text, re.MULTILINE))
    if served.engine == "vllm":
        ours = {name for name in ours if not name.startswith("deftly_engine_") or name in ("deftly_engine_ready", "deftly_engine_restarts")}
    assert (ours | theirs if served.engine == "vllm" else ours) <= shown
