"""Prompts hold the ids and positions that transformers' own code makes, and keys that tell contexts apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.engines.base import EngineError, Message
from inference.vlm.prompt import PromptReader
from tests.inference.picture import Picture
from tests.inference.tiny import Reference
from tests.inference.vlm.test_pictures import READER

PICTURES = [Picture.drawn(width, height, seed) for seed, (width, height) in enumerate([(320, 320), (100, 300), (500, 90), (64, 64)])]
PARTS = st.lists(st.sampled_from(["Task: click", "…✓", "\n", *PICTURES]), min_size=1, max_size=4)
CHATS = st.lists(st.tuples(st.sampled_from(["user", "assistant"]), PARTS), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def reader(reference: Reference) -> PromptReader:
    return PromptReader(tokenizer=reference.tokenizer, pictures=READER, image_token_id=reference.model.config.image_token_id)


@settings(max_examples=40, deadline=None)
@given(CHATS)
def test_ids_and_positions_equal_those_of_transformers(
    reader: PromptReader, reference: Reference, chat: list[tuple[str, list[object]]]
) -> None:
    messages = tuple(Message(role=role, content=tuple(parts)) for role, parts in chat)  # type: ignore[arg-type]
    prompt, theirs = reader.read(messages), reference.inputs(messages)
    np.testing.assert_array_equal(prompt.ids, theirs["input_ids"][0].numpy())
    if "image_grid_thw" in theirs:
        positions, delta = reference.model.model.get_rope_index(
            theirs["input_ids"], theirs["mm_token_type_ids"], image_grid_thw=theirs["image_grid_thw"]
        )
        np.testing.assert_array_equal(prompt.positions, positions[:, 0].numpy())
        assert prompt.next_position == len(prompt.ids) + int(delta)
    else:
        np.testing.assert_array_equal(prompt.positions, np.tile(np.arange(len(prompt.ids)), (3, 1)))


def test_keys_are_the_ids_except_where_pictures_are_and_differ_where_pictures_differ(reader: PromptReader) -> None:
    one, same, other = (
        reader.read((Message(role="user", content=("look: ", picture, "done")),))
        for picture in (PICTURES[0], Picture(PICTURES[0].rgb.copy()), Picture.drawn(320, 320, seed=7))
    )
    np.testing.assert_array_equal(one.keys, same.keys)
    (place,) = one.pictures
    inside = slice(place.start, place.start + place.rows * place.columns)
    assert (one.keys[inside] < 0).all() and (one.keys[inside] != other.keys[inside]).all()
    assert (np.delete(one.keys, inside) == np.delete(one.ids, inside)).all()


def test_a_text_that_pretends_to_be_a_picture_is_refused(reader: PromptReader) -> None:
    with pytest.raises(EngineError, match=r"a user message has the text '<\|image_pad\|>'"):
        reader.read((Message(role="user", content=("see <|image_pad|>", PICTURES[0])),))


def test_a_template_that_drops_pictures_is_an_error(reader: PromptReader, tiny_model: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    broken = PromptReader(tokenizer=tokenizer, pictures=READER, image_token_id=reader.image_token_id)
    tokenizer.chat_template = "{% for m in messages %}{{ m['role'] }}{% endfor %}"
    with pytest.raises(EngineError, match="made 0 picture placeholders for 1 pictures"):
        broken.read((Message(role="user", content=(PICTURES[0],)),))
    tokenizer.chat_template = "{{ raise_exception('roles must alternate') }}"
    with pytest.raises(EngineError, match="refused the messages: roles must alternate"):
        broken.read((Message(role="user", content=("x",)),))
