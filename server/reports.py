"""`/reports`: what `deftly eval` has written under a folder, listed, and opened by an id that is no path.

The HTML that lies beside a report is shown in a sandbox: it is a document from disk, and must not act for whoever looks at it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi import Path as PathParameter
from starlette.responses import Response

from server.episodes_json import SafeJson
from server.errors import ApiError
from server.schemas import ERRORS

LARGEST_BYTES = 256 << 20
SANDBOX = "sandbox allow-scripts; default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
ReportId = Annotated[str, PathParameter(max_length=64, pattern="^[0-9a-f]+$")]


class Reports:
    """The reports under `root`: every JSON file that has a report's form. Those of recorded data have a `summary`, live ones `tasks`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._read: dict[Path, tuple[int, dict[str, Any] | None]] = {}

    def all(self) -> list[dict[str, Any]]:
        """What a list shows of each, the newest first."""
        files = sorted(self._root.glob("**/*.json")) if self._root.is_dir() else []
        self._read = {file: self._headline(file) for file in files if _size(file) <= LARGEST_BYTES}
        return sorted((told for _, told in self._read.values() if told), key=lambda told: -float(told["written"]))

    def open(self, name: str) -> dict[str, Any]:
        """The report with the id `name`.

        Raises:
            ApiError: there is none.
        """
        file, told = self._find(name)
        report = _report(file)
        if report is None:
            raise _unknown()
        return told | {"report": report}

    def page(self, name: str) -> bytes:
        """The HTML that lies beside the report with the id `name`.

        Raises:
            ApiError: there is none.
        """
        file, _ = self._find(name)
        try:
            return file.with_suffix(".html").read_bytes()
        except OSError:
            raise _unknown() from None

    def _find(self, name: str) -> tuple[Path, dict[str, Any]]:
        self.all()
        for file, (_, told) in self._read.items():
            if told and told["id"] == name:
                return file, told
        raise _unknown()

    def _headline(self, file: Path) -> tuple[int, dict[str, Any] | None]:
        try:
            changed = file.stat().st_mtime_ns
        except OSError:
            return 0, None
        before = self._read.get(file)
        return before if before and before[0] == changed else (changed, self._read_headline(file, changed))

    def _read_headline(self, file: Path, changed: int) -> dict[str, Any] | None:
        report = _report(file)
        if report is None:
            return None
        name = str(file.relative_to(self._root))
        about = _of(report, "run") or report
        live = "tasks" in report
        return {
            "id": hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:20],
            "name": name,
            "kind": "live" if live else "recorded",
            "title": str(report.get("suite", "") if live else _of(report, "dataset").get("name", "")),
            "metric": str(_of(report, "metric").get("name", "success" if live else "")),
            "model": str(about.get("model") or ""),
            "score": report.get("mean_success") if live else _of(report, "summary").get("score"),
            "size": len(report["tasks"]) if live else _of(report, "summary").get("num_steps"),
            "written": changed / 1e9,
            "page": file.with_suffix(".html").is_file(),
        }


def reports_router(reports: Reports) -> APIRouter:
    """The routes of `reports`."""
    router = APIRouter(prefix="/reports", tags=["Reports"], responses=ERRORS)

    @router.get("", summary="Evaluation reports, the newest first")
    def listed() -> Any:
        return SafeJson({"reports": reports.all()})

    @router.get("/{report_id}", summary="One report; of its steps those with the lowest scores come first")
    def one(
        report_id: ReportId, limit: Annotated[int, Query(ge=0, le=5000)] = 200, offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0
    ) -> Any:
        told = reports.open(report_id)
        steps = told["report"].get("steps")
        if isinstance(steps, list):
            worst = sorted((step for step in steps if isinstance(step, dict)), key=_score)
            told["report"] = told["report"] | {"steps": worst[offset : offset + limit], "num_steps": len(steps)}
        return SafeJson(told)

    @router.get("/{report_id}/page", summary="The report's own HTML", response_class=Response)
    def page(report_id: ReportId) -> Response:
        return Response(reports.page(report_id), media_type="text/html", headers={"content-security-policy": SANDBOX})

    return router


def _unknown() -> ApiError:
    return ApiError(404, "there is no such report (any more)", code="report_unknown")


def _score(step: dict[str, Any]) -> float:
    score = step.get("score")
    return float(score) if isinstance(score, int | float) else 0.0


def _report(file: Path) -> dict[str, Any] | None:
    """What `file` says, where that is a report; numbers that JSON does not have become null."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"), parse_constant=lambda _: None)
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    recorded = isinstance(told.get("summary"), dict) and isinstance(told.get("dataset"), dict)
    live = isinstance(told.get("tasks"), list) and "suite" in told
    return told if recorded or live else None


def _of(told: dict[str, Any], name: str) -> dict[str, Any]:
    value = told.get(name)
    return value if isinstance(value, dict) else {}


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return LARGEST_BYTES + 1
