"""The steps that experts share, each with its one wording: click on something, fill a text field."""

from __future__ import annotations

from actions.space import Click, Hotkey, TypeText
from training.experts.base import Decision
from training.experts.page import Element, Page

SELECT_ALL = "select all the text"
SUBMIT = "Submit"  # the button that ends most tasks


def click(name: str, target: Element) -> Decision:
    """Click on `target`, which is called `name`."""
    return Decision(f'click "{name}"', Click(point=target.point))


def click_button(page: Page, text: str) -> Decision:
    """Click the first reachable button with exactly this text.

    Raises:
        LookupError: no such button can be reached.
    """
    return click(text, page.first("button", text=text, hit=True))


def fill(field: Element, name: str, wanted: str) -> Decision | None:
    """The next step until `field` holds `wanted`; `None` when it does."""
    if field.value == wanted:
        return None
    if not field.focused:
        return Decision(f"focus the {name}", Click(point=field.point))
    if field.value != field.selection:
        return Decision(SELECT_ALL, Hotkey(keys=("ctrl", "a")))
    return Decision(f'type "{wanted}"', TypeText(text=wanted))


def fill_history(field: Element, name: str) -> tuple[str, ...]:
    """What was done to `field`, judged by how it looks."""
    done: tuple[str, ...] = ()
    if field.focused or field.value:
        done = (f"focus the {name}",)
    if field.value:
        done = (*done, f'type "{field.value}"')
    if field.selection:
        done = (*done, SELECT_ALL)
    return done
