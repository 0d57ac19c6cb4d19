"""The report: figures, plots and every failed step as one HTML file that needs no network. What a model says is only text on it."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from pathlib import Path
from string import Template

from agent.durable import write_whole
from agent.page.markup import text
from evaluation.report.content import Report
from evaluation.report.layout import render_body

__all__ = ["Report", "render_report", "write_report"]


def render_report(report: Report) -> str:
    """`report` as one HTML document."""
    script = _part("report.js")
    return Template(_part("report.html")).substitute(
        title=text(report.title, 200),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        style=_part("report.css"),
        body=render_body(report),
        script=script,
    )


def write_report(report: Report, file: Path) -> Path:
    """The page at `file`, whole or not at all; its folder is made where there is none."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, render_report(report).encode("utf-8", errors="replace"))
    return file


def _part(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
