"""Text comes in whole characters, joined it is what the tokenizer says, and no stop string gets out."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from inference.vlm.wording import HALF_CHARACTER, Wording
from tests.inference.tiny import Reference


def spell(tokenizer: object, ids: list[int], stop: tuple[str, ...] = ()) -> tuple[list[str], bool]:
    wording = Wording(tokenizer, stop)
    pieces = []
    for token in ids:
        pieces.append(wording.add(token))
        if wording.stopped:
            return pieces, True
    return [*pieces, wording.finish()], wording.stopped


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60).filter(lambda text: "<|" not in text))  # a special token is not spelled
def test_pieces_joined_are_the_text(reference: Reference, text: str) -> None:
    ids = reference.tokenizer(text)["input_ids"]
    pieces, _ = spell(reference.tokenizer, ids)
    assert "".join(pieces) == text.rstrip(HALF_CHARACTER)
    assert HALF_CHARACTER in text or not any(HALF_CHARACTER in piece for piece in pieces)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 263), max_size=40))
def test_any_tokens_whatever_joined_are_what_the_tokenizer_says(reference: Reference, ids: list[int]) -> None:
    pieces, _ = spell(reference.tokenizer, ids)
    assert "".join(pieces) == reference.tokenizer.decode(ids, skip_special_tokens=True).rstrip(HALF_CHARACTER)


@settings(max_examples=300, deadline=None)
@given(st.text("abAB \n", max_size=40), st.lists(st.text("abAB\n", min_size=1, max_size=5), min_size=1, max_size=3))
def test_the_text_ends_before_the_first_stop_string(reference: Reference, text: str, stop: list[str]) -> None:
    pieces, stopped = spell(reference.tokenizer, reference.tokenizer(text)["input_ids"], tuple(stop))
    said = "".join(pieces)
    assert text.startswith(said)
    assert stopped == any(word in text for word in stop)
    assert said == text if not stopped else not any(word in said for word in stop)
    assert not stopped or any(text.startswith(word, len(said)) for word in stop)


def test_a_character_of_several_tokens_is_said_once_it_is_whole(reference: Reference) -> None:
    pieces, _ = spell(reference.tokenizer, reference.tokenizer("a😀b")["input_ids"])
    assert [piece for piece in pieces if piece] == ["a", "😀", "b"]


def test_half_a_character_at_the_end_is_left_out_and_nothing_else(reference: Reference) -> None:
    pieces, _ = spell(reference.tokenizer, reference.tokenizer("a😀")["input_ids"][:-1])
    assert "".join(pieces) == "a"


def test_special_tokens_are_not_spelled(reference: Reference) -> None:
    pieces, _ = spell(reference.tokenizer, reference.tokenizer("a<|im_start|>b")["input_ids"])
    assert "".join(pieces) == "ab"
