"""The scripted engine says what it was told to, and dies when it was told to."""

from __future__ import annotations

import pytest

from inference.engines.base import ChatRequest, EngineError, Message
from inference.engines.scripted import ScriptedEngine

REQUEST = ChatRequest(messages=(Message(role="user", content=("Click the button",)),))


def test_replies_come_in_order_and_the_requests_are_kept() -> None:
    engine = ScriptedEngine(["one", "two"])
    assert [engine.chat(REQUEST).text, "".join(engine.stream(REQUEST))] == ["one", "two"]
    assert engine.requests == [REQUEST, REQUEST]


def test_a_function_of_the_request_can_be_the_script() -> None:
    engine = ScriptedEngine(lambda request: str(request.messages[0].content[0]).upper())
    assert engine.chat(REQUEST).text == "CLICK THE BUTTON"


def test_a_script_that_is_too_short_is_an_engine_error_that_says_so() -> None:
    engine = ScriptedEngine(["one"])
    engine.chat(REQUEST)
    with pytest.raises(EngineError, match="has 1 replies, and this is request 2"):
        engine.chat(REQUEST)


def test_it_dies_at_the_request_it_was_told_to_and_stays_dead() -> None:
    engine = ScriptedEngine(["one", "two", "three"], dies_at=2)
    engine.chat(REQUEST)
    for _ in range(2):
        with pytest.raises(EngineError, match="was told to die at request 2"):
            engine.chat(REQUEST)


def test_a_stop_string_ends_the_answer_before_it() -> None:
    request = ChatRequest(messages=REQUEST.messages, stop=("END", "STOP"))
    assert ScriptedEngine(["go STOP on END"]).chat(request).text == "go "
