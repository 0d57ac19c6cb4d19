"""Samples say what the page shows, in the agent's own words."""

from __future__ import annotations

import random

import numpy as np
import pytest

from actions.geometry import Frame, Point, Size
from actions.space import Click, Prediction
from agent.context import answer_text, build_messages
from agent.screenshot import Screenshot
from agent.step import Step
from inference.families import load_family
from training.experts.page import Box, Character, Element, Page
from training.tiny.batches import Encoder
from training.tiny.labels import IGNORED, LETTER_CLASS, WIDGET_CLASS, label
from training.tiny.samples import Questioner, copy_question, visible_words
from training.tiny.tokenizer import build_tokenizer

FAMILY = load_family("deftly-tiny")


def element(tag: str, box: Box, **more: object) -> Element:
    told: dict[str, object] = {"tag": tag, "id": "", "classes": "", "type": "", "text": "", "own_text": "", "value": ""}
    told |= {"checked": False, "selected": False, "focused": False, "disabled": False, "hit": True, "box": box}
    return Element(**(told | more))  # type: ignore[arg-type]


def letters(word: str, x: float, y: float) -> tuple[Character, ...]:
    return tuple(Character(char, Box(x + 6 * index, y, 6, 12)) for index, char in enumerate(word))


def test_a_letter_is_labelled_where_its_middle_lies() -> None:
    labels = label(Page(elements=(), characters=letters("Ok", 40, 80)))
    # "O" spans 40-46 by 80-92 CSS px: its middle is pixel (86, 172), half-patch column 10, row 10.
    assert labels.letters[10, 10] == LETTER_CLASS["O"]
    assert labels.letters[10, 12] == LETTER_CLASS["k"]
    assert np.count_nonzero(labels.letters) == 2


def test_widgets_are_labelled_with_their_state_and_typed_letters_are_left_out() -> None:
    page = Page(
        elements=(
            element("input", Box(0, 0, 100, 16), type="text", value="abc", focused=True),
            element("input", Box(10, 40, 13, 13), type="checkbox", checked=True),
        ),
        characters=(),
    )
    labels = label(page)
    assert labels.widgets[0, 3] == WIDGET_CLASS["text-focused"]
    assert WIDGET_CLASS["checkbox-on"] in labels.widgets[4:7, 1:4]
    assert (labels.letters[:2, :20] == IGNORED).all()


def test_words_are_letters_without_a_gap_on_one_line() -> None:
    page = Page(elements=(), characters=(*letters("Click", 10, 10), *letters("Me", 50, 10), *letters("now", 10, 30)))
    assert [text for text, _ in visible_words(page)] == ["Click", "Me", "now"]
    assert visible_words(page)[0][1] == Box(10, 10, 30, 12)


def test_training_text_equals_what_the_agent_sends_and_the_model_answers() -> None:
    seen = Screenshot.from_rgb(np.full((320, 320, 3), 7, np.uint8))
    action = Click(point=Point(0.25, 0.5))
    history = [Step(index=0, seen=seen, prediction=Prediction(thought='check "a"', actions=(action,)))]
    asked = build_messages("Select a, b and click Submit.", history, seen, FAMILY)[-1].content
    said = answer_text(Prediction(thought='check "b"', actions=(action,)), FAMILY, Frame(screen=Size(320, 320)))
    question = Questioner(FAMILY).ask("Select a, b and click Submit.", ['check "a"'], 'check "b"', action, "demonstration")
    assert (seen, question.prompt) == asked
    assert question.answer == said
    assert question.target == (0.25, 0.5)


def test_training_tokens_equal_the_chat_templates() -> None:
    tokenizer = build_tokenizer([])
    encoder = Encoder(tokenizer, FAMILY)
    question = Questioner(FAMILY).ask("Click button ONE.", (), 'click "ONE"', Click(point=Point(0.25, 0.5)), "demonstration")
    messages = [
        {"role": "system", "content": FAMILY.prompt.system},
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question.prompt}]},
    ]
    sent = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    encoded = encoder.encode(question)
    picture = tokenizer.convert_tokens_to_ids("<|image_pad|>")
    prompt = [*encoder.before, picture, *encoder.after, *encoded.ids[: encoded.answer].tolist()]
    assert tokenizer(sent).input_ids == prompt
    assert tokenizer.decode(encoded.ids[encoded.answer :]) == question.answer + "<|im_end|>"


@pytest.mark.parametrize("seed", range(20))
def test_a_text_to_copy_stands_in_its_prompt(seed: int) -> None:
    question = copy_question(Questioner(FAMILY), random.Random(seed))
    typed = question.answer.split("content='")[1].removesuffix("')")
    assert f'"{typed}"' in question.prompt


def test_coordinates_are_marked_for_the_forgiving_loss() -> None:
    tokenizer = build_tokenizer([])
    encoded = Encoder(tokenizer, FAMILY).encode(Questioner(FAMILY).ask("x", (), "y", Click(point=Point(0.5, 0.25)), "point"))
    marked = [(tokenizer.decode([int(i)]), int(mark)) for i, mark in zip(encoded.ids, encoded.coordinates, strict=True) if mark]
    assert marked == [("160", 1), (" 80", 2)]
