"""The report on two runs: what differs, how surely, and every step that one of them did better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evaluation.comparison import Comparison, Point, as_json
from evaluation.metrics.base import Scored
from evaluation.report.content import Group, Item, Report, Said
from evaluation.report.drawing import act_words, said_marks, wanted_marks
from evaluation.report.recorded import shown, step_tags, wanted_words
from evaluation.scoring import Result


def report_compared(found: Comparison, results: tuple[Result, Result] | None = None) -> Report:
    """The page of `found`; with both `results` its steps are shown with their screens."""
    told = as_json(found)
    names = found.names
    scored = [{(each.step.episode, str(each.step.step)): each for each in result.scored} for result in results or ()]
    groups = told["by_task" if found.live else "by_action"]
    success = told["success"]
    return Report(
        title=f"{names[1]} against {names[0]}",
        subtitle=f"{len(found.points):,} {'trials' if found.live else 'steps'} that both runs have; first {names[0]}, second {names[1]}",
        headlines={"second minus first": told["difference"], **_means(told)},
        counts={
            "differ": f"{len(found.differing):,}",
            "better in the second": f"{sum(point.second > point.first for point in found.differing):,}",
            "worse": f"{sum(point.second < point.first for point in found.differing):,}",
            "p, permutation": f"{told['p_value']:.3f}",
            "p, McNemar": f"{success['mcnemar_p_value']:.3f}",
            "right in both": f"{success['both']:,}",
            "in neither": f"{success['neither']:,}",
            "only in the first": f"{success['only_first']:,}",
            "only in the second": f"{success['only_second']:,}",
        },
        groups=(_differences(groups, "Second minus first, by task" if found.live else "Second minus first, by what was wanted"),),
        items=tuple(_item(number, point, scored, names) for number, point in enumerate(found.differing)),
        items_title="Where they differ",
        about={"first": _about(found.first), "second": _about(found.second)},
        notes=_notes(found, results),
    )


def _means(told: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    plain = {"standard_error": None, "interval": None}
    return {name: plain | {"mean": mean} for name, mean in zip(("first", "second"), told["means"], strict=True)}


def _differences(groups: Mapping[str, Any], title: str) -> Group:
    rows = {f"{name or 'nothing'}  (p {each['p_value']:.2f})": each["difference"] for name, each in groups.items()}
    return Group(title=title, rows=rows, low=-1.0, high=1.0)


def _item(number: int, point: Point, scored: list[dict[tuple[str, str], Scored]], names: tuple[str, str]) -> Item:
    plain = Item(
        name=point.name if " " in point.name else f"{point.cluster} · {point.name}",
        title=point.group,
        score=point.second - point.first,
        badge=f"{point.first:.2f} → {point.second:.2f}",
        tags={"which": "better in the second" if point.second > point.first else "worse in the second"},
        position=number,
    )
    pair = [of[point.cluster, point.name] for of in scored if (point.cluster, point.name) in of]
    return _with_screen(plain, (pair[0], pair[1]), names) if len(pair) == 2 else plain


def _with_screen(item: Item, pair: tuple[Scored, Scored], names: tuple[str, str]) -> Item:
    step = pair[0].step
    picture = shown(step.picture)
    size = picture.size if picture else None
    said = [Said(title="wanted", words=wanted_words(step, picture), tone="wanted")]
    for each, name, order, tone in zip(pair, names, ("first", "second"), ("other", "said"), strict=True):
        words = act_words(each.acts, size) or each.note
        said.append(Said(title=f"{order}: {name}", words=words, tone="other" if tone == "other" else "said"))
        said.append(Said(title=f"What the {order} wrote", words=each.text or "", raw=True))
    marks = (*wanted_marks(step.truth), *said_marks(pair[0].acts, "other", "first"), *said_marks(pair[1].acts, label="second"))
    return Item(
        name=item.name,
        title=step.task,
        score=item.score,
        badge=item.badge,
        picture=picture,
        marks=marks,
        said=tuple(one for one in said if one.words),
        tags={**item.tags, **step_tags(step, pair[0])},
        position=item.position,
    )


def _about(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: told[name] for name in ("dataset", "metric", "dialect", "run", "suite") if name in told}


def _notes(found: Comparison, results: tuple[Result, Result] | None) -> tuple[str, ...]:
    notes = []
    if found.only_first or found.only_second:
        notes.append(f"Left out: {found.only_first:,} that only the first run has, and {found.only_second:,} that only the second has.")
    if results is None and not found.live:
        notes.append("The data set is not where the runs found it: steps are listed without their screens (--data says where it is).")
    return tuple(notes)
