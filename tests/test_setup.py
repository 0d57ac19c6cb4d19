"""The set-up script where it cannot do its work: it says what is missing, and the command that installs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the programs are Debian's")
def test_without_apt_it_names_the_missing_programs_and_the_command(tmp_path: Path) -> None:
    command = [sys.executable, str(REPO / "scripts" / "setup.py")]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "missing: xvfb, openbox, chromium, xterm" in done.stderr
    assert "sudo apt-get install --no-install-recommends xvfb openbox chromium xterm" in done.stderr


def test_without_a_python_it_says_which_are_fit(tmp_path: Path) -> None:
    (tmp_path / "dirname").symlink_to("/usr/bin/dirname")
    done = subprocess.run(
        ["/bin/sh", str(REPO / "scripts" / "setup.sh")],
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "no Python from 3.11 to 3.13 was found" in done.stderr
