"""The in-process engine says what transformers' own `generate` says, whatever it remembers, and fails in words."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.engines import open_engine
from inference.engines.base import EngineError, Message
from inference.engines.transformers import TransformersEngine
from inference.vlm.checkpoint import BadModel
from inference.vlm.wording import HALF_CHARACTER
from tests.inference.chats import CHATS, PICTURES, SYSTEM, ask, assistant, user
from tests.inference.picture import Picture
from tests.inference.tiny import Reference, build_tiny


@pytest.fixture(scope="module")
def engine(tiny_model: Path) -> Iterator[TransformersEngine]:
    engine = TransformersEngine(tiny_model, device="cpu")
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def forgetful(tiny_model: Path) -> Iterator[TransformersEngine]:
    engine = TransformersEngine(tiny_model, device="cpu", keep_context=False)
    yield engine
    engine.close()


@pytest.mark.parametrize("chat", CHATS.values(), ids=CHATS)
def test_greedy_answers_equal_those_of_generate(engine: TransformersEngine, reference: Reference, chat: tuple[Message, ...]) -> None:
    reply = engine.chat(ask(*chat, max_tokens=40))
    assert reply.text == reference.generate(chat, 40).rstrip(HALF_CHARACTER)
    assert reply.num_prompt_tokens == reference.inputs(chat)["input_ids"].shape[1]


@pytest.mark.parametrize("kind", ["qwen2_vl", "qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe"])
def test_its_sister_families_answer_as_generate_does_too(tmp_path: Path, kind: str) -> None:
    folder = build_tiny(tmp_path / kind, kind=kind)
    engine, reference = TransformersEngine(folder, device="cpu"), Reference(folder)
    for name in ("picture first", "several pictures in one message", "a conversation", "a conversation"):
        assert engine.chat(ask(*CHATS[name])).text == reference.generate(CHATS[name], 24).rstrip(HALF_CHARACTER), name


def test_a_hybrid_goes_on_from_where_a_context_ended_and_reads_a_cut_one_afresh(tmp_path: Path) -> None:
    folder = build_tiny(tmp_path / "hybrid", kind="qwen3_5")
    engine, forgetful = TransformersEngine(folder, device="cpu"), TransformersEngine(folder, device="cpu", keep_context=False)
    turns: list[Message] = [SYSTEM, user("Task", PICTURES[3])]
    read = 0
    for max_tokens in (1, 1, 6, 6):
        reply, fresh = (one.chat(ask(*turns, max_tokens=max_tokens)) for one in (engine, forgetful))
        assert reply.text == fresh.text
        assert reply.num_cached_tokens == read
        # Of an answer of one token nothing is read; of a longer one more than what stands in the next context in its place.
        read = reply.num_prompt_tokens if max_tokens == 1 else 0
        turns += [assistant("ok"), user("Next", PICTURES[1])]


def test_answers_differ_with_what_is_shown(engine: TransformersEngine) -> None:
    answers = {engine.chat(ask(user(picture, "Where?"))).text for picture in PICTURES}
    assert len(answers) == len(PICTURES)


@settings(max_examples=6, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("grow"), st.sampled_from(range(len(PICTURES)))),
            st.tuples(st.just("cut"), st.integers(0, 6)),
            st.tuples(st.just("swap"), st.sampled_from(range(len(PICTURES)))),
        ),
        min_size=2,
        max_size=6,
    )
)
def test_what_is_remembered_never_changes_the_answer(
    engine: TransformersEngine, forgetful: TransformersEngine, changes: list[tuple[str, int]]
) -> None:
    """Contexts that grow by a turn, lose their last turns, or get another picture in an early one."""
    turns: list[Message] = [SYSTEM, user("Task", PICTURES[0])]
    for change, number in changes:
        if change == "grow":
            turns += [assistant(engine.chat(ask(*turns, max_tokens=6)).text), user(PICTURES[number], "Next?")]
        elif change == "cut":
            del turns[2 + 2 * number :]
        else:
            turns[1] = user("Task", PICTURES[number])
        remembering, reading_all = (who.chat(ask(*turns, max_tokens=12)) for who in (engine, forgetful))
        assert remembering.text == reading_all.text
        assert reading_all.num_cached_tokens == 0


def test_a_context_that_grows_is_read_once(engine: TransformersEngine) -> None:
    turns = [SYSTEM, user("Read it once", PICTURES[1])]
    first = engine.chat(ask(*turns, max_tokens=8))
    turns += [assistant(first.text), user(PICTURES[2], "Next?")]
    second = engine.chat(ask(*turns, max_tokens=8))
    again = engine.chat(ask(*turns, max_tokens=8))
    assert first.num_prompt_tokens <= second.num_cached_tokens < second.num_prompt_tokens
    assert again.num_cached_tokens == again.num_prompt_tokens - 1


def test_a_picture_that_changed_is_read_again_from_its_first_token(engine: TransformersEngine) -> None:
    engine.chat(ask(user("Look", PICTURES[0])))
    reply = engine.chat(ask(user("Look", Picture.drawn(320, 320, seed=99))))
    before = engine.chat(ask(user("Look"))).num_prompt_tokens
    assert 0 < reply.num_cached_tokens < before


def test_pieces_joined_are_the_answer_and_come_one_by_one(engine: TransformersEngine) -> None:
    request = ask(*CHATS["a conversation"], max_tokens=30)
    pieces = list(engine.stream(request))
    assert "".join(pieces) == engine.chat(request).text
    assert len(pieces) > 1


def test_a_stream_that_is_left_in_the_middle_leaves_a_good_memory(engine: TransformersEngine, forgetful: TransformersEngine) -> None:
    request = ask(*CHATS["picture first"], max_tokens=30)
    for leave_after in (1, 3):
        pieces = engine.stream(request)
        for _ in range(leave_after):
            next(pieces)
        pieces.close()
        reply = engine.chat(request)
        assert (reply.text, reply.num_cached_tokens) == (forgetful.chat(request).text, reply.num_prompt_tokens - 1)


def test_two_streams_at_once_do_not_disturb_each_other(engine: TransformersEngine, forgetful: TransformersEngine) -> None:
    requests = [ask(*CHATS["picture first"]), ask(*CHATS["large picture"])]
    pieces = ["", ""]
    for one, other in itertools.zip_longest(*(engine.stream(request) for request in requests), fillvalue=""):
        pieces[0] += one
        pieces[1] += other
    assert pieces == [forgetful.chat(request).text for request in requests]


def test_an_answer_ends_at_max_tokens(engine: TransformersEngine) -> None:
    reply = engine.chat(ask(*CHATS["picture first"], max_tokens=3))
    assert (reply.num_completion_tokens, reply.finish_reason) == (3, "length")


def test_an_answer_ends_at_the_end_token(engine: TransformersEngine) -> None:
    replies = [engine.chat(ask(user("Say", picture), max_tokens=600, temperature=1.5, seed=1)) for picture in PICTURES]
    ended = [reply for reply in replies if reply.finish_reason == "stop"]
    assert ended
    assert all(reply.num_completion_tokens < 600 for reply in ended)


def test_an_answer_ends_before_a_stop_string(engine: TransformersEngine) -> None:
    whole = engine.chat(ask(*CHATS["picture first"], max_tokens=30)).text
    word = whole[5:7]
    request = ask(*CHATS["picture first"], max_tokens=30, stop=("never said", word))
    reply = engine.chat(request)
    assert (reply.text, reply.finish_reason) == (whole[: whole.index(word)], "stop")
    assert "".join(engine.stream(request)) == reply.text


def test_a_seed_draws_the_same_answer_and_another_seed_another(engine: TransformersEngine) -> None:
    def draw(seed: int) -> str:
        return engine.chat(ask(*CHATS["picture first"], temperature=1.2, top_p=0.95, seed=seed)).text

    assert draw(1) == draw(1) != draw(2)


def test_an_answer_is_interrupted_at_its_next_token(engine: TransformersEngine) -> None:
    pieces = engine.stream(ask(*CHATS["picture first"], max_tokens=2000, temperature=1.0, seed=3))
    next(pieces)
    engine.interrupt()
    rest = list(pieces)
    assert len(rest) <= 2
    assert engine.chat(ask(*CHATS["picture first"], max_tokens=3)).num_completion_tokens == 3


def test_ctrl_c_in_mid_answer_leaves_a_good_memory(engine: TransformersEngine, forgetful: TransformersEngine) -> None:
    """A KeyboardInterrupt from within the network's own code, at several moments of it."""
    request = ask(*CHATS["several pictures in one message"], max_tokens=10)
    truth = forgetful.chat(request).text
    for calls in (40, 400, 2000):
        countdown = iter(range(calls))

        def trace(frame: object, event: str, arg: object, countdown: Iterator[int] = countdown) -> None:
            if next(countdown, None) is None:
                sys.setprofile(None)
                raise KeyboardInterrupt

        sys.setprofile(trace)
        try:
            engine.chat(request)
        except KeyboardInterrupt:
            pass
        finally:
            sys.setprofile(None)
        assert engine.chat(request).text == truth


def test_threads_may_ask_at_once(engine: TransformersEngine, forgetful: TransformersEngine) -> None:
    requests = [ask(*chat) for chat in list(CHATS.values())[:4]]
    truth = [forgetful.chat(request).text for request in requests]
    answers: dict[int, str] = {}
    threads = [
        threading.Thread(target=lambda number=number, request=request: answers.__setitem__(number, engine.chat(request).text))
        for number, request in enumerate(requests)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answers[number] for number in range(len(requests))] == truth


def test_pixel_limits_of_a_family_go_before_those_of_the_folder(tiny_model: Path) -> None:
    engine = TransformersEngine(tiny_model, device="cpu", max_pixels=160 * 160)
    whole = TransformersEngine(tiny_model, device="cpu").chat(ask(user(PICTURES[0]), max_tokens=1))
    assert whole.num_prompt_tokens - engine.chat(ask(user(PICTURES[0]), max_tokens=1)).num_prompt_tokens == 100 - 25


def test_half_precision_runs(tiny_model: Path) -> None:
    engine = TransformersEngine(tiny_model, device="cpu", dtype="bfloat16")
    assert engine.chat(ask(*CHATS["a conversation"], max_tokens=5)).num_completion_tokens == 5


def test_it_is_opened_by_its_name(tiny_model: Path) -> None:
    engine = open_engine("transformers", model=tiny_model, device="cpu")
    assert engine.name == "tiny-vlm"


def test_a_prompt_that_is_too_long_is_an_error_that_says_what_to_show_less_of(engine: TransformersEngine) -> None:
    with pytest.raises(EngineError, match=r"the prompt has \d+ tokens, and 'tiny-vlm' reads 4096 at most: show fewer"):
        engine.chat(ask(user("word " * 3000)))


def test_the_answer_may_fill_what_is_left_of_the_context(engine: TransformersEngine) -> None:
    text = "x" * (4096 - engine.chat(ask(user(""), max_tokens=1)).num_prompt_tokens - 2)
    reply = engine.chat(ask(user(text), max_tokens=500, temperature=1.0, seed=1))
    assert reply.num_completion_tokens == 2


def test_a_closed_engine_says_so_and_closes_twice(tiny_model: Path) -> None:
    engine = TransformersEngine(tiny_model, device="cpu")
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="'tiny-vlm' is closed"):
        engine.chat(ask(user("x")))


def test_an_answer_under_way_is_ended_in_good_order_when_the_engine_is_closed(tiny_model: Path) -> None:
    engine = TransformersEngine(tiny_model, device="cpu")
    request = ask(*CHATS["picture first"])
    whole = engine.chat(request).text
    pieces = engine.stream(request)
    first = next(pieces)
    engine.close()
    assert first + "".join(pieces) == whole


def test_a_folder_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match=r"there is no model folder .*nowhere"):
        TransformersEngine(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda folder: (folder / "config.json").unlink(), "has no config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), "cannot be loaded"),
        (
            lambda folder: (folder / "config.json").write_text('{"model_type": "llama"}'),
            "holds a llama model, and this engine runs qwen2_vl",
        ),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "nonesuch"}'), "cannot be loaded"),
        (lambda folder: (folder / "model.safetensors").unlink(), "has no \\*.safetensors file"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"not weights"), "cannot be loaded"),
        (lambda folder: (folder / "tokenizer.json").write_text("{}"), "cannot be loaded"),
        (lambda folder: (folder / "preprocessor_config.json").unlink(), "cannot be loaded"),
        (lambda folder: (folder / "chat_template.jinja").unlink(), "has no chat template"),
        (lambda folder: edit(folder / "preprocessor_config.json", do_resize=False), "do_resize is off"),
        (
            lambda folder: edit(folder / "config.json", text_config={"num_hidden_layers": 3, "layer_types": ["full_attention"] * 3}),
            "lacks 12 of its",
        ),
        (lambda folder: edit(folder / "config.json", text_config={"intermediate_size": 64}), "cannot be loaded|has the wrong shape"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_folder_that_is_not_whole_is_an_error_that_names_it(tiny_model: Path, tmp_path: Path, spoil: object, complaint: str) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "spoiled")
    spoil(folder)  # type: ignore[operator]
    with pytest.raises(BadModel, match=complaint) as caught:
        TransformersEngine(folder, device="cpu")
    assert "spoiled" in str(caught.value)
    assert "\n" not in str(caught.value)


def edit(path: Path, **changes: object) -> None:
    """Change some settings of a JSON file, nested ones one by one."""
    data = json.loads(path.read_text())
    for key, value in changes.items():
        data[key] = data.get(key, {}) | value if isinstance(value, dict) else value
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"device": "toaster"}, "device is 'toaster'"),
        ({"dtype": "int8"}, "dtype is 'int8': it must be auto, float32"),
        ({"attn_implementation": "nonesuch"}, "cannot be loaded"),
    ],
)
def test_wrong_options_are_refused(tiny_model: Path, options: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        TransformersEngine(tiny_model, **{"device": "cpu"} | options)  # type: ignore[arg-type]


def test_the_number_of_threads_can_be_set_and_must_be_a_number(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    before = torch.get_num_threads()
    monkeypatch.setenv("DEFTLY_THREADS", "2")
    TransformersEngine(tiny_model, device="cpu")
    assert torch.get_num_threads() == 2
    monkeypatch.setenv("DEFTLY_THREADS", "many")
    with pytest.raises(ValueError, match="DEFTLY_THREADS is 'many'"):
        TransformersEngine(tiny_model, device="cpu")
    torch.set_num_threads(before)


def test_nothing_is_printed_and_no_warning_leaks(tiny_model: Path) -> None:
    code = (
        "import sys; from inference.engines import open_engine; from inference.engines.base import ChatRequest, Message; "
        "engine = open_engine('transformers', model=sys.argv[1], device='cpu'); "
        "engine.chat(ChatRequest(messages=(Message(role='user', content=('x',)),), max_tokens=2))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code, str(tiny_model)], capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""
