"""What Kimi-VL reads: patches bit for bit those of its processor, tokens those of tiktoken, prompts as published."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiktoken
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from actions.geometry import Size
from actions.resize import ImageRule
from inference.engines.base import ChatRequest, EngineError, Message
from inference.engines.transformers import TransformersEngine
from inference.models.kimi_vl.folder import write_companions
from inference.models.kimi_vl.image_processing_kimi_vl import KimiVLImageProcessor
from inference.models.kimi_vl.tokens import SPLIT, BadVocabulary, build_tokenizer, read_tiktoken, special_tokens
from inference.vlm.checkpoint import read_picture_settings, read_tokenizer
from inference.vlm.pictures import PictureReader
from inference.vlm.prompt import PromptReader
from tests.inference.models.tiny_kimi import IN_TOKEN_LIMIT, build_tiny, ranks, write_tiktoken
from tests.inference.picture import Picture

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny(tmp_path_factory.mktemp("kimi") / "tiny")


@pytest.fixture(scope="module")
def reader(folder: Path) -> PictureReader:
    return read_picture_settings(folder)


@settings(max_examples=40, deadline=None)
@given(st.integers(14, 900), st.integers(14, 900), st.integers(0, 9))
def test_patches_equal_those_of_the_processor_that_vllm_runs(reader: PictureReader, width: int, height: int, seed: int) -> None:
    rgb = Picture.drawn(width, height, seed).rgb
    theirs = KimiVLImageProcessor(in_token_limit=IN_TOKEN_LIMIT)(rgb)
    assert reader.grid(height, width) == tuple(theirs["image_grid_hws"][0].tolist())
    np.testing.assert_array_equal(reader.patches(rgb), theirs["pixel_values"].flatten(1).numpy(), strict=True)
    stored = reader.resized(rgb)
    assert reader.grid(*stored.shape[:2]) == reader.grid(height, width)
    np.testing.assert_array_equal(reader.patches(stored), reader.patches(rgb))


@pytest.mark.parametrize(("limit", "tokens"), [(4096, (1075, 1100, 1032, 1056)), (16384, (1196, 1372, 2691, 3354))])
def test_screens_have_as_many_tokens_as_were_counted_for_the_published_processor(limit: int, tokens: tuple[int, ...]) -> None:
    processor = KimiVLImageProcessor(in_token_limit=limit)
    sizes = [(1280, 720), (1366, 768), (1920, 1080), (1080, 2400)]
    assert tuple(processor.num_tokens(*size) for size in sizes) == tokens


@given(st.integers(60, 5000), st.integers(60, 5000))
def test_the_grid_agrees_with_the_rule_by_which_coordinates_are_read(width: int, height: int) -> None:
    rows, columns = KimiVLImageProcessor(in_token_limit=4096).grid(width, height)
    assert ImageRule(28, 784, 4096 * 14 * 14).padded(Size(width, height))[1] == Size(columns * 14, rows * 14)


def test_a_picture_too_long_and_thin_is_refused_with_its_size(reader: PictureReader) -> None:
    with pytest.raises(EngineError, match="100000x14 px"):
        reader.grid(14, 100_000)


TOKENIZER = build_tokenizer(ranks(), special_tokens(len(ranks())))
TIKTOKEN = tiktoken.Encoding(
    name="moonshot", pat_str=SPLIT, mergeable_ranks=ranks(), special_tokens={n: i for i, n in special_tokens(len(ranks())).items()}
)


@settings(max_examples=200, deadline=None)
@given(st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from("click the 在这里 \n\r\t'sLL12345")), max_size=60))
def test_tokens_are_those_of_tiktoken_and_spell_the_text(text: str) -> None:
    assume(not any(name in text for name in special_tokens(len(ranks())).values()))  # Hypothesis draws words of the source, too
    ids = TOKENIZER(text, add_special_tokens=False)["input_ids"]
    assert ids == TIKTOKEN.encode_ordinary(text)
    assert TOKENIZER.decode(ids) == text


def test_special_tokens_have_the_published_numbers() -> None:
    special = special_tokens(163584)
    published = {163586: "<|im_end|>", 163602: "<|media_start|>", 163603: "<|media_content|>", 163604: "<|media_end|>"}
    assert {number: special[number] for number in published} == published
    assert special[163605] == "<|media_pad|>" and len(special) == 256


def test_a_chat_is_written_as_published() -> None:
    content = [{"type": "image"}, {"type": "text", "text": "Click."}]
    text = TOKENIZER.apply_chat_template([{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True)
    assert text == (
        "<|im_system|>system<|im_middle|>You are a helpful assistant<|im_end|><|im_user|>user<|im_middle|>"
        "<|media_start|>image<|media_content|><|media_pad|><|media_end|>Click.<|im_end|><|im_assistant|>assistant<|im_middle|>"
    )


def test_a_folder_with_only_the_tiktoken_file_gets_all_that_it_needs(tmp_path: Path) -> None:
    write_tiktoken(tmp_path / "tiktoken.model")
    (tmp_path / "tokenizer_config.json").write_text('{"added_tokens_decoder": {"274": {"content": "<|mine|>"}}}')
    before = read_tokenizer(tmp_path)
    assert before.convert_tokens_to_ids("<|mine|>") == 274
    write_companions(tmp_path)
    after = read_tokenizer(tmp_path)
    assert after("click<|mine|>").input_ids == before("click<|mine|>").input_ids
    assert read_picture_settings(tmp_path).max_pixels == 4096 * 14 * 14


@pytest.mark.parametrize(
    ("text", "words"),
    [("!!! 0\n", "line 1: not a piece"), ("YQ== 1\n", "do not run from 0 to 0"), ("YQ== 0\n", "the byte 0 is no piece")],
)
def test_a_damaged_vocabulary_is_refused_in_words(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "tiktoken.model").write_text(text)
    with pytest.raises(BadVocabulary, match=words):
        read_tiktoken(tmp_path / "tiktoken.model")


def test_the_in_process_engine_answers_as_generate_does_and_goes_on_from_what_it_kept(folder: Path) -> None:
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    picture = Picture.drawn(200, 150, 3)
    messages = (Message(role="user", content=(picture, "click the thing")),)
    engine = TransformersEngine(folder, device="cpu")
    reply = engine.chat(ChatRequest(messages=messages, max_tokens=10, temperature=0))
    processor = AutoProcessor.from_pretrained(folder)
    image_token = processor.tokenizer.convert_tokens_to_ids("<|media_pad|>")
    prompt = PromptReader(tokenizer=processor.tokenizer, pictures=read_picture_settings(folder), image_token_id=image_token).read(messages)
    seen = processor.image_processor(picture.rgb)
    model = AutoModelForImageTextToText.from_pretrained(folder).eval()
    ids = torch.from_numpy(prompt.ids)[None]
    wanted = model.generate(ids, **seen, attention_mask=torch.ones_like(ids), max_new_tokens=10, do_sample=False)[0, ids.shape[1] :]
    assert reply.text == processor.tokenizer.decode(wanted, skip_special_tokens=True)
    longer = (*messages, Message(role="assistant", content=(reply.text,)), Message(role="user", content=("again",)))
    again = engine.chat(ChatRequest(messages=longer, max_tokens=10, temperature=0))
    fresh = TransformersEngine(folder, device="cpu", keep_context=False).chat(ChatRequest(messages=longer, max_tokens=10, temperature=0))
    assert again.text == fresh.text and again.num_cached_tokens > 0
