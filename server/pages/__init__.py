"""The page: plain HTML, ES modules and CSS out of this package, and the routers that it asks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from fastapi import APIRouter

    from inference.families import Family
    from server.backends.base import Backend
    from server.runs_orders import RunRules


class Pages(NamedTuple):
    """All routes, and what must be called when the server begins to stop."""

    router: APIRouter
    leave: Callable[[], None]


def pages_router(backend: Backend, family: Family, rules: RunRules, *, num_at_once: int, reports: Path) -> Pages:
    """The page, with runs of the served model by `rules`, their episodes, and the evaluation reports under `reports`."""
    from fastapi import APIRouter

    from server.episodes import Catalogue
    from server.episodes_api import episodes_router
    from server.pages.static_files import static_router
    from server.reports import Reports, reports_router
    from server.runs import Runs
    from server.runs_api import runs_router

    runs = Runs(backend, family, rules, num_at_once)
    router = APIRouter()
    router.include_router(static_router())
    router.include_router(runs_router(runs, rules, num_at_once))
    router.include_router(episodes_router(Catalogue(rules.episodes)))
    router.include_router(reports_router(Reports(reports)))
    return Pages(router, runs.leave)
