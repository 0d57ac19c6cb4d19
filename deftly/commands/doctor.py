"""`deftly doctor`: a table of what works here, what is missing, and the command that mends it."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from deftly.doctor import Finding, can_run, examine

_STYLE = {"ok": "green", "missing": "bold red", "optional": "yellow"}


def doctor_command(argv: list[str]) -> int:
    """Exit code 0 when `deftly run` can work here, 1 when it cannot."""
    parser = argparse.ArgumentParser(prog="deftly doctor", description="Say what works here, what is missing and how to mend it.")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    options = parser.parse_args(argv)
    findings = examine()
    if options.json:
        print(json.dumps({"can_run": can_run(findings), "findings": [asdict(finding) for finding in findings]}, indent=2))
    else:
        _print_table(findings)
    return 0 if can_run(findings) else 1


def _print_table(findings: list[Finding]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("", "what", "found"):
        table.add_column(heading)
    for finding in findings:
        found = Text(finding.detail)
        if finding.mend and finding.state != "ok":
            found.append(f"\n→ {finding.mend}", style="cyan")
        table.add_row(Text(finding.state, style=_STYLE[finding.state]), finding.name, found)
    console = Console(highlight=False)
    console.print(table)
    broken = [finding.name for finding in findings if finding.state == "missing"]
    verdict = f"deftly run cannot work yet: {', '.join(broken)}" if broken else "deftly run can work here"
    console.print(f"\n{verdict}", style="bold")
