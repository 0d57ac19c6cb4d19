"""`deftly run` under a policy: what it says, how it ends, and the log that it leaves."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.runs import Run

pytestmark = pytest.mark.display
DELETE = "Thought: I delete it.\nAction: click(point='<point>400 300</point>')"
WAIT = "Thought: I look.\nAction: wait()"
DONE = "Thought: Done.\nAction: finished(content='ok')"


def start(folder: Path, display: str, replies: list[str], *more: str, **options: object) -> Run:
    (folder / "script.jsonl").write_text("".join(json.dumps(reply) + "\n" for reply in replies))
    told = ["--engine", "scripted", "--script", "script.jsonl", "--family", "uitars-1.5", *more]
    return Run(folder, display, told, **{"stdin": subprocess.DEVNULL, **options})


def audit(run: Run, *more: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "deftly", "episodes", "audit", str(run.episode().path), *more]
    return subprocess.run(argv, capture_output=True, text=True, timeout=100)


def test_auto_ends_with_5_when_a_word_is_needed_and_nobody_is_there(x_display: str, tmp_path: Path) -> None:
    run = start(tmp_path, x_display, [DELETE, DONE])
    code, told, _ = run.finish()
    assert (code, told["status"]) == (5, "user_needed")
    assert "rule 'destruction'" in told["message"] and "'delete' is in what the model thought" in told["message"]
    assert run.episode().steps[0].outcomes == ()


def test_somebody_at_a_terminal_is_asked_with_the_rule_and_the_log_says_what_they_said(x_display: str, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    run = start(tmp_path, x_display, [DELETE, DONE], stdin=theirs)
    os.close(theirs)
    os.write(ours, b"y\n")
    code, told, err = run.finish()
    os.close(ours)
    assert (code, told["status"]) == (0, "done")
    assert "because of rule 'destruction'" in err
    checked = audit(run, "--json")
    entries = json.loads(checked.stdout)["entries"]
    assert [(entry["event"], entry.get("answer") or entry.get("verdict")) for entry in entries] == [
        ("start", None),
        ("verdict", "confirm"),
        ("answer", "approve"),
        ("end", None),
    ]


def test_a_log_that_was_changed_is_an_error(x_display: str, tmp_path: Path) -> None:
    run = start(tmp_path, x_display, [DELETE, DONE])
    run.finish()
    assert "unchanged, complete" in audit(run).stdout
    log = run.episode().path / "audit.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"confirm"', b'"allow"'))
    checked = audit(run)
    assert checked.returncode == 2 and "line 2 does not have the hash" in checked.stderr


def test_a_policy_of_ones_own_may_allow_it(x_display: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("version: 1\nextends: default\nwithout: [destruction]\n")
    code, told, _ = start(tmp_path, x_display, [DELETE, DONE], "--policy", "mine.yaml").finish()
    assert (code, told["status"]) == (0, "done")


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (["--policy", "wrong.yaml"], "wrong.yaml: rules[0].verdict is 'perhaps': it must be one of allow, confirm, refuse"),
        (["--policy", "missing"], "no policy is called 'missing'"),
        (["--secret", "A=hunter2"], "--secret A must come from env:VARIABLE, file:PATH or prompt"),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_starts(x_display: str, tmp_path: Path, more: list[str], complaint: str) -> None:
    (tmp_path / "wrong.yaml").write_text("version: 1\nrules: [{name: a, verdict: perhaps}]\n")
    run = start(tmp_path, x_display, [DONE], *more)
    out, err = run.process.communicate(timeout=100)
    assert run.process.returncode == 2 and complaint in err and "hunter2" not in err + out
    assert not (tmp_path / "episodes").exists()
