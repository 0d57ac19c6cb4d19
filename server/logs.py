"""One JSON line on stderr for each thing worth knowing: requests with their ids, the engine's ups and downs. Never what was said or shown.

{"time": "2026-01-01T12:00:00.000Z", "level": "info", "event": "request", "request_id": "…", "route": "/v1/act", "status": 200, …}
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
from datetime import UTC, datetime
from typing import Any

logger = logging.getLogger("deftly.server")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class JsonLines(logging.Formatter):
    """A record as one line of JSON; the fields of `log(…)` beside it."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False, default=str)


def set_up_logs(level: str = "info") -> None:
    """Send the server's log, and uvicorn's warnings, to stderr as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name, least in (("deftly.server", level.upper()), ("uvicorn", "WARNING"), ("uvicorn.error", "WARNING")):
        log_of = logging.getLogger(name)
        log_of.handlers[:] = [handler] if name != "uvicorn.error" else []
        log_of.setLevel(least)
        log_of.propagate = name == "uvicorn.error"


def log(event: str, level: int = logging.INFO, exc_info: bool = False, **fields: object) -> None:
    """Say that `event` happened."""
    if logger.isEnabledFor(level):
        logger.log(level, event, extra={"fields": fields}, exc_info=exc_info)


def request_id(given: str | None) -> str:
    """The client's own id for its request where it is a plain one, else a new one."""
    return given if given and _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
