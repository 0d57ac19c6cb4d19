"""Tasks of text fields that are filled with what the instruction quotes, and a button that submits them."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from training.experts.base import Decision, Expert, Question
from training.experts.page import Element, Page
from training.experts.steps import click_button, fill, fill_history
from training.experts.wording import Wording
from training.experts.words import random_string, word_list

OTHER_TEXTS = 8  # instructions made up for each page
MISTAKE = 0.3  # how often one of them finds a text typed that is not quite the one wanted; rare, as it is in use


class Field(NamedTuple):
    """A text field of a form: its id, its name in thoughts, and which quote of the instruction belongs in it."""

    id: str
    name: str
    quote: int


@dataclass(frozen=True, slots=True)
class FillForm:
    """Fills the fields from top to bottom, submits. `texts` makes up one text for each quote of the instruction."""

    task: str
    wording: Wording
    fields: tuple[Field, ...]
    button: str
    texts: tuple[Callable[[random.Random], str], ...]

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        wanted = self.wording.read(instruction)
        for field, element in self._elements(page):
            step = fill(element, field.name, wanted[field.quote])
            if step is not None:
                return step
        return click_button(page, self.button)

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        """What the page holds already is mostly what the instruction asks for; the rest is made up."""
        elements = self._elements(page)
        held = {field.quote: element.value for field, element in reversed(elements) if element.value}
        done = tuple(thought for field, element in elements for thought in fill_history(element, field.name))
        asked = [[held.get(quote) or make(rng) for quote, make in enumerate(self.texts)] for _ in range(OTHER_TEXTS)]
        if held and rng.random() < MISTAKE:
            quote = rng.choice(list(held))
            asked.append([near_miss(text, rng) if quote == number else text for number, text in enumerate(asked[0])])
        return (Question(instruction, done) for instruction in dict.fromkeys(self.wording.fill(*texts) for texts in asked))

    def _elements(self, page: Page) -> list[tuple[Field, Element]]:
        return [(field, page.first("input", id=field.id)) for field in self.fields]


def near_miss(text: str, rng: random.Random) -> str:
    """`text` with one letter changed, added or missing."""
    place, letter = rng.randrange(len(text)), rng.choice(string.ascii_lowercase)
    middle = rng.choice([letter, text[place] + letter, "" if len(text) > 1 else letter])
    changed = text[:place] + middle + text[place + 1 :]
    return changed if changed != text else text + "a"


def _name(rng: random.Random) -> str:
    """Half of the time one of the page's own fifty, else one that makes copying letter by letter necessary."""
    sort = rng.random()
    if sort < 0.75:
        return rng.choice(word_list("FIFTY_NAMES" if sort < 0.5 else "PEOPLE_NAMES"))
    return random_string(rng, 2, 8)


def _username(rng: random.Random) -> str:
    return _name(rng).lower()


def _password(rng: random.Random) -> str:
    return random_string(rng, 2, 5)


EXPERTS: list[Expert] = [
    FillForm(
        "enter-text",
        Wording('Enter "{}" into the text field and press Submit.'),
        (Field("tt", "text field", 0),),
        "Submit",
        (_name,),
    ),
    FillForm(
        "enter-password",
        Wording('Enter the password "{}" into both text fields and press submit.'),
        (Field("password", "password field", 0), Field("verify", "verify password field", 0)),
        "Submit",
        (_password,),
    ),
    FillForm(
        "login-user",
        Wording('Enter the username "{}" and the password "{}" into the text fields and press login.'),
        (Field("username", "username field", 0), Field("password", "password field", 1)),
        "Login",
        (_username, _password),
    ),
]
