"""The serving engine answers many at once, and each as if it were alone."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from inference.engines.base import ChatRequest, EngineError, Message, Reply
from inference.engines.transformers import TransformersEngine
from inference.serving.contexts import ContextStore
from inference.serving.engine import BatchingEngine
from inference.serving.ticket import Event, Ticket
from inference.serving.voice import MAX_PAUSE, Voice
from inference.vlm.checkpoint import BadModel
from inference.vlm.wording import HALF_CHARACTER
from tests.inference.chats import CHATS, PICTURES, SYSTEM, ask, assistant, user
from tests.inference.tiny import Reference, build_tiny

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def engine(tiny_model: Path) -> Iterator[BatchingEngine]:
    engine = BatchingEngine(tiny_model, device="cpu", max_num_seqs=8)
    yield engine
    engine.close()


def all_at_once(engine: BatchingEngine, requests: list[ChatRequest]) -> list[Reply]:
    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(engine.chat, requests))


def test_answers_given_side_by_side_equal_those_of_generate(engine: BatchingEngine, reference: Reference) -> None:
    lengths = [9 + 5 * number for number in range(len(CHATS))]  # they leave the batch at different times
    replies = all_at_once(engine, [ask(*chat, max_tokens=length) for chat, length in zip(CHATS.values(), lengths, strict=True)])
    for (name, chat), length, reply in zip(CHATS.items(), lengths, replies, strict=True):
        assert reply.text == reference.generate(chat, length).rstrip(HALF_CHARACTER), name


@pytest.mark.parametrize("kind", ["qwen2_vl", "qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe"])
def test_its_sister_families_answer_as_generate_does_too(tmp_path: Path, kind: str) -> None:
    folder = build_tiny(tmp_path / kind, kind=kind)
    engine, reference = BatchingEngine(folder, device="cpu"), Reference(folder)
    chats = [CHATS[name] for name in ("picture first", "several pictures in one message", "a conversation", "text only")]
    replies = all_at_once(engine, [ask(*chat) for chat in chats])
    engine.close()
    assert [reply.text for reply in replies] == [reference.generate(chat, 24).rstrip(HALF_CHARACTER) for chat in chats]


def test_hybrids_go_on_from_the_end_of_a_prompt_whatever_was_answered_to_it(tmp_path: Path) -> None:
    folder = build_tiny(tmp_path / "hybrid", kind="qwen3_5")
    engine, forgetful = BatchingEngine(folder, device="cpu"), BatchingEngine(folder, device="cpu", context_bytes=0)
    turns: list[Message] = [SYSTEM, user("Task", PICTURES[3])]
    read = 0
    for _ in range(3):
        reply, fresh = (one.chat(ask(*turns)) for one in (engine, forgetful))
        assert (reply.text, reply.num_cached_tokens) == (fresh.text, read)
        read = reply.num_prompt_tokens
        turns += [assistant("ok"), user("Next", PICTURES[1])]
    engine.close()
    forgetful.close()


def test_an_answer_that_outgrows_its_row_disturbs_nobody_who_joins_later(engine: BatchingEngine) -> None:
    long = ask(*CHATS["text only"], max_tokens=700, temperature=1.0, seed=8)
    short = [ask(user(f"number {number}", PICTURES[number % 4]), max_tokens=3) for number in range(8)]
    heard: queue.SimpleQueue[Event] = queue.SimpleQueue()
    engine.submit(long, heard.put)
    told: list[Event] = []
    while not told or not isinstance(told[-1], Reply | EngineError):
        told.append(heard.get(timeout=60))
        if len(told) % 60 == 0 and short:
            assert engine.chat(short.pop()).num_completion_tokens == 3
    assert len(short) < 8
    assert isinstance(told[-1], Reply), told[-1]
    assert told[-1].num_completion_tokens > 300


def test_drawn_answers_do_not_depend_on_who_else_is_answered(engine: BatchingEngine, tiny_model: Path) -> None:
    alone = TransformersEngine(tiny_model, device="cpu")
    requests = [
        ask(*chat, temperature=0.9, top_p=0.9, frequency_penalty=0.3 * (seed % 2), seed=seed) for seed, chat in enumerate(CHATS.values())
    ]
    assert [reply.text for reply in all_at_once(engine, requests)] == [alone.chat(request).text for request in requests]


def test_more_requests_than_rows_are_all_answered(engine: BatchingEngine) -> None:
    replies = all_at_once(engine, [ask(user(f"Count to {number}", PICTURES[number % 4]), max_tokens=4) for number in range(24)])
    assert all(reply.num_completion_tokens == 4 for reply in replies)
    stats = engine.stats()
    assert (stats.num_waiting, stats.num_running) == (0, 0)


def test_a_context_that_grows_is_read_once_by_each_of_several_users(engine: BatchingEngine) -> None:
    turns = [[SYSTEM, user(f"I am user {number}", PICTURES[number])] for number in range(3)]
    first = all_at_once(engine, [ask(*chat, max_tokens=8) for chat in turns])
    grown = [[*chat, assistant(reply.text), user("Next?")] for chat, reply in zip(turns, first, strict=True)]
    second = all_at_once(engine, [ask(*chat, max_tokens=4) for chat in grown])
    for before, after in zip(first, second, strict=True):
        assert before.num_prompt_tokens <= after.num_cached_tokens < after.num_prompt_tokens


def test_past_contexts_stay_within_their_budget(tiny_model: Path) -> None:
    budget = 400_000
    engine = BatchingEngine(tiny_model, device="cpu", context_bytes=budget)
    for number in range(6):
        engine.chat(ask(user(f"{number}", PICTURES[number % 4]), max_tokens=2))
    assert 0 < engine._contexts.num_bytes <= budget
    engine.close()


def test_a_long_prompt_is_read_in_parts_and_answered_as_if_in_one(engine: BatchingEngine, tiny_model: Path) -> None:
    chat = (user("word " * 130, PICTURES[0], "more " * 130, PICTURES[1], PICTURES[2], "and " * 120),)
    alone = TransformersEngine(tiny_model, device="cpu", keep_context=False).chat(ask(*chat))
    assert alone.num_prompt_tokens > 1200
    assert engine.chat(ask(*chat)).text == alone.text


def test_who_is_cancelled_ends_and_the_others_go_on(engine: BatchingEngine) -> None:
    request = ask(*CHATS["picture first"], max_tokens=400, temperature=1.0, seed=3)
    heard: queue.SimpleQueue[Event] = queue.SimpleQueue()
    ticket = engine.submit(request, heard.put)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(engine.chat, ask(*CHATS["large picture"], max_tokens=40))
        assert isinstance(heard.get(timeout=60), str)
        ticket.cancel()
        events = []
        while not isinstance(event := heard.get(timeout=60), Reply):
            events.append(event)
        assert event.finish_reason == "interrupted"
        assert event.num_completion_tokens < 400
        assert other.result(timeout=60).num_completion_tokens == 40


def test_a_desk_interrupts_its_own_answers_only(engine: BatchingEngine) -> None:
    request = ask(*CHATS["picture first"], max_tokens=300, temperature=1.0, seed=3)
    mine, theirs = engine.desk(), engine.desk()
    pieces = mine.stream(request)
    next(pieces)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(theirs.chat, ask(*CHATS["text only"], max_tokens=60))
        mine.interrupt()
        assert len(list(pieces)) < 290
        assert other.result(timeout=60).finish_reason == "length"


def test_interrupt_ends_everybody(engine: BatchingEngine) -> None:
    with ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(engine.chat, ask(*CHATS["text only"], max_tokens=3000, temperature=1.0, seed=seed)) for seed in (1, 2, 3)]
        while engine.stats().num_running < 3 and not any(answer.done() for answer in answers):
            time.sleep(0.01)
        engine.interrupt()
        assert {answer.result(timeout=60).finish_reason for answer in answers} <= {"interrupted", "stop"}
    assert engine.chat(ask(*CHATS["text only"], max_tokens=3)).num_completion_tokens == 3


def test_a_request_that_cannot_be_answered_is_an_error_for_its_own_client_only(engine: BatchingEngine) -> None:
    with ThreadPoolExecutor(2) as pool:
        good = pool.submit(engine.chat, ask(*CHATS["text only"]))
        with pytest.raises(EngineError, match=r"the prompt has \d+ tokens, and 'tiny-vlm' reads 4096 at most"):
            engine.chat(ask(user("word " * 3000)))
        with pytest.raises(EngineError, match="stands for a picture"):
            engine.chat(ask(user("<|image_pad|>")))
        assert good.result(timeout=60).text


def test_when_the_network_fails_everybody_hears_it_and_the_next_request_is_answered(tiny_model: Path) -> None:
    engine = BatchingEngine(tiny_model, device="cpu")
    whole = engine.chat(ask(*CHATS["text only"]))
    layer = engine._network._model.model.language_model.layers[0]
    broken = layer.register_forward_pre_hook(lambda module, arguments: (_ for _ in ()).throw(RuntimeError("out of memory")))
    with pytest.raises(EngineError, match=r"the model failed in the middle of the answer \(RuntimeError: out of memory\)"):
        engine.chat(ask(*CHATS["picture first"]))
    broken.remove()
    assert engine.chat(ask(*CHATS["text only"])).text == whole.text
    engine.close()


def test_closing_finishes_what_was_asked_for(tiny_model: Path) -> None:
    engine = BatchingEngine(tiny_model, device="cpu")
    with ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(engine.chat, ask(*CHATS["picture first"], max_tokens=20)) for _ in range(3)]
        while engine.stats().num_running + engine.stats().num_waiting + engine.stats().num_completion_tokens == 0:
            time.sleep(0.001)
        engine.close()
        said = []
        for answer in answers:
            try:
                said.append(answer.result(timeout=60).num_completion_tokens)
            except EngineError as error:  # it had not asked yet
                assert "is closed" in str(error)
    assert said
    assert set(said) == {20}
    engine.close()
    assert not [thread for thread in threading.enumerate() if thread.name in ("deftly-look", "deftly-speak") and thread in engine._threads]


def test_a_folder_without_a_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="there is no model folder"):
        BatchingEngine(tmp_path / "nowhere")


def test_tokens_are_said_for_many_at_once_while_others_are_looked_at(tiny_model: Path) -> None:
    engine = BatchingEngine(tiny_model, device="cpu", max_num_seqs=8)
    requests = [ask(user(f"number {number}", PICTURES[number % 4]), max_tokens=12) for number in range(24)]
    alone = engine.chat(requests[0])
    before = engine.stats()
    replies = all_at_once(engine, requests)
    after = engine.stats()
    engine.close()
    assert replies[0].text == alone.text
    said = sum(reply.num_completion_tokens - 1 for reply in replies)  # the first token is said when the prompt is read
    assert said >= 2 * (after.num_steps - before.num_steps)


class TestThePause:
    """A voice with nobody but whom the test puts there."""

    def voice(self, num_speaking: int) -> Voice:
        voice = Voice(None, ContextStore(0), 4)  # type: ignore[arg-type]
        voice._speaking = [Ticket(ask(*CHATS["text only"]), lambda _: None) for _ in range(num_speaking)]
        voice._spoke_at = 60.0
        return voice

    @pytest.mark.parametrize(("speaking", "coming"), [(0, 0), (0, 7), (1, 0), (1, 1), (2, 2), (4, 90)])
    def test_is_none_where_nobody_or_no_more_than_are_answered_are_coming(self, speaking: int, coming: int) -> None:
        assert self.voice(speaking).pause(coming, now=60.0) == 0

    @pytest.mark.parametrize(("speaking", "coming"), [(1, 2), (3, 5), (3, 90)])
    def test_lasts_while_more_are_coming_and_never_long(self, speaking: int, coming: int) -> None:
        voice = self.voice(speaking)
        assert voice.pause(coming, now=60.0) == pytest.approx(MAX_PAUSE)
        assert voice.pause(coming, now=60.0 + MAX_PAUSE / 4) == pytest.approx(0.75 * MAX_PAUSE)
        assert voice.pause(coming, now=60.1 + MAX_PAUSE) == 0
