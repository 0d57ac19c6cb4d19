"""Markup: the only place where text becomes HTML, so that what an episode says can never be more than text."""

from __future__ import annotations

import html

LONGEST = 20_000  # characters of one text on the page; the episode holds all of them


def text(value: object, longest: int = LONGEST) -> str:
    """`value` as text, safe between tags and inside a quoted attribute, cut where nobody would read on."""
    words = str(value)
    if len(words) > longest:
        words = f"{words[:longest]}\n… {len(words):,} characters in all"
    return html.escape("".join(char if char.isprintable() or char in "\n\t" else "�" for char in words))


def element(tag: str, *inner: str, **attributes: object) -> str:
    """`<tag …>inner</tag>`; `inner` is markup already, attributes are escaped, `class_` is `class`, and `None` leaves one out."""
    given = "".join(f' {name.rstrip("_").replace("_", "-")}="{text(value)}"' for name, value in attributes.items() if value is not None)
    return f"<{tag}{given}>{''.join(inner)}</{tag}>"
