"""Tasks of one click, on something that the instruction names."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from actions.space import Click
from training.experts.base import Decision, Expert, Question
from training.experts.page import Element, Page
from training.experts.wording import Wording

Named = Iterator[tuple[str, Element]]


@dataclass(frozen=True, slots=True)
class ClickNamed:
    """Clicks the first target with the name in the instruction. `named` lists a page's targets; `thought` says which was meant."""

    task: str
    wording: Wording
    thought: Callable[[str], str]
    named: Callable[[Page], Named]

    def decide(self, instruction: str, page: Page, history: Sequence[str]) -> Decision:
        wanted = "".join(self.wording.read(instruction))
        targets = [element for name, element in self.named(page) if name == wanted]
        if not targets:
            raise LookupError(f"{self.task}: the page shows nothing called {wanted!r}")
        best = next((target for target in targets if target.hit), targets[0])
        return Decision(self.thought(wanted), Click(point=best.point))

    def questions(self, page: Page, rng: random.Random) -> Iterator[Question]:
        names = list(dict.fromkeys(name for name, element in self.named(page) if element.hit))
        rng.shuffle(names)
        return (Question(self.wording.fill(name) if name else self.wording.template) for name in names)


def _the_button(page: Page) -> Named:
    return (("", element) for element in page.all("button"))


def _the_text_field(page: Page) -> Named:
    return (("", element) for element in page.all("input", type="text"))


def _the_cross(page: Page) -> Named:
    return (("", element) for element in page.where(_is_cross))


def _is_cross(element: Element) -> bool:
    return element.tag == "button" and "ui-dialog-titlebar-close" in element.classes


def _buttons(page: Page) -> Named:
    return ((element.text, element) for element in page.all("button"))


def _dialog_buttons(page: Page) -> Named:
    return (("x" if _is_cross(element) else element.text, element) for element in page.all("button"))


def _color_boxes(page: Page) -> Named:
    return ((element.attributes["data-color"], element) for element in page.where(lambda e: "data-color" in e.attributes))


def _tabs(page: Page) -> Named:
    return ((element.text, element) for element in page.where(lambda e: e.tag == "a" and "ui-tabs-anchor" in e.classes))


def _links(page: Page) -> Named:
    return ((element.text, element) for element in page.where(lambda e: "alink" in e.classes.split()))


def _numbered_text_fields(page: Page) -> Named:
    return zip(("1st", "2nd", "3rd"), page.all("input", type="text"), strict=False)


def _widgets(page: Page) -> Named:
    return ((element.attributes["data-type"], element) for element in page.where(lambda e: "data-type" in e.attributes))


EXPERTS: list[Expert] = [
    ClickNamed("click-test", Wording("Click the button."), 'click "Click Me!"'.format, _the_button),
    ClickNamed("click-test-2", Wording("Click button {}."), 'click "{}"'.format, _buttons),
    ClickNamed("click-button", Wording('Click on the "{}" button.'), 'click "{}"'.format, _buttons),
    ClickNamed("unicode-test", Wording('Click on the "{}" button.'), 'click "{}"'.format, _buttons),
    ClickNamed("click-color", Wording("Click on the {} colored box."), "click the {} box".format, _color_boxes),
    ClickNamed("click-tab", Wording("Click on {}."), 'click the tab "{}"'.format, _tabs),
    ClickNamed("click-dialog", Wording('Close the dialog box by clicking the "x".'), "close the dialog".format, _the_cross),
    ClickNamed(
        "click-dialog-2",
        Wording('Click the button in the dialog box labeled "{}".'),
        lambda name: "close the dialog" if name == "x" else f'click "{name}"',
        _dialog_buttons,
    ),
    ClickNamed("click-link", Wording('Click on the link "{}".'), 'click the link "{}"'.format, _links),
    ClickNamed("focus-text", Wording("Focus into the textbox."), "focus the text field".format, _the_text_field),
    ClickNamed("focus-text-2", Wording("Focus into the {} input textbox."), "focus the {} text field".format, _numbered_text_fields),
    ClickNamed(
        "click-widget",
        Wording('Click on a "{}" widget.'),
        lambda name: "click the text field" if name == "text" else f"click the {name}",
        _widgets,
    ),
]
