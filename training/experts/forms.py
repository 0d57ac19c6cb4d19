"""Experts for forms that ask for more than copying: another case, a popup that comes between."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from training.experts.base import Decision, Expert, Question
from training.experts.filling import OTHER_TEXTS, Field, FillForm
from training.experts.page import Element, Page
from training.experts.steps import click_button, fill, fill_history
from training.experts.wording import Wording
from training.experts.words import random_string, word_list

MISTAKE = 0.3  # how often a page is asked for something else than its field holds; rare, as it is in use


def _text(rng: random.Random) -> str:
    return random_string(rng, 1, 5)


def _password(rng: random.Random) -> str:
    return random_string(rng, 2, 5)


def _username(rng: random.Random) -> str:
    return rng.choice(word_list("FIFTY_NAMES")).lower()


class EnterText2:
    """A name to be typed in the other case than the instruction writes it."""

    task = "enter-text-2"
    wording = Wording('Type "{}" in all {} case letters in the text input and press Submit.')
    field = "text field"

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        text, case = self.wording.read(instruction)
        wanted = text.upper() if case == "upper" else text.lower()
        return fill(self._element(page), self.field, wanted) or click_button(page, "Submit")

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        element = self._element(page)
        done = fill_history(element, self.field)
        asked = [element.value] if element.value else [self._some_text(rng) for _ in range(OTHER_TEXTS)]
        if element.value and rng.random() < MISTAKE:
            asked.append(self._some_text(rng))
        for text in dict.fromkeys(asked):
            yield Question(self._instruction(text), done)

    def _element(self, page: Page) -> Element:
        return page.first("input", id="tt")

    def _instruction(self, wanted: str) -> str:
        return self.wording.fill(*((wanted.lower(), "upper") if wanted.isupper() else (wanted.upper(), "lower")))

    def _some_text(self, rng: random.Random) -> str:
        name = rng.choice(word_list("FIFTY_NAMES" if rng.random() < 0.7 else "PEOPLE_NAMES"))
        return name.upper() if rng.random() < 0.5 else name.lower()


class LoginUserPopup(FillForm):
    """A login, with a popup that must be cancelled because its OK button leaves the page."""

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        if page.all(id="popup"):
            return click_button(page, "Cancel")
        return super().decide(instruction, page, history)

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        """The popup takes the focus away, so what was focused last is a guess."""
        popup = bool(page.all(id="popup"))
        for question in super().questions(page, rng):
            name = PASSWORD.name if popup and page.first(id=USERNAME.id).value else USERNAME.name
            yield Question(question.instruction, (*question.history, f"focus the {name}")) if popup else question


USERNAME, PASSWORD = Field("username", "username field", 0), Field("password", "password field", 1)

EXPERTS: list[Expert] = [
    EnterText2(),
    FillForm(
        "enter-text-dynamic",
        Wording('Enter "{}" into the text field and press Submit.'),
        (Field("tt", "text field", 0),),
        "Submit",
        (_text,),
    ),
    LoginUserPopup(
        "login-user-popup",
        Wording('Enter the username "{}" and the password "{}" into the text fields and press login.'),
        (USERNAME, PASSWORD),
        "OK",
        (_username, _password),
    ),
]
