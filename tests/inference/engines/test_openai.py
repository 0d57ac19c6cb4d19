"""The client engine against a real HTTP server: what it sends, what it makes of the answers, and of every fault we could think of."""

from __future__ import annotations

import base64
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from inference.engines.base import ChatRequest, EngineError, Message
from inference.engines.openai import OpenAIEngine
from tests.inference.engines.faulty_server import (
    Answer,
    Handler,
    Server,
    dies_after,
    fails_after,
    garbage,
    hangs,
    refuses,
    says,
    says_whole,
    serving,
    stops_short,
)
from tests.inference.picture import Picture

PICTURE = Picture.drawn(40, 30)
REQUEST = ChatRequest(
    messages=(
        Message(role="system", content=("Be ", "brief.")),
        Message(role="user", content=("Before", PICTURE, "after")),
    ),
    max_tokens=9,
    stop=("END",),
)
GOOD = says("Thought: x\n", "Action: ", "wait()", usage={"prompt_tokens": 50, "completion_tokens": 6})


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DEFTLY_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


_opened: list[OpenAIEngine] = []


@pytest.fixture(autouse=True)
def closed_in_the_end() -> Iterator[None]:
    yield
    while _opened:
        _opened.pop().close()


def connect(server: Server, **options: object) -> OpenAIEngine:
    _opened.append(OpenAIEngine(**{"base_url": server.base_url, "first_pause": 0.01, "timeout": 30.0} | options))  # type: ignore[arg-type]
    return _opened[-1]


def test_text_and_pictures_are_sent_in_their_order_with_lossless_pixels() -> None:
    with serving(GOOD) as server:
        connect(server, model="mine").chat(REQUEST)
    (body,) = server.asked
    system, user = body["messages"]
    assert (body["model"], body["max_tokens"], body["temperature"], body["stop"]) == ("mine", 9, 0.0, ["END"])
    assert system == {"role": "system", "content": "Be brief."}
    assert [part["type"] for part in user["content"]] == ["text", "image_url", "text"]
    head, _, data = user["content"][1]["image_url"]["url"].partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(data) == PICTURE.png


def test_options_that_are_not_asked_for_are_not_sent() -> None:
    with serving(GOOD) as server:
        engine = connect(server, model="mine")
        engine.chat(ChatRequest(messages=REQUEST.messages))
        engine.chat(ChatRequest(messages=REQUEST.messages, seed=0, frequency_penalty=0.5))
    plain, full = server.asked
    assert not {"seed", "frequency_penalty", "stop"} & set(plain)
    assert (full["seed"], full["frequency_penalty"]) == (0, 0.5)


def test_the_model_is_the_first_that_the_server_lists() -> None:
    with serving(GOOD) as server:
        assert connect(server).name == "tiny"


@pytest.mark.parametrize(("owner", "uuid"), [("vllm", PICTURE.sha256), ("somebody", None)])
def test_vllm_alone_is_told_the_digest_of_a_picture_as_its_id(owner: str, uuid: str | None) -> None:
    with serving(GOOD, owner=owner) as server:
        connect(server).chat(REQUEST)
    (body,) = server.asked
    assert body["messages"][1]["content"][1].get("uuid") == uuid


def sent_pictures(body: dict[str, Any]) -> list[bool]:
    """Of each picture of a request whether it was sent, and not only named."""
    parts = [part for message in body["messages"] if isinstance(message["content"], list) for part in message["content"]]
    return [part["image_url"] is not None for part in parts if part["type"] == "image_url"]


def test_a_picture_that_vllm_has_is_named_and_not_sent_again() -> None:
    grown = replace(REQUEST, messages=(*REQUEST.messages, Message(role="user", content=(Picture.drawn(30, 30),))))
    with serving(GOOD, owner="vllm") as server:
        engine = connect(server)
        for request in (REQUEST, REQUEST, grown, grown):
            assert engine.chat(request).finish_reason == "stop"
    assert [sent_pictures(body) for body in server.asked] == [[True], [False], [False, True], [False, False]]
    assert server.asked[1]["messages"][1]["content"][1] == {"type": "image_url", "image_url": None, "uuid": PICTURE.sha256}


def test_pictures_that_were_forgotten_are_sent_again_and_a_server_that_always_forgets_gets_all() -> None:
    forgets = refuses(400, {"error": {"message": "Cache miss for image at index 0 but data is not provided."}})
    with serving(GOOD, forgets, GOOD, forgets, GOOD, forgets, GOOD, owner="vllm") as server:
        engine = connect(server, num_tries=1)
        replies = [engine.chat(REQUEST) for _ in range(6)]
    assert {reply.text for reply in replies} == {replies[0].text}
    assert [sent_pictures(body) for body in server.asked] == [[True], *[[False], [True]] * 3, [True], [True]]


def test_other_servers_get_every_picture_every_time() -> None:
    with serving(GOOD, owner="somebody") as server:
        engine = connect(server)
        for _ in range(2):
            engine.chat(REQUEST)
    assert [sent_pictures(body) for body in server.asked] == [[True], [True]]


def test_a_server_without_models_is_an_error_that_says_so() -> None:
    with serving(GOOD, models=()) as server, pytest.raises(EngineError, match="lists no model: start it with one, or give model"):
        connect(server)


def test_the_whole_answer_comes_with_its_costs() -> None:
    usage = {"prompt_tokens": 50, "completion_tokens": 6, "prompt_tokens_details": {"cached_tokens": 32}}
    with serving(says("a", "b", finish_reason="length", usage=usage)) as server:
        reply = connect(server).chat(REQUEST)
    assert (reply.text, reply.finish_reason) == ("ab", "length")
    assert (reply.num_prompt_tokens, reply.num_cached_tokens, reply.num_completion_tokens) == (50, 32, 6)
    assert reply.first_token_seconds is not None and 0 < reply.first_token_seconds <= reply.seconds


@pytest.mark.parametrize("usage", [None, {"prompt_tokens": None, "prompt_tokens_details": None}])
def test_a_server_that_does_not_count_is_no_trouble(usage: dict[str, object] | None) -> None:
    with serving(says("a", usage=usage)) as server:
        assert connect(server).chat(REQUEST).num_prompt_tokens == 0


def test_streamed_pieces_joined_are_the_whole_answer() -> None:
    with serving(GOOD) as server:
        engine = connect(server)
        assert list(engine.stream(REQUEST)) == ["Thought: x\n", "Action: ", "wait()"]
        assert "".join(engine.stream(REQUEST)) == engine.chat(REQUEST).text


def test_an_empty_answer_is_an_answer() -> None:
    with serving(says()) as server:
        engine = connect(server)
        assert (list(engine.stream(REQUEST)), engine.chat(REQUEST).text) == ([], "")


def test_unusual_line_ends_inside_an_answer_do_not_break_it() -> None:
    text = "one\u2028two\x85three\x0cfour\x1cfive\r\nsix ✓ 😀"
    with serving(says(text)) as server:
        assert connect(server).chat(REQUEST).text == text


def test_a_server_that_does_not_stream_is_understood() -> None:
    with serving(says_whole("all at once")) as server:
        engine = connect(server)
        assert (engine.chat(REQUEST).text, list(engine.stream(REQUEST))) == ("all at once", ["all at once"])


def test_the_key_comes_from_the_option_or_the_environment_and_never_shows_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(refuses(401, {"error": {"message": "no such key"}})) as server:
        for name in ("OPENAI_API_KEY", "DEFTLY_API_KEY"):
            monkeypatch.setenv(name, f"secret-{name}")
            connect(server)
        with pytest.raises(EngineError, match="answered 401: no such key: give a valid key by api_key or DEFTLY_API_KEY") as caught:
            connect(server, api_key="secret-option").chat(REQUEST)
    seen = [headers["Authorization"] for headers in server.headers_seen]
    assert seen == ["Bearer secret-OPENAI_API_KEY", "Bearer secret-DEFTLY_API_KEY", "Bearer secret-option", "Bearer secret-option"]
    assert "secret" not in str(caught.value)


def test_without_a_key_none_is_sent() -> None:
    with serving(GOOD) as server:
        connect(server).chat(REQUEST)
    assert all("Authorization" not in headers for headers in server.headers_seen)


@pytest.mark.parametrize(
    "fault",
    [
        refuses(429, {"error": {"message": "slow down"}}),
        refuses(500, {"error": {"message": "oops"}}),
        refuses(503, b"<html>Service Unavailable</html>"),
        dies_after("half an ans"),
        stops_short("half an ans"),
        fails_after("half an ans", {"message": "EngineCore died", "code": 500}),
    ],
    ids=["429", "500", "503", "connection reset", "answer cut short", "error in mid-answer"],
)
def test_a_passing_fault_is_tried_again_and_half_an_answer_is_never_given(fault: Answer) -> None:
    with serving(fault, fault, GOOD) as server:
        assert connect(server).chat(REQUEST).text == "Thought: x\nAction: wait()"
    assert len(server.asked) == 3


def test_tries_are_bounded_and_the_error_says_how_many_there_were() -> None:
    tried = r"answered 503: model is loading: see its log \(tried 3 times\)"
    with serving(refuses(503, {"message": "model is loading"})) as server, pytest.raises(EngineError, match=tried) as caught:
        connect(server, num_tries=3).chat(REQUEST)
    assert len(server.asked) == 3
    assert server.base_url in str(caught.value)


def test_the_pause_that_a_server_asks_for_is_kept() -> None:
    with serving(refuses(429, {}, Retry_After="1"), GOOD) as server:
        started = time.monotonic()
        connect(server).chat(REQUEST)
        assert time.monotonic() - started >= 1
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("status", "message", "mend"),
    [
        (400, "At most 1 image(s) may be provided in one prompt.", "--limit-mm-per-prompt"),
        (400, "This model's maximum context length is 4096 tokens.", "--max-model-len"),
        (400, "bad request", "see its log"),
        (404, "The model `x` does not exist.", "check base_url"),
        (413, "too large", "show fewer or smaller screenshots"),
    ],
)
def test_a_refusal_is_not_tried_again_and_says_the_mend(status: int, message: str, mend: str) -> None:
    with serving(refuses(status, {"object": "error", "message": message})) as server, pytest.raises(EngineError, match=mend) as caught:
        connect(server).chat(REQUEST)
    assert message in str(caught.value)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b'{"error": null}', b'{"detail": [{"msg": "x"}]}', b"\xff\xfe", b'"text"', b"9" * 100_000],
)
def test_any_body_of_an_error_gives_a_short_message(body: bytes) -> None:
    with serving(refuses(400, body)) as server, pytest.raises(EngineError, match="answered 400") as caught:
        connect(server).chat(REQUEST)
    assert len(str(caught.value)) < 1000


def test_garbage_instead_of_an_answer_is_an_error_that_shows_it() -> None:
    with serving(garbage) as server, pytest.raises(EngineError, match="sent no event: <html>Welcome to nginx</html>: check that base_url"):
        connect(server).chat(REQUEST)


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"a": 1}', b'{"choices": [], "usage": 3}', b"\xff", b"[" * 100_000])
def test_garbage_inside_an_answer_is_an_error_and_never_a_crash(line: bytes) -> None:
    def answer(handler: object) -> None:
        handler.begin_stream()  # type: ignore[attr-defined]
        handler.event(line)  # type: ignore[attr-defined]
        handler.close_connection = True  # type: ignore[attr-defined]

    with serving(answer) as server, pytest.raises(EngineError, match="sent no "):
        connect(server).chat(REQUEST)


def test_a_server_that_hangs_is_an_error_after_the_timeout() -> None:
    with serving(hangs) as server, pytest.raises(EngineError, match=r"was silent for 0\.3 s: see whether it hangs, or raise timeout"):
        connect(server, timeout=0.3).chat(REQUEST)
    assert len(server.asked) == 1


def test_a_stream_that_breaks_after_its_first_piece_is_an_error_and_is_not_begun_again() -> None:
    with serving(dies_after("half"), GOOD) as server:
        pieces = connect(server).stream(REQUEST)
        assert next(pieces) == "half"
        with pytest.raises(EngineError, match=r"broke the connection|in the middle"):
            next(pieces)
    assert len(server.asked) == 1


def test_a_stream_that_fails_before_its_first_piece_is_tried_again() -> None:
    with serving(refuses(503, {}), GOOD) as server:
        assert "".join(connect(server).stream(REQUEST)) == "Thought: x\nAction: wait()"


def test_an_interrupted_answer_ends_at_once_and_is_not_begun_again() -> None:
    said = threading.Event()

    def says_little(request: Handler) -> None:
        request.begin_stream()
        request.event({"choices": [{"delta": {"content": "Thou"}, "finish_reason": None}]})
        said.set()
        request.server.over.wait(30)

    with serving(says_little, GOOD) as server:
        engine = connect(server)
        threading.Thread(target=lambda: (said.wait(30), time.sleep(0.1), engine.interrupt())).start()
        started = time.monotonic()
        reply = engine.chat(REQUEST)
        assert (reply.text, reply.finish_reason) == ("Thou", "interrupted")
        assert time.monotonic() - started < 20
        assert len(server.asked) == 1
        assert engine.chat(REQUEST).finish_reason == "stop", "it can be asked again"


def test_a_desk_interrupts_its_own_answer_only() -> None:
    both, over = threading.Barrier(3), threading.Event()

    def says_little(request: Handler) -> None:
        request.begin_stream()
        request.event({"choices": [{"delta": {"content": "Thou"}, "finish_reason": None}]})
        both.wait(30)
        over.wait(30)
        request.event({"choices": [{"delta": {"content": "ght"}, "finish_reason": "stop"}]})

    with serving(says_little) as server, ThreadPoolExecutor(2) as pool:
        engine = connect(server)
        mine, theirs = engine.desk(), engine.desk()
        my_reply, their_reply = pool.submit(mine.chat, REQUEST), pool.submit(theirs.chat, REQUEST)
        both.wait(30)
        time.sleep(0.1)  # the first piece has come
        mine.interrupt()
        assert my_reply.result(timeout=20).finish_reason == "interrupted"
        mine.close()
        over.set()
        reply = their_reply.result(timeout=20)
        assert (reply.text, reply.finish_reason) == ("Thought", "stop")


def test_a_stream_may_be_left_in_the_middle() -> None:
    with serving(GOOD) as server:
        engine = connect(server)
        pieces = engine.stream(REQUEST)
        next(pieces)
        pieces.close()
        assert engine.chat(REQUEST).text


@pytest.fixture
def dead_url() -> Iterator[str]:
    """A port on which nobody listens, and nobody will while the test runs."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/v1"


def test_a_server_that_is_not_there_is_an_error_that_names_its_url(dead_url: str) -> None:
    with pytest.raises(EngineError, match=rf"{dead_url} cannot be reached .*: start it, or correct base_url \(tried 2 times\)"):
        OpenAIEngine(base_url=dead_url, num_tries=2, first_pause=0.01)


def test_a_password_in_the_url_does_not_show_in_an_error(dead_url: str) -> None:
    url = dead_url.replace("http://", "http://me:hunter2@")
    with pytest.raises(EngineError) as caught:
        OpenAIEngine(base_url=url, num_tries=1)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://host/v1", "http://", "/v1"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"base_url is .*such as http://127.0.0.1:8000/v1"):
        OpenAIEngine(base_url=url)


def test_v1_is_added_where_the_url_has_no_path() -> None:
    with serving(GOOD) as server:
        assert connect(server, base_url=server.base_url.removesuffix("/v1")).chat(REQUEST).text


def test_a_closed_engine_says_so_and_closes_twice() -> None:
    with serving(GOOD) as server:
        engine = connect(server)
        engine.close()
        engine.close()
        with pytest.raises(EngineError, match="is closed"):
            engine.chat(REQUEST)
