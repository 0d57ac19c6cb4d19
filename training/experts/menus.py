"""Experts for menus that open under the pointer or below a text field while it is typed into."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from actions.space import Click, Hotkey, Move
from training.experts.base import Decision, Expert, Question
from training.experts.page import Element, Page
from training.experts.steps import click, click_button, fill, fill_history
from training.experts.wording import Wording
from training.experts.words import word_list

FIELD = "text field"
OPEN_SUGGESTIONS, NEXT_SUGGESTION, TAKE_SUGGESTION = "open the suggestions", "next in the list", "take this one"
OTHER_BEGINNINGS = 6  # instructions made up for each page


def _items(page: Page) -> list[Element]:
    return list(page.where(lambda e: "ui-menu-item-wrapper" in e.classes and e.hit))


class UseAutocomplete:
    """Type how the item begins, click the first suggestion that also ends as it must, submit."""

    task = "use-autocomplete"
    beginning = Wording('Enter an item that starts with "{}".')
    both = Wording('Enter an item that starts with "{}" and ends with "{}".')

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        start, end = self._ends(instruction)
        field, items = page.first("input", id="tags"), _items(page)
        fits = [item for item in items if item.text.startswith(start) and item.text.endswith(end)]
        if field.value.startswith(start) and field.value.endswith(end) and not items:
            return click_button(page, "Submit")
        if fits:
            return click(fits[0].text, fits[0])
        if not field.value.startswith(start):
            step = fill(field, FIELD, start)
            assert step is not None, "a field that holds its text begins with it"
            return step
        if field.value.endswith(end):
            return Decision(TAKE_SUGGESTION, Hotkey(keys=("enter",)))
        return Decision(NEXT_SUGGESTION if items else OPEN_SUGGESTIONS, Hotkey(keys=("down",)))

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        return iter(dict.fromkeys(self._some_questions(page, rng)))

    def _some_questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        field, items = page.first("input", id="tags"), [item.text for item in _items(page)]
        done = fill_history(field, FIELD)
        if items:
            for item in rng.sample(items, min(len(items), OTHER_BEGINNINGS)):
                yield Question(self._ask(field.value, item, rng), done)
        elif field.value in word_list("COUNTRIES"):
            start = field.value[: rng.randint(2, 4)]
            yield Question(self._ask(start, field.value, rng), (f"focus the {FIELD}", f'type "{start}"', f'click "{field.value}"'))
        elif not field.value:
            for item in rng.sample(word_list("COUNTRIES"), OTHER_BEGINNINGS):
                yield Question(self._ask(item[: rng.randint(2, 4)], item, rng), done)

    def _ends(self, instruction: str) -> tuple[str, str]:
        if " and ends with " in instruction:
            start, end = self.both.read(instruction)
            return start, end
        return self.beginning.read(instruction)[0], ""

    def _ask(self, start: str, item: str, rng: random.Random) -> str:
        return self.both.fill(start, item[-rng.randint(2, 4) :]) if rng.random() < 0.75 else self.beginning.fill(start)


class ClickMenu:
    """A menu of up to three levels, told as a path: hover what has a submenu, since a click would choose it; click the last."""

    task = "click-menu"
    wording = Wording("Select {}")

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        path = self.wording.read(instruction)[0].split(">")
        items = {item.text: item for item in _items(page)}
        if path[-1] in items:
            return Decision(f'click "{path[-1]}"', Click(point=items[path[-1]].point))
        for name in reversed(path):
            if name in items:
                return Decision(f'hover "{name}"', Move(point=items[name].point))
        raise LookupError(f"the menu shows nothing of {'>'.join(path)!r}")

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        """Everything in the menu that is hit without opening more of it, told by its path."""
        items = _items(page)
        for item in items:
            path = self._path(page, item)
            if "aria-haspopup" not in item.attributes:
                yield Question(self.wording.fill(">".join(path)), tuple(f'hover "{name}"' for name in path[:-1]))

    def _path(self, page: Page, item: Element) -> list[str]:
        """The names from the outermost menu down to `item`."""
        names: list[str] = []
        place = item.parent
        while place >= 0:
            element = page.elements[place]
            if element.tag == "li":
                names.insert(0, next(e.text for e in page.elements if e.parent == place and "ui-menu-item-wrapper" in e.classes))
            place = element.parent
        return names


EXPERTS: list[Expert] = [UseAutocomplete(), ClickMenu()]
