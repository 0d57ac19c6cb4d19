"""The doctor, on this machine and on machines that lack something."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

needs_xvfb = pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is not installed")


def doctor(cwd: Path, *argv: str, **environment: str) -> tuple[int, dict[str, dict[str, Any]], bool]:
    env = os.environ | {"DISPLAY": "", "WAYLAND_DISPLAY": "", "XDG_SESSION_TYPE": ""} | environment
    command = [sys.executable, "-m", "deftly", "doctor", "--json", *argv]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=env, cwd=cwd, check=False)
    assert done.stderr == ""
    report = json.loads(done.stdout)
    return done.returncode, {finding["name"]: finding for finding in report["findings"]}, report["can_run"]


@needs_xvfb
@pytest.mark.display
def test_without_a_display_it_tries_eyes_and_hands_on_a_virtual_one(tmp_path: Path) -> None:
    code, found, can_run = doctor(tmp_path)
    assert found["screen"]["detail"].startswith("a virtual desktop")
    assert found["eyes"]["state"] == "ok"
    assert found["eyes"]["detail"].startswith("1280x720 in ")
    assert found["hands"]["state"] == "ok"
    assert found["display"]["state"] == "optional"
    assert code == (0 if can_run else 1)
    assert can_run == all(finding["state"] != "missing" for finding in found.values())


def test_without_xvfb_it_names_the_package_that_brings_it(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    code, found, can_run = doctor(tmp_path, PATH=str(tmp_path / "bin"))
    assert (code, can_run) == (1, False)
    assert found["screen"]["state"] == found["eyes"]["state"] == found["hands"]["state"] == "missing"
    assert found["Xvfb"]["mend"] == "sudo apt-get install --no-install-recommends xvfb"


@needs_xvfb
@pytest.mark.display
def test_a_wayland_session_is_said_plainly(tmp_path: Path) -> None:
    _, found, _ = doctor(tmp_path, WAYLAND_DISPLAY="wayland-0")
    assert "Wayland session" in found["display"]["detail"]
    if found["display"]["state"] == "ok":
        assert "--computer wayland" in found["display"]["detail"]
    else:
        assert "--virtual" in found["display"]["mend"]
    assert found["screen"]["detail"].startswith("a virtual desktop")
