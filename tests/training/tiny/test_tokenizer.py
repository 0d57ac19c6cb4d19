"""The tokenizer spells every text in one way and gives it back unchanged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from training.tiny.tokenizer import build_tokenizer, frequent_words

TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.just("\n"), max_size=80)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return build_tokenizer(frequent_words(["Select nothing and click Submit."] * 3, min_count=2))


@given(text=TEXTS)
def test_a_text_comes_back_as_it_was(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    assert tokenizer.decode(tokenizer(text).input_ids) == text


def test_numbers_words_and_phrases_are_one_token_each(tokenizer: PreTrainedTokenizerFast) -> None:
    ids = tokenizer("click(point='<point>197 25</point>')").input_ids
    assert [tokenizer.decode([i]) for i in ids] == ["click(point='<point>", "197", " 25", "</point>')"]
    assert len(tokenizer(" Submit").input_ids) == 1


def test_what_is_quoted_has_the_same_spelling_in_the_task_and_in_the_answer(tokenizer: PreTrainedTokenizerFast) -> None:
    inside = tokenizer("YT0peP").input_ids
    for text in ('Enter "YT0peP" into', "type(content='YT0peP')"):
        ids = tokenizer(text).input_ids
        assert any(ids[start : start + len(inside)] == inside for start in range(len(ids)))


def test_a_word_is_frequent_by_the_number_of_texts_that_hold_it() -> None:
    assert frequent_words(["once upon", "twice twice twice", "once more"], min_count=2) == ["once"]
