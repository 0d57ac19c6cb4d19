"""From a report's content to the body of its page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from agent.page.markup import element, text
from evaluation.report.content import FigureJson, Group, Item, Report, Said
from evaluation.report.drawing import draw
from evaluation.report.images import embed
from evaluation.report.plots import amount, histogram, interval_plot

SORTS = {"position": "in order", "score": "lowest score first", "score-down": "highest score first", "name": "by name"}


def render_body(report: Report) -> str:
    """Everything between the page's header and its script."""
    return "".join(
        (
            _header(report),
            element("section", *map(_headline, report.headlines.items()), class_="headlines", aria_label="headline figures"),
            element("section", *map(_group, report.groups), class_="groups") if report.groups else "",
            _spread(report.scores),
            _items(report),
            _about(report.about),
        )
    )


def _header(report: Report) -> str:
    counts = [element("span", element("b", text(value)), " " + text(name), class_="count") for name, value in report.counts.items()]
    notes = [element("p", text(note), class_="note") for note in report.notes]
    return element(
        "header",
        element("h1", text(report.title)),
        element("p", text(report.subtitle), class_="subtitle"),
        element("p", *counts, class_="counts"),
        *notes,
    )


def _headline(named: tuple[str, FigureJson]) -> str:
    name, figure = named
    error = f" ± {amount(figure, figure['standard_error'])}" if figure["standard_error"] is not None else ""
    interval = f"95 % from {amount(figure, figure['interval'][0])} to {amount(figure, figure['interval'][1])}" if figure["interval"] else ""
    return element(
        "div",
        element("h2", text(name)),
        element("p", amount(figure, figure["mean"]), element("small", error), class_="figure"),
        element("p", text(interval), class_="interval"),
        class_="headline",
    )


def _group(group: Group) -> str:
    rows = [
        element(
            "tr",
            element("th", text(name, 200), scope="row"),
            element("td", amount(figure, figure["mean"]), class_="number"),
            element(
                "td", f"± {amount(figure, figure['standard_error'])}" if figure["standard_error"] is not None else "", class_="number soft"
            ),
            element("td", interval_plot(figure, group.low, group.high), class_="plotted"),
            element("td", f"{figure['num_steps']:,}", class_="number soft"),
        )
        for name, figure in group.rows.items()
    ]
    plain = any(figure.get("plain") for figure in group.rows.values())
    ticks = [group.low + (group.high - group.low) * step / 4 for step in range(5)]
    scale = element("span", *(f"<i>{tick:g}</i>" if plain else f"<i>{100 * tick:.0f}</i>" for tick in ticks), class_="scale")
    heads = ["<th></th>", "<th>mean</th>", "<th>s. e.</th>", element("th", scale), "<th>n</th>"]
    table = element("table", element("thead", element("tr", *heads)), element("tbody", *rows))
    return element(
        "div", element("h2", text(group.title)), element("p", text(group.note), class_="soft") if group.note else "", table, class_="group"
    )


def _spread(scores: Sequence[float]) -> str:
    return element("section", "<h2>How scores are spread</h2>", histogram(scores), class_="spread") if scores else ""


def _items(report: Report) -> str:
    if not report.items:
        return element("section", element("h2", text(report.items_title)), '<p class="soft">None.</p>')
    pictures = embed([item.picture for item in report.items])
    articles = [_item(item, picture) for item, picture in zip(report.items, pictures, strict=True)]
    heading = element("h2", text(report.items_title), " ", f'<span id="shown" class="soft">{len(articles)}</span>')
    empty = '<p id="empty" class="soft" hidden>Nothing matches.</p>'
    return element("section", heading, _controls(report.items), element("div", *articles, id="items"), empty, class_="list")


def _controls(items: Sequence[Item]) -> str:
    names = dict.fromkeys(name for item in items for name in item.tags)
    selects = [_select(name, [item.tags.get(name, "") for item in items]) for name in names]
    options = [element("option", text(words), value=name) for name, words in SORTS.items()]
    sort = element("label", "sort", element("select", *options, id="sort"))
    search = '<label class="search">search<input id="search" type="search" placeholder="task, thought, text …" autocomplete="off"></label>'
    return element("form", search, *filter(None, selects), sort, id="controls")


def _select(name: str, values: Sequence[str]) -> str:
    """A choice between the values of one tag; none where there is nothing to choose."""
    counts = {value: values.count(value) for value in sorted(set(values)) if value}
    if len(counts) < 2:
        return ""
    options = [element("option", f"{text(value, 60)} ({count})", value=value) for value, count in counts.items()]
    return element("label", text(name), element("select", f'<option value="">all ({len(values)})</option>', *options, data_tag=name))


def _item(item: Item, picture: str | None) -> str:
    tags = [element("span", text(value, 60), class_="tag", title=name) for name, value in item.tags.items() if value]
    badge = element("span", text(item.badge), class_=f"badge {'bad' if item.score < 0.5 else 'unsure' if item.score < 1 else 'good'}")
    panel = element(
        "div",
        element("p", element("code", text(item.name, 200)), badge, *tags, class_="tags"),
        element("h3", text(item.title, 2000)),
        *map(_said, item.said),
        class_="panel",
    )
    return element(
        "article",
        _figure(item, picture),
        panel,
        data_score=f"{item.score:.6f}",
        data_position=item.position,
        data_name=item.name,
        data_tags=json.dumps(dict(item.tags)),
    )


def _figure(item: Item, picture: str | None) -> str:
    if item.picture is None:
        return ""
    if picture is None:
        return '<figure class="missing">the picture is not here</figure>'
    width, height = item.picture.size
    image = f'<img src="{picture}" width="{width}" height="{height}" loading="lazy" decoding="async" alt="">'  # base64 needs no escaping
    shape = "tall" if height > width else "wide"
    return element("figure", element("div", image, draw(item.marks, item.picture.size), class_="screen"), class_=shape, tabindex=0)


def _said(said: Said) -> str:
    if said.raw:
        return element("details", element("summary", text(said.title)), element("pre", text(said.words)))
    return element("p", element("small", text(said.title)), text(said.words, 4000), class_=f"words {said.tone}".strip())


def _about(about: Mapping[str, Any]) -> str:
    rows = [element("dt", text(name)) + element("dd", text(_value(value))) for name, value in flat(about).items()]
    return element("section", "<h2>What it was made of</h2>", element("dl", *rows), class_="about")


def flat(about: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted names."""
    told: dict[str, Any] = {}
    for name, value in about.items():
        told |= flat(value, f"{before}{name}.") if isinstance(value, Mapping) and value else {before + name: value}
    return told


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
