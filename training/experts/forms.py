"""Experts for text fields that are filled and submitted."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

from training.experts.base import Decision, Expert, Question
from training.experts.page import Element, Page
from training.experts.steps import click_button, fill, fill_history
from training.experts.wording import Wording
from training.experts.words import random_string, word_list

TEXT_FIELD, USERNAME, PASSWORD = "text field", "username field", "password field"
OTHER_TEXTS = 6  # instructions made up for each page


def quoted(instruction: str) -> list[str]:
    """What stands in double quotes in the instruction."""
    return re.findall(r'"([^"]*)"', instruction)


class EnterText:
    """One text field and a button that submits it; subclasses say what is to be typed."""

    def wanted(self, instruction: str) -> str:
        """The text that the field must hold in the end."""
        return quoted(instruction)[0]

    def instruction(self, text: str) -> str:
        """An instruction that asks for `text`, as the page words it."""
        raise NotImplementedError

    def some_text(self, rng: random.Random) -> str:
        """A text that the page might ask for."""
        raise NotImplementedError

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        field = page.first("input", type="text")
        return fill(field, TEXT_FIELD, self.wanted(instruction)) or click_button(page, "Submit")

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        field = page.first("input", type="text")
        done = fill_history(field, TEXT_FIELD)
        for _ in range(OTHER_TEXTS):
            yield Question(self.instruction(self.some_text(rng)), done)
        if field.value:
            yield Question(self.instruction(field.value), done)


class EnterText2(EnterText):
    """A name to be typed in the other case than the instruction writes it."""

    task = "enter-text-2"

    def wanted(self, instruction: str) -> str:
        text = quoted(instruction)[0]
        return text.upper() if "upper case" in instruction else text.lower()

    def instruction(self, text: str) -> str:
        shown, case = (text.lower(), "upper") if text.isupper() else (text.upper(), "lower")
        return f'Type "{shown}" in all {case} case letters in the text input and press Submit.'

    def some_text(self, rng: random.Random) -> str:
        name = rng.choice(word_list("FIFTY_NAMES"))
        return name.upper() if rng.random() < 0.5 else name.lower()


class EnterTextDynamic(EnterText):
    """One to five random letters and digits."""

    task = "enter-text-dynamic"

    def instruction(self, text: str) -> str:
        return f'Enter "{text}" into the text field and press Submit.'

    def some_text(self, rng: random.Random) -> str:
        return random_string(rng, 1, 5)


class LoginUserPopup:
    """Two fields, with a popup that must be cancelled because its OK button leaves the page."""

    task = "login-user-popup"
    wording = Wording('Enter the username "{}" and the password "{}" into the text fields and press login.')

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        if page.all(id="popup"):
            return click_button(page, "Cancel")
        user, password = self.wording.read(instruction)
        username_field, password_field = self._fields(page)
        return fill(username_field, USERNAME, user) or fill(password_field, PASSWORD, password) or click_button(page, "OK")

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        username, password = self._fields(page)
        done = fill_history(username, USERNAME) + fill_history(password, PASSWORD)
        if page.all(id="popup") and not done:
            done = (f"focus the {USERNAME}",)
        for number in range(OTHER_TEXTS):
            user = username.value if number % 2 and username.value else rng.choice(word_list("FIFTY_NAMES")).lower()
            yield Question(self.wording.fill(user, random_string(rng, 2, 5)), done)
        if username.value and password.value:
            yield Question(self.wording.fill(username.value, password.value), done)

    def _fields(self, page: Page) -> tuple[Element, Element]:
        return page.first(id="username"), page.first(id="password")


EXPERTS: list[Expert] = [EnterText2(), EnterTextDynamic(), LoginUserPopup()]
