"""Experts for a small inbox of three e-mails: delete one, star one, answer one, send one on."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from actions.space import Click
from training.experts.base import Decision, Expert, Question
from training.experts.page import Element, Page
from training.experts.steps import fill, fill_history
from training.experts.wording import Wording
from training.experts.words import word_list

DELETE = Wording("Find the email by {} and click the trash icon to delete it.")
STAR = Wording("Find the email by {} and click the star icon to mark it as important.")
REPLY = Wording('Find the email by {} and reply to them with the text "{}".')
FORWARD = Wording("Find the email by {} and forward that email to {}.")
OTHER_TEXTS = 8  # instructions made up for each page with a form
MOST_REPLY_WORDS = 4
GO_BACK = "go back"


def _classed(page: Page, name: str) -> list[Element]:
    return list(page.where(lambda e: name in e.classes.split()))


def _threads(page: Page) -> dict[str, tuple[Element, Element, Element]]:
    """Sender, trash and star of each e-mail of the list, by the sender's name."""
    found = zip(_classed(page, "email-sender"), _classed(page, "trash"), _classed(page, "star"), strict=True)
    return {sender.text: (sender, trash, star) for sender, trash, star in reversed(list(found))}


def _icon(icon: str, name: str, target: Element) -> Decision:
    return Decision(f'click the {icon} of "{name}"', Click(point=target.point))


@dataclass(frozen=True, slots=True)
class Inbox:
    """Trash and star are clicked in the list; an answer is written behind the e-mail itself."""

    task: str
    wordings: tuple[Wording, ...]

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        wording, (name, *text) = self._read(instruction)
        if page.all(id="reply") or page.all(id="forward"):
            return self._write(wording, name, text, page)
        if page.all(id="email"):
            return self._in_email(wording, name, page)
        if page.all(id="search"):
            return Decision(GO_BACK, Click(point=page.first(id="search-cancel").point))
        if name not in _threads(page):
            raise LookupError(f"the inbox shows no e-mail by {name!r}")
        sender, trash, star = _threads(page)[name]
        if wording in (DELETE, STAR):
            return _icon("trash", name, trash) if wording is DELETE else _icon("star", name, star)
        return Decision(f'open the email by "{name}"', Click(point=sender.box.at(0.3, 0.5)))

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        """Every e-mail of the list; for one that is open, other texts."""
        people = word_list("PEOPLE_NAMES")
        if page.all(id="search"):
            return
        opened = self._opened(page)
        for wording in self.wordings:
            if wording in (DELETE, STAR):
                yield from (Question(wording.fill(name)) for name in (() if opened else _threads(page)))
                continue
            for name, done in self._places(page, wording, opened):
                held = next((e.value for e in self._fields(page, wording) if e.value), "")
                texts = [self._reply(rng) if wording is REPLY else rng.choice(people) for _ in range(OTHER_TEXTS if opened else 1)]
                for text in dict.fromkeys([held] if held else texts):
                    yield Question(wording.fill(name, text), done)

    def _read(self, instruction: str) -> tuple[Wording, tuple[str, ...]]:
        for wording in (DELETE, STAR, REPLY, FORWARD):
            try:
                return wording, wording.read(instruction)
            except LookupError:
                continue
        raise LookupError(f"{instruction!r} is nothing to do with an e-mail")

    def _opened(self, page: Page) -> str | None:
        """Whose e-mail is open; a form that sends it on does not say, which is the empty name."""
        if page.all(id="forward"):
            return ""
        shown = [e.text for e in _classed(page, "reply-sender")] if page.all(id="reply") else []
        return shown[0] if shown else (_classed(page, "email-sender")[0].text if page.all(id="email") else None)

    def _in_email(self, wording: Wording, name: str, page: Page) -> Decision:
        if wording in (DELETE, STAR) or self._opened(page) != name:
            return Decision(GO_BACK, Click(point=page.first(id="close-email").point))
        way = "reply" if wording is REPLY else "forward"
        return Decision(f'click "{way.capitalize()}"', Click(point=_classed(page, f"email-{way}")[0].point))

    def _write(self, wording: Wording, name: str, text: Sequence[str], page: Page) -> Decision:
        form = "reply" if page.all(id="reply") else "forward"
        wanted = "reply" if wording is REPLY else "forward"
        if form != wanted or (form == "reply" and self._opened(page) != name):
            return Decision(GO_BACK, Click(point=page.first(id=f"close-{form}").point))
        step = fill(self._fields(page, wording)[0], self._field_name(wording), text[0])
        return step or Decision("send the email", Click(point=page.first(id=f"send-{form}").point))

    def _fields(self, page: Page, wording: Wording) -> list[Element]:
        return page.all("textarea", id="reply-text") if wording is REPLY else _classed(page, "forward-sender")

    def _field_name(self, wording: Wording) -> str:
        return "text area" if wording is REPLY else "text field"

    def _places(self, page: Page, wording: Wording, opened: str | None) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Names to ask for on this page, each with the history that led here."""
        if opened is None:
            yield from ((name, ()) for name in _threads(page))
            return
        fields, way = self._fields(page, wording), "Reply" if wording is REPLY else "Forward"
        if page.all(id="email") or fields:
            name = opened or "Ann"
            done = (f'open the email by "{name}"',)
            yield name, (*done, f'click "{way}"', *fill_history(fields[0], self._field_name(wording))) if fields else done

    def _reply(self, rng: random.Random) -> str:
        """Words as the page makes them up: a capital at the start of each sentence, a full stop at the end."""
        words = [word.strip(",") for word in rng.sample(word_list("lorem_words"), rng.randint(1, MOST_REPLY_WORDS))]
        stops = [rng.random() < 0.3 for _ in words[1:]] + [True]
        starts = [True, *stops]
        return " ".join((w.capitalize() if start else w) + "." * stop for w, start, stop in zip(words, starts, stops, strict=False))


EXPERTS: list[Expert] = [
    Inbox("email-inbox-delete", (DELETE,)),
    Inbox("email-inbox-important", (STAR,)),
    Inbox("email-inbox-reply", (REPLY,)),
    Inbox("email-inbox-forward", (FORWARD,)),
    Inbox("email-inbox-star-reply", (STAR, REPLY)),
    Inbox("email-inbox-noscroll", (DELETE, STAR, REPLY, FORWARD)),
]
